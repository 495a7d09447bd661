"""Sums of a KPI's observations by day and all its dimensions: the tables `sums.<kpi>`, which every figure is added up from.

They are made whole, or of what changed: what the touched records were worth last night is taken off, and what they are
worth tonight is added. Sums are whole numbers, so that both ways come to the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from transforms.headers import CLOCK
from transforms.models import Kpi
from transforms.touched import in_schema
from transforms.warehouse import Warehouse, identifier

PART = "part"


def sum_days(warehouse: Warehouse, k: Kpi) -> None:
    """One table per KPI, `sums.<kpi>`: additive sums by day and all its dimensions."""
    rows = f"(select 1 as sign, {_beyond(k, 'kpis')} as beyond, * from kpis.{k.id})"
    warehouse.run(f"create or replace table sums.{k.id} as {_of_day(k, rows)}")


def follows_touched(k: Kpi) -> bool:
    """Whether a KPI's rows change with the records that are touched alone, and not with the clock."""
    return CLOCK not in k.definition


def tell_touched(warehouse: Warehouse, kpis: Iterable[Kpi]) -> list[str]:
    """Tell the rows of touched records, of every KPI that changes with nothing else. Returns their ids."""
    chosen = [k for k in kpis if follows_touched(k)]
    warehouse.run(f"create schema if not exists {PART}")
    for k in chosen:
        _tell(warehouse, k)
    return [k.id for k in chosen]


def _tell(warehouse: Warehouse, k: Kpi) -> None:
    """told.<kpi>: a KPI's rows of the touched records, as they were (sign -1) and as they are (sign 1).

    And of the latter alone the view part.<kpi>, for other sessions, as long as this one lasts.
    """
    before, after = (in_schema(k.definition, facts=schema) for schema in ("before", "after"))
    warehouse.run(
        f"create or replace table told.{k.id} as select -1 as sign, {_beyond(k, 'sums')} as beyond, * from (\n{before}\n) "
        f"union all by name select 1 as sign, {_beyond(k, 'kpis')} as beyond, * from (\n{after}\n)"
    )
    rows = f"select * exclude (sign, beyond) from scratch.told.{k.id} where sign = 1"
    warehouse.run(f"create or replace view {PART}.{k.id} as {rows}")


def update_days(warehouse: Warehouse, k: Kpi) -> None:
    """The same of `sums.<kpi>` as sum_days makes, from told.<kpi>. Leaves temp.changed_days: the days that differ."""
    columns = [name for name, *_ in warehouse.rows(f"describe sums.{k.id}") if name not in _keys(k)]
    differs = " or ".join(f"{name} <> 0" for name in columns)
    warehouse.run(f"create or replace temp table difference as from ({_of_day(k, f'told.{k.id}')}) where {differs}")
    warehouse.run("create or replace temp table changed_days as select distinct observed_on from temp.difference")
    is_changed = "observed_on in (from temp.changed_days)"
    keys = ", ".join(map(identifier, _keys(k)))
    added = ", ".join(f"cast(sum({name}) as bigint) as {name}" for name in columns)
    warehouse.run(
        f"create or replace temp table days as select {keys}, {added} from "
        f"(from sums.{k.id} where {is_changed} union all by name from temp.difference) group by {keys} "
        f"having sum({' + '.join(columns) if k.is_duration else 'observations'}) <> 0"
    )
    warehouse.run(f"delete from sums.{k.id} where {is_changed}")
    warehouse.run(f"insert into sums.{k.id} by name from temp.days")
    for table in ("difference", "days"):
        warehouse.run(f"drop table temp.{table}")


def _keys(k: Kpi) -> list[str]:
    return ["observed_on", *k.all_dimensions, *(["waited_seconds"] if k.is_duration else [])]


def _beyond(k: Kpi, schema: str) -> str:
    """Where a duration keeps what is open longer than any other took, as SQL: by last night's sums, or tonight's rows."""
    if not k.is_duration:
        return "null"
    cases = {
        "sums": "waited_seconds as lasted, credited + ended > 0 as is_over",
        "kpis": f"{_LASTED} as lasted, outcome <> 'open' as is_over",
    }
    return f"(select {_BEYOND} from (select {cases[schema]} from {schema}.{k.id}))"


def _of_day(k: Kpi, rows: str) -> str:
    """The sums of rows with a sign, and with `beyond` for a duration, as SQL."""
    dimensions = ", ".join(map(identifier, k.all_dimensions))
    if k.is_duration:
        return _DURATIONS_OF_DAY.format(rows=rows, dimensions=dimensions, lasted=_LASTED)
    columns = dict.fromkeys(["numerator", *(column for _, column in k.also)])
    counted = ", ".join(_COUNTED.format(column=column) for column in columns)
    return _COUNTS_OF_DAY.format(rows=rows, dimensions=dimensions, counted=counted)


_COUNTS_OF_DAY = """
select observed_on, {dimensions}, {counted},
    cast(sum(sign * denominator) as bigint) as denominator,
    cast(coalesce(sum(sign) filter (where denominator > 0), 0) as bigint) as n,
    cast(sum(sign) as bigint) as observations
from {rows}
group by observed_on, {dimensions}"""

_COUNTED = (
    "cast(sum(sign * {column}) as bigint) as {column}, "
    "cast(sum(sign * {column} * {column}) as bigint) as {column}_squared"
)

_LASTED = "cast(floor(duration_hours * 3600 + 1e-6) as integer)"

# A case that is open longer than any other took is at risk at every step of the curve, however long it has been: it is kept
# at a whole week beyond them, so that a night on which nothing else happened to its day finds the same sums.
_BEYOND = "(greatest(coalesce(max(lasted) filter (where is_over), 0), 30 * 86400) // 604800 + 1) * 604800"

_DURATIONS_OF_DAY = """
select observed_on, {dimensions},
    cast(case when outcome = 'open' then least({lasted}, beyond) else {lasted} end as integer) as waited_seconds,
    cast(coalesce(sum(sign) filter (where outcome = 'credited'), 0) as bigint) as credited,
    cast(coalesce(sum(sign) filter (where outcome = 'ended'), 0) as bigint) as ended,
    cast(coalesce(sum(sign) filter (where outcome = 'open'), 0) as bigint) as open
from {rows}
group by observed_on, {dimensions}, waited_seconds"""
