"""The yardstick: load the extracts and add up every KPI in bare DuckDB, with nothing else around it.

    python benchmarks/bare.py LANDING [--final-state] [--threads 2] [--memory 4GB] [--as-of 2026-07-06T00:00:00Z]

What a good analyst would write for one set of files, once: five tables, the joins, and the sums by day, week and month
over all, every dimension and pairs of dimensions ([bare_sums.py](bare_sums.py) says which). There are no checks, no quarantine, no ledger, no history, no
intervals, no publishing and no orchestration: the pipeline's time over this time is the price of those.

It prints the seconds of each step on stderr and one JSON line on stdout.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from bare_sums import OVER, SHARED, SUMS, Group, Over, Sums

PERIODS = ("day", "week", "month")

TIME, MONEY, COUNT, TEXT = "timestamp", "decimal(18,4)", "integer", "varchar"
COLUMNS = {
    "orders": "order_id customer_id seller_id market category seller_tier fulfilment currency order_value item_count"
    " ordered_at delivered_at cancelled_at updated_at",
    "returns": "return_id order_id reason_code resolution carrier approved_amount requested_at approved_at first_scan_at"
    " received_at inspected_at rejected_at cancelled_at expired_at updated_at",
    "refunds": "refund_id return_id order_id amount method issued_at credited_at updated_at",
    "contacts": "contact_id customer_id order_id return_id channel direction reason_code created_at resolved_at"
    " updated_at",
    "surveys": "response_id customer_id order_id return_id contact_id survey_type scale_min scale_max score comment"
    " language touchpoint invited_at responded_at updated_at",
}
TYPES = dict.fromkeys(["order_value", "approved_amount", "amount"], MONEY)
TYPES |= dict.fromkeys(["item_count", "scale_min", "scale_max", "score"], COUNT)


class Clock:
    """Seconds of each step, said as they pass."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}
        self.last = time.perf_counter()

    def lap(self, name: str) -> None:
        """End the step that has run since the last lap."""
        now = time.perf_counter()
        self.steps[name], self.last = round(now - self.last, 3), now
        print(f"{self.steps[name]:8.2f} s  {name}", file=sys.stderr)


def relation(landing: Path, source: str) -> str:
    """SQL that reads all files of one source, typed; timestamps become naive UTC (the session's zone is UTC)."""
    kinds = {name: TYPES.get(name, TIME if name.endswith("_at") else TEXT) for name in COLUMNS[source].split()}
    listed = ", ".join(f"cast({name} as {kind}) as {name}" for name, kind in kinds.items())
    folder = str(landing / source).replace("'", "''")
    if next((landing / source).glob("*.parquet"), None):
        return f"select {listed} from read_parquet('{folder}/*.parquet')"
    read = ", ".join(f"'{name}': '{'timestamptz' if kind == TIME else kind}'" for name, kind in kinds.items())
    dialect = """header = true, delim = ',', quote = '"', escape = '"'"""
    return f"select {listed} from read_csv('{folder}/*.csv*', {dialect}, columns = {{{read}}})"


def load(con: duckdb.DuckDBPyConnection, landing: Path, final_state: bool, clock: Clock) -> None:
    """The five tables: every row, or for a feed of changes the latest state of each key."""
    for source, columns in COLUMNS.items():
        sql = relation(landing, source)
        if not final_state:
            sql += f" qualify row_number() over (partition by {columns.split()[0]} order by updated_at desc) = 1"
        con.execute(f"create table {source} as {sql}").fetchall()
        clock.lap(f"load {source}")


def set_as_of(con: duckdb.DuckDBPyConnection, given: datetime | None) -> None:
    """The macro as_of(): the time given, else the midnight after the last change."""
    moment = given.astimezone(UTC).replace(tzinfo=None) if given else None
    if moment is None:
        last = " union all ".join(f"select max(updated_at) as changed_at from {source}" for source in COLUMNS)
        midnight = f"select date_trunc('day', max(changed_at)) + interval 1 day from ({last})"
        ((moment,),) = con.execute(midnight).fetchall()
    con.execute(f"create temp macro as_of() as timestamp '{moment}'").fetchall()


def total(measures: Sequence[str]) -> str:
    """SQL that adds up measures under their own names."""
    return ", ".join(f"cast(sum({measure}) as bigint) as {measure}" for measure in measures)


