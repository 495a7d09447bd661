"""What changed since the last night, so that only the periods it touches are counted and estimated anew.

A fingerprint of each day, week and month of a KPI's sums tells which differ from those that the estimates at hand were made
of. Cells, curves and intervals, which are dear, are then made for these. The result equals a rebuild from scratch, because an
estimate depends on nothing but what its fingerprint is of.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from transforms.models import Kpi, Model, models
from transforms.release import kpis_made
from transforms.warehouse import Warehouse

HERE = Path(__file__).parent
GRAINS = ("day", "week", "month")
FEW = 50_000  # rows of which a curve takes some twentieths of a second
# A cell is one number for slice, grain and period, so that sorts and joins work on integers: (slice, grain, days).
CELL = "(slice * cast(3 as bigint) + {grain}) * 100000 + date_diff('day', date '1970-01-01', {period})"


def compare_from(warehouse: Warehouse) -> bool:
    """Prepare the comparison with the last night. True when there is nothing to compare with: all is made anew.

    That is so in the first night, after a change of a definition, of the SQL or of the engine, and when the estimates
    were not finished.
    """
    warehouse.run("create schema if not exists sums")
    warehouse.run("create schema if not exists estimates")
    for statement in _TABLES:
        warehouse.run(statement)
    is_anew = warehouse.value("select max(fingerprint) from sums.made_with") != made_with(warehouse)
    is_anew = is_anew or not all(warehouse.exists("estimates", model.name) for model in touched_models())
    if is_anew:
        for table in ("fingerprints", "repeats", "labels", "made_with", "slices"):
            warehouse.run(f"delete from sums.{table}")
    return is_anew


def touched_models() -> list[Model]:
    """The estimates that are made of cells, of which only touched ones are made again."""
    return [model for model in models("estimates") if model.reads & {"cells.counts", "cells.durations"}]


def note_days(warehouse: Warehouse, k: Kpi, is_updated: bool = False) -> None:
    """Fingerprint tonight's days, weeks and months of a KPI's sums, and touch those that differ.

    is_updated: those without a day of temp.changed_days have last night's.
    """
    for number, grain in enumerate(GRAINS):
        period = f"cast(date_trunc('{grain}', observed_on) as date)"
        chosen = f"{period} in (select {period} from temp.changed_days)" if is_updated else "true"
        told = _fingerprints(warehouse, k, period, chosen)
        warehouse.run(f"insert into cells.fingerprints_tonight select $kpi, {number}, * from ({told})", {"kpi": k.id})
        if is_updated:
            warehouse.run(
                f"insert into cells.fingerprints_tonight from sums.fingerprints where kpi = $kpi and grain = {number} "
                f"and period not in (select {period} from temp.changed_days)",
                {"kpi": k.id},
            )
    warehouse.run(_TOUCH_PERIODS, {"kpi": k.id})


def _fingerprints(warehouse: Warehouse, k: Kpi, period: str, chosen: str) -> str:
    """The SELECT of period and fingerprint of a KPI's sums. period: SQL of a day's; chosen: which days."""
    # Of a code its text: its number is another one when a value is new.
    shown = warehouse.shown(f"sums.{k.id}")
    if not k.is_duration:
        return f"select {period} as period, sum(hash({', '.join(shown.values())})) from sums.{k.id} where {chosen} group by 1"
    spared = ("waited_seconds", "credited", "ended", "open")
    keys = ", ".join(sql for name, sql in shown.items() if name not in spared)
    return _OF_DURATIONS.format(kpi=k.id, period=period, chosen=chosen, keys=keys)


def note_repeats(warehouse: Warehouse, k: Kpi) -> None:
    """Touch the periods in which the repeats within orders differ: the same sums can be of other orders."""
    warehouse.run(_TOUCH_REPEATS, {"kpi": k.id})


def note_labels(warehouse: Warehouse, k: Kpi) -> None:
    """Touch every period when a group of what is counted above the line is new or gone: its zeros are in all of them."""
    warehouse.run(_TOUCH_ALL, {"kpi": k.id})


def note_wanted(warehouse: Warehouse, k: Kpi) -> bool:
    """The days of a KPI that touched periods are made of. Returns whether there are any."""
    warehouse.run(_WANTED, {"kpi": k.id})
    return bool(warehouse.value("select exists (from cells.wanted where kpi = ?)", [k.id]))


def update_estimates(warehouse: Warehouse, is_anew: bool) -> None:
    """Make the estimates of touched cells again, in one transaction with the fingerprints that they were made of."""
    with warehouse.transaction():
        for model in touched_models():
            if is_anew:
                warehouse.run(f"create or replace table {model.table} as {_in_halves(warehouse, model)}")
            else:
                warehouse.run(f"delete from {model.table} where cell in (select cell from cells.touched)")
                warehouse.run(f"insert into {model.table} by name {_in_halves(warehouse, model)}")
        for table in ("fingerprints", "repeats", "labels"):
            warehouse.run(f"delete from sums.{table}")
            warehouse.run(f"insert into sums.{table} from cells.{table}_tonight")
        warehouse.run("delete from sums.made_with")
        warehouse.run("insert into sums.made_with values (?)", [made_with(warehouse)])


def _in_halves(warehouse: Warehouse, model: Model) -> str:
    """The model's SELECT, as one of even cells and one of odd: a curve runs along sorted cells on one thread, and so two do.

    Of few rows it is one: the engine takes longer to plan the second than to run it.
    """
    is_curve = "cells.durations" in model.reads
    if not is_curve or warehouse.value("select count(*) from cells.durations") < FEW:
        return model.select
    halves = (
        re.sub(r"\bcells\.durations\b", f"(from cells.durations where cell % 2 = {half})", model.select)
        for half in range(2)
    )
    return " union all ".join(f"select * from (\n{half}\n)" for half in halves)


def made_with(warehouse: Warehouse) -> str:
    """A fingerprint of what turns sums into estimates: headers, statements, engine."""
    files = [
        *(HERE / f"{name}.py" for name in ("cells", "changes", "cuts", "grains", "repeats", "sums")),
        *sorted((HERE / "estimates").glob("*.sql")),
    ]
    said = [warehouse.value("select version()"), *map(repr, kpis_made(warehouse))]
    said += [f.read_text(encoding="utf-8") for f in files]
    return hashlib.sha256("\0".join(said).encode()).hexdigest()


_TABLES = (
    "create sequence if not exists sums.slice_ids",
    # A slice is a KPI's 'all', a value of a dimension or a pair of values, for one of its statistics. base: the slice whose
    # orders its rate is over.
    "create table if not exists sums.slices (slice integer default nextval('sums.slice_ids'), kpi varchar, "
    "statistic varchar default 'value', dimension varchar, dimension_value varchar, base_dimension varchar, base_value varchar, base integer)",
    # What the estimates at hand were made of.
    "drop table if exists sums.days",  # of a release that knew days only
    "create table if not exists sums.fingerprints (kpi varchar, grain integer, period date, fingerprint hugeint)",
    "create table if not exists sums.repeats (kpi varchar, statistic varchar, grain integer, period date, dimension varchar, "
    "dimension_value varchar, more bigint)",
    "create table if not exists sums.labels (kpi varchar, dimension varchar, dimension_value varchar)",
    "create table if not exists sums.made_with (fingerprint varchar)",
    # The same of tonight, and the periods in which it differs. grain: a place in GRAINS.
    "create or replace table cells.fingerprints_tonight (kpi varchar, grain integer, period date, fingerprint hugeint)",
    "create or replace table cells.repeats_tonight (kpi varchar, statistic varchar, grain integer, period date, dimension varchar, "
    "dimension_value varchar, more bigint)",
    "create or replace table cells.labels_tonight (kpi varchar, dimension varchar, dimension_value varchar)",
    "create or replace table cells.periods (kpi varchar, grain integer, period date)",
    "create or replace table cells.wanted (kpi varchar, observed_on date)",
)

# Where in the curve of a period a case is that waits longer than a month does not depend on how long, but on who of the
# period was settled before: it counts at the last of these moments, or at thirty days, from where on nothing else is asked of
# a curve (estimates/durations.sql). So most of the old cases that grow older each night touch nothing.
_OF_DURATIONS = """
with cases as (
    select *, {period} as period from sums.{kpi} where {chosen}
),
settled as (
    select distinct period, waited_seconds as moment from cases where credited + ended > 0 and waited_seconds > 2592000
)
select cases.period,
    sum(hash({keys}, counted_at, is_there, 0) * cast(credited as hugeint) + hash({keys}, counted_at, is_there, 1) * cast(ended as hugeint)
        + hash({keys}, counted_at, is_there, 2) * cast(open as hugeint))
