"""The yardstick: load the extracts and add up every KPI in bare DuckDB, with nothing else around it.

    python benchmarks/bare.py LANDING [--final-state] [--threads 2] [--memory 4GB] [--as-of 2026-07-06T00:00:00Z]

What a good analyst would write for one set of files, once: five tables, the joins, and the sums by day, week and month
over all, every dimension and every pair of dimensions. There are no checks, no quarantine, no ledger, no history, no
intervals, no publishing and no orchestration: the pipeline's time over this time is the price of those.

It prints the seconds of each step on stderr and one JSON line on stdout.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb

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

ORDER = ("market", "category", "seller_tier", "fulfilment")
CASE = (*ORDER, "reason_code", "carrier", "resolution")
# The contract's code lists (market, category and carrier have none): what is missing or not listed is 'unknown'.
CODES = {
    "o.seller_tier": "managed standard new",
    "o.fulfilment": "platform seller",
    "r.reason_code": "damaged wrong_item not_as_described size_or_fit late_delivery changed_mind missing_parts quality",
    "r.resolution": "refund returnless_refund exchange store_credit",
    "c.channel": "chat email phone bot social",
    "c.contact_reason": "where_is_my_refund how_to_return return_rejected damaged_item where_is_my_order payment other",
    "s.touchpoint": "post_delivery post_refund post_contact",
}


def code(column: str) -> str:
    """SQL of a code column such as 'o.seller_tier', under its bare name, with 'unknown' for what is not known."""
    if column not in CODES:
        return f"coalesce({column}, 'unknown') as {column[2:]}"
    listed = ", ".join(f"'{value}'" for value in CODES[column].split())
    return f"case when {column} in ({listed}) then {column} else 'unknown' end as {column[2:]}"


OF_ORDER = ", ".join(code(f"o.{name}") for name in ORDER)
OF_RETURN = ", ".join(code(f"r.{name}") for name in CASE[4:])

# What the KPIs share: how a contact reaches its order, and how far a return has come. {now} is the as-of time;
# what is later has not happened.
SHARED = {
    # the moment that makes a return fully credited; without an approved amount it is the first credit
    "fully_credited": """
        select return_id, min(credited_at) as credited_at
        from (
            select return_id, credited_at, coalesce(approved_amount, 0) - 0.01 as owed,
                   sum(amount) over (partition by return_id order by credited_at) as paid
            from refunds join (select return_id, approved_amount from returns) using (return_id)
            where credited_at < {now})
        where paid >= owed
        group by return_id
    """,
    "cases": f"""
        select r.return_id, r.order_id, {OF_ORDER}, {OF_RETURN}, r.requested_at, f.credited_at,
               least(case when r.rejected_at < {{now}} then r.rejected_at end,
                     case when r.cancelled_at < {{now}} then r.cancelled_at end,
                     case when r.expired_at < {{now}} then r.expired_at end) as ended_at
        from returns as r
        left join orders as o on o.order_id = r.order_id and o.ordered_at < {{now}}
        left join fully_credited as f on f.return_id = r.return_id
        where r.requested_at < {{now}}
    """,
    # inbound contacts with the order they are about: that of their return, else their own
    "inbound": f"""
        select c.return_id, c.order_id as own_order_id, o.order_id, c.created_at, {OF_ORDER},
               {code("c.contact_reason")}, {code("c.channel")},
               c.created_at between o.ordered_at and o.ordered_at + interval 30 days as is_within_30_days
        from (select *, reason_code as contact_reason from contacts) as c
        left join returns as r on r.return_id = c.return_id and r.requested_at < {{now}}
        left join orders as o on o.order_id = coalesce(r.order_id, c.order_id) and o.ordered_at < {{now}}
        where c.direction = 'inbound' and c.created_at < {{now}}
    """,
    "asked": f"""
        select s.survey_type, s.scale_max, s.score, s.invited_at, s.responded_at,
               s.customer_id, s.order_id, s.response_id, {OF_ORDER}, {OF_RETURN}, {code("s.touchpoint")}
        from surveys as s
        left join returns as r on r.return_id = s.return_id and r.requested_at < {{now}}
        left join orders as o on o.order_id = coalesce(s.order_id, r.order_id) and o.ordered_at < {{now}}
    """,
}


class Sums(NamedTuple):
    """One table of finest sums: its dimensions, what is added up, and the rows that are added."""

    dims: tuple[str, ...]
    measures: tuple[str, ...]
    rows: str  # a SELECT of day, the dimensions, (waited) and one column per measure
    by_wait: bool = False


SUMS = {
    # contacts_per_1k_orders (denominator), order_contact_rate_30d, return_rate
    "orders": Sums(
        ORDER,
        ("orders", "contacted", "delivered", "returned"),
        f"""
        select cast(o.ordered_at as date) as day, {OF_ORDER}, 1 as orders,
               order_id in (select order_id from inbound where is_within_30_days) as contacted,
               coalesce(delivered_at < {{now}}, false) as delivered,
               coalesce(delivered_at < {{now}}, false) and order_id in (select order_id from cases) as returned
        from orders as o where ordered_at < {{now}}
        """,
    ),
    # contacts_per_1k_orders (numerator)
    "contacts": Sums(
        (*ORDER, "contact_reason", "channel"),
        ("contacts",),
        f"""
        select cast(created_at as date) as day, {", ".join(ORDER)}, contact_reason, channel, 1 as contacts from inbound
        """,
    ),
    # return_contact_rate
    "returns": Sums(
        CASE,
        ("returns", "contacted"),
        f"""
        select cast(requested_at as date) as day, {", ".join(CASE)}, 1 as returns,
               return_id in (select return_id from inbound where return_id is not null)
               or return_id in (
                   select r.return_id from cases as r join inbound as i on i.own_order_id = r.order_id
                   where i.created_at between r.requested_at
                         and coalesce(r.credited_at, {{now}}) + interval 7 days) as contacted
        from cases
        """,
    ),
    # refund_cycle_time: how many were credited, are open, or ended without a refund, per second waited for all and
    # single dimensions and per whole hour for pairs, as the product keeps them
    "refund_hours": Sums(
        CASE,
        ("credited", "open", "ended"),
        f"""
        select cast(requested_at as date) as day, {", ".join(CASE)},
               cast(floor(epoch(least(credited_at, ended_at, {{now}}) - requested_at)) as integer) as waited,
               coalesce(credited_at <= coalesce(ended_at, credited_at), false) as credited,
               credited_at is null and ended_at is null as open,
               coalesce(ended_at < coalesce(credited_at, {{now}}), false) as ended
        from cases where resolution in ('refund', 'returnless_refund')
        """,
        by_wait=True,
    ),
    # nps, csat (the scale 1-5), ces; a second answer of a customer within ten minutes is a duplicate
    "answers": Sums(
        (*CASE, "touchpoint"),
        ("nps", "nps_answers", "csat", "csat_answers", "ces", "ces_answers"),
        f"""
        select cast(responded_at as date) as day, {", ".join(CASE)}, touchpoint,
               case when survey_type = 'nps' and score >= 9 then 1 when survey_type = 'nps' and score <= 6 then -1
                    else 0 end as nps,
               survey_type = 'nps' as nps_answers,
               survey_type = 'csat' and scale_max = 5 and score >= 4 as csat,
               survey_type = 'csat' and scale_max = 5 as csat_answers,
               survey_type = 'ces' and score >= 5 as ces,
               survey_type = 'ces' as ces_answers
        from asked where score is not null and responded_at < {{now}}
        qualify customer_id is null or coalesce(responded_at - lag(responded_at) over (
                    partition by customer_id, order_id, survey_type, touchpoint order by responded_at, response_id)
                    > interval 10 minutes, true)
        """,
    ),
    # survey_response_rate
    "invitations": Sums(
        (*CASE, "touchpoint", "survey_type"),
        ("invitations", "answered"),
        f"""
        select cast(invited_at as date) as day, {", ".join(CASE)}, touchpoint, survey_type, 1 as invitations,
               coalesce(score is not null and responded_at < {{now}}
                        and responded_at <= invited_at + interval 14 days, false) as answered
        from asked where invited_at < {{now}}
        """,
    ),
}


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


def as_of(con: duckdb.DuckDBPyConnection, given: str | None) -> str:
    """SQL of the as-of time: the one given, else the midnight after the last change."""
    last = " union all ".join(f"select max(updated_at) as changed_at from {source}" for source in COLUMNS)
    default = f"(select date_trunc('day', max(changed_at)) + interval 1 day from ({last}))"
    time_sql = f"cast(timestamptz '{given}' as timestamp)" if given else default
    return f"timestamp '{con.execute(f'select {time_sql}').fetchall()[0][0]}'"


def group_by(source: str, period: str, group: Sequence[str], hour: Sequence[str], measures: Sequence[str]) -> str:
    """SQL of the sums of one group of dimensions, labelled as it is published: 'market × category', 'VN × beauty'."""
    sums = ", ".join(f"cast(sum({measure}) as bigint) as {measure}" for measure in measures)
    coarse = hour if len(group) < 2 else [f"{column} // 3600 * 3600 as {column}" for column in hour]
    keys = ", ".join([period, *group, *coarse])
    name, value = " × ".join(group) or "all", " || ' × ' || ".join(group) or "'all'"
    listed = ", ".join([period, f"'{name}' as dimension", f"{value} as dimension_value", *hour, *measures])
    return f"select {listed} from (select {keys}, {sums} from {source} group by all)"


def roll_up(con: duckdb.DuckDBPyConnection, name: str, clock: Clock) -> None:
    """Sums of one table by day, week and month over all, each dimension and each pair.

    The finest sums are made once, by day; those of weeks and months are sums of them. One GROUP BY per group of
    dimensions, all in one statement, is what DuckDB does fastest here: grouping sets take half as long again.
    """
    dims, measures, _, by_wait = SUMS[name]
    hour = ["waited"] if by_wait else []
    groups = [group for size in (0, 1, 2) for group in itertools.combinations(dims, size)]
    finest = f"finest_{name}"
    for period in ("day", "week", "month"):
        source = finest
        if period != "day":
            source = f"{finest}_{period}"
            start = f"cast(date_trunc('{period}', day) as date) as {period}"
            sums = ", ".join(f"cast(sum({measure}) as bigint) as {measure}" for measure in measures)
            coarser = f"select {', '.join([start, *dims, *hour, sums])} from {finest} group by all"
            con.execute(f"create temp table {source} as {coarser}").fetchall()
        parts = " union all ".join(group_by(source, period, group, hour, measures) for group in groups)
        con.execute(f"create table {name}_{period} as {parts}").fetchall()
        clock.lap(f"{name} by {period}")


def rate_of_contacts(con: duckdb.DuckDBPyConnection, clock: Clock) -> None:
    """contacts_per_1k_orders: the contacts of a group over its orders; a reason or a channel has no orders of its own,
    so it stands over those of the rest of the group."""
    drop = "regexp_replace({}, '( × )?(contact_reason|channel)', '', 'g')"
    for period in ("day", "week", "month"):
        con.execute(f"""
            create table contacts_per_order_{period} as
            with contacts as (
                select *,
                       coalesce(nullif({drop.format("dimension")}, ''), 'all') as over_dimension,
                       case when dimension not like '%contact_reason%' and dimension not like '%channel%'
                            then dimension_value
                            when dimension in ('contact_reason', 'channel', 'contact_reason × channel') then 'all'
                            else split_part(dimension_value, ' × ', 1) end as over_value
                from contacts_{period})
            select coalesce(o.{period}, c.{period}) as {period},
                   coalesce(c.dimension, o.dimension) as dimension,
                   coalesce(c.dimension_value, o.dimension_value) as dimension_value,
                   coalesce(contacts, 0) as contacts, coalesce(orders, 0) as orders
            from contacts as c
            full join orders_{period} as o
                on o.{period} = c.{period} and o.dimension = over_dimension and o.dimension_value = over_value
        """).fetchall()
    clock.lap("contacts over orders")


def run(args: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Load and add up into a database in ``folder``; the result as one flat record."""
    began, clock = time.perf_counter(), Clock()
    con = duckdb.connect(args.keep or folder / "bare.duckdb", config={"threads": args.threads})
    con.execute(f"set memory_limit = '{args.memory}'").fetchall()
    con.execute("set timezone = 'UTC'").fetchall()
    con.execute("set preserve_insertion_order = false").fetchall()
    con.execute("set checkpoint_threshold = '1TB'").fetchall()  # once, at the end, instead of now and then
    load(con, args.landing, args.final_state, clock)
    now = as_of(con, args.as_of)
    for name, sql in SHARED.items():
        con.execute(f"create temp table {name} as {sql.format(now=now)}").fetchall()
        clock.lap(name)
    for name, spec in SUMS.items():
        keys = ", ".join(["day", *spec.dims, *(["waited"] if spec.by_wait else [])])
        sums = ", ".join(f"cast(sum(cast({measure} as integer)) as bigint) as {measure}" for measure in spec.measures)
        query = f"select {keys}, {sums} from ({spec.rows.format(now=now)}) group by all"
        con.execute(f"create temp table finest_{name} as {query}").fetchall()
        clock.lap(f"{name} finest")
    for name in SUMS:
        roll_up(con, name, clock)
    rate_of_contacts(con, clock)
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
    parser.add_argument("--as-of", help="ISO 8601; default: the midnight after the last change")
    parser.add_argument("--keep", help="keep the database under this name (must not exist)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(args, Path(folder))))


if __name__ == "__main__":
    main()