def sum_finest(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """The finest sums of one table: by day and all dimensions. Cases by the second are hardly ever two: they stay rows."""
    spec = SUMS[name]
    if spec.by_wait:
        coarser = ", ".join(f"cast(date_trunc('{period}', day) as date) as {period}" for period in PERIODS[1:])
        con.execute(f"create temp table finest_{name} as select *, {coarser} from ({spec.rows})").fetchall()
        return
    sums = ", ".join(f"cast(sum(cast({measure} as integer)) as bigint) as {measure}" for measure in spec.measures)
    select = f"select {', '.join(['day', *spec.dims])}, {sums} from ({spec.rows}) group by all"
    con.execute(f"create temp table finest_{name} as {select}").fetchall()


def label(group: Sequence[str]) -> str:
    """The name of a group of dimensions, as it is published: 'all', 'market', 'market × category'."""
    return " × ".join(group) or "all"


def group_by(source: str, period: str, group: Group, spec: Sums) -> str:
    """SQL of the sums of one group of dimensions, labelled as it is published: 'VN', 'VN × beauty'."""
    is_pair = len(group) == 2
    kept = [measure for measure in spec.measures if not (is_pair and measure in spec.coarse)]
    told = [measure if measure in kept else f"null as {measure}" for measure in spec.measures]
    known = " and ".join(f"{name} is not null" for name in group) or "true"
    value = " || ' × ' || ".join(group) or "'all'"
    keys, columns = [period, *group], [period, f"'{label(group)}' as dimension", f"{value} as dimension_value"]
    if spec.by_wait:
        keys.append("waited // 3600 * 3600 as waited" if is_pair else "waited")
        columns.append("waited")
    sums = f"select {', '.join(keys)}, {total(kept)} from {source} where {known} group by all"
    return f"select {', '.join([*columns, *told])} from ({sums})"


def roll_up(con: duckdb.DuckDBPyConnection, name: str, clock: Clock) -> None:
    """Sums of one table by day, week and month over its groups.

    The finest sums are made once, by day; those of weeks and months are sums of them. One GROUP BY per group of
    dimensions, all in one statement, is what DuckDB does fastest here: grouping sets take half as long again.
    """
    spec, finest = SUMS[name], f"finest_{name}"
    for period in PERIODS:
        source = finest
        if period != "day" and not spec.by_wait:
            source = f"{finest}_{period}"
            start = f"cast(date_trunc('{period}', day) as date) as {period}"
            last = f"where day in (select max(day) from {finest} group by date_trunc('{period}', day))"
            coarser = f"select {', '.join([start, *spec.dims])}, {total(spec.measures)} from {finest}"
            coarser += f" {last if spec.is_stock else ''} group by all"
            con.execute(f"create temp table {source} as {coarser}").fetchall()
        groups = [group for group in spec.groups if len(group) < 2 or period != "day" or spec.by_day]
        parts = " union all ".join(group_by(source, period, group, spec) for group in groups)
        con.execute(f"create table {name}_{period} as {parts}").fetchall()
        clock.lap(f"{name} by {period}")


def divide(con: duckdb.DuckDBPyConnection, name: str, over: Over) -> None:
    """Numerators over the denominators of the rest of their group: a reason has no orders of its own.

    A group that was ever counted has 0 where there was something to count against and nothing of it was counted.
    """
    places = []
    for group in SUMS[over.numerators].groups:
        rest = [i for i, dim in enumerate(group, 1) if dim not in over.above]
        place = "null" if len(rest) == len(group) else rest[0] if rest else 0
        places.append(f"('{label(group)}', '{label([group[i - 1] for i in rest])}', {place})")
    con.execute(f"""
        create temp table {name}_groups as
        select distinct dimension, dimension_value, rest, place is null as is_base,
               case when place is null then dimension_value when place = 0 then 'all'
                    else split_part(dimension_value, ' × ', place) end as rest_value
        from {over.numerators}_day
        join (values {", ".join(places)}) as groups (dimension, rest, place) using (dimension)
        where {over.numerator} > 0
    """).fetchall()
    bases = ", ".join(f"'{label(group)}'" for group in SUMS[over.numerators].groups if not set(group) & set(over.above))
    for period in PERIODS:
        con.execute(f"""
            create table {name}_{period} as
            with base as (
                select {period}, dimension, dimension_value, {over.denominator} as denominator
                from {over.denominators}_{period}
                where {over.denominator} > 0 and dimension in ({bases})),
            expected as (
                from base
                union all
                select {period}, named.dimension, named.dimension_value, denominator
                from {name}_groups as named
                join base on base.dimension = named.rest and base.dimension_value = named.rest_value
                where not is_base),
            counted as (
                select {period}, dimension, dimension_value, {over.numerator} as numerator
                from {over.numerators}_{period} where {over.numerator} > 0)
            select {period}, dimension, dimension_value,
                   coalesce(numerator, 0) as numerator, coalesce(denominator, 0) as denominator
            from expected full join counted using ({period}, dimension, dimension_value)
        """).fetchall()


def run(args: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Load and add up into a database in ``folder``; the result as one flat record."""
    began, clock = time.perf_counter(), Clock()
    con = duckdb.connect(args.keep or folder / "bare.duckdb", config={"threads": args.threads})
    con.execute(f"set memory_limit = '{args.memory}'").fetchall()
    con.execute("set timezone = 'UTC'").fetchall()
    con.execute("set preserve_insertion_order = false").fetchall()
    con.execute("set checkpoint_threshold = '1TB'").fetchall()  # once, at the end, instead of now and then
    load(con, args.landing, args.final_state, clock)
    set_as_of(con, args.as_of)
    for name, sql in SHARED.items():
        con.execute(f"create temp table {name} as {sql}").fetchall()
        clock.lap(name)
    for name in SUMS:
        sum_finest(con, name)
        clock.lap(f"{name} finest")
    for name in SUMS:
        roll_up(con, name, clock)
    for name, over in OVER.items():
        divide(con, name, over)
        clock.lap(name)
    con.execute("checkpoint").fetchall()
    clock.lap("checkpoint")
    seconds = round(time.perf_counter() - began, 2)
    tables = [row[0] for row in con.execute("select table_name from duckdb_tables() where not temporary").fetchall()]
    rows = {table: con.execute(f"select count(*) from {table}").fetchall()[0][0] for table in tables}
    con.close()
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = {"seconds": seconds, "cpu_seconds": round(used.ru_utime + used.ru_stime, 2)}
    return {**spent, "orders": rows["orders"], "rows": rows, "peak_mb": used.ru_maxrss // 1024, "steps": clock.steps}


def main() -> None:
    """Parse the arguments, run in a temporary folder and print the result as one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("landing", type=Path, help="folder with orders/ returns/ refunds/ contacts/ surveys/")
    parser.add_argument("--final-state", action="store_true", help="every key is there once: take the rows as they are")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="4GB", help="DuckDB's memory limit (4GB)")
    parser.add_argument(
        "--as-of", type=datetime.fromisoformat, help="ISO 8601; default: the midnight after the last change"
    )
    parser.add_argument("--keep", help="keep the database under this name (must not exist)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(args, Path(folder))))


if __name__ == "__main__":
    main()