from (
    select cases.*, greatest(coalesce(moment, 0), least(waited_seconds, 2592000)) as counted_at, counted_at = waited_seconds as is_there
    from cases asof left join settled on settled.period = cases.period and cases.waited_seconds >= settled.moment
) as cases
group by cases.period"""

_TOUCH_PERIODS = """
insert into cells.periods
select kpi, grain, period
from (from cells.fingerprints_tonight where kpi = $kpi) as tonight
full join (from sums.fingerprints where kpi = $kpi) as before using (kpi, grain, period)
where tonight.fingerprint is distinct from before.fingerprint"""

_TOUCH_REPEATS = """
insert into cells.periods
select distinct $kpi, grain, period
from (
    (from cells.repeats_tonight where kpi = $kpi except from sums.repeats where kpi = $kpi)
    union all
    (from sums.repeats where kpi = $kpi except from cells.repeats_tonight where kpi = $kpi)
)
where (grain, period) not in (select (grain, period) from cells.periods where kpi = $kpi)"""

_TOUCH_ALL = """
insert into cells.periods
select kpi, grain, period
from cells.fingerprints_tonight
where kpi = $kpi and exists (
    (from cells.labels_tonight where kpi = $kpi except from sums.labels where kpi = $kpi)
    union all
    (from sums.labels where kpi = $kpi except from cells.labels_tonight where kpi = $kpi)
)
except from cells.periods"""

_WANTED = f"""
insert into cells.wanted
select kpi, period
from cells.fingerprints_tonight
where kpi = $kpi and grain = 0 and (
    {
    " or ".join(
        f"cast(date_trunc('{grain}', period) as date) in "
        f"(select period from cells.periods where kpi = $kpi and grain = {number})"
        for number, grain in enumerate(GRAINS)
    )
}
)"""
