"""Which rows of the last version's marts are other tonight, and the SELECT of what comes in their place.

A version is whole, but of its millions of rows a night changes a few in a hundred: it begins as a copy of the last one, in
which these are taken out and put in anew. What is made anew is more than what differs, and never less:

    figures   of touched cells, and of those that are compared with one; of periods that became final since; of everything that
              is estimated whole each night (nowcasts, weighted answers) or is there for every period
    rows      of touched records, and of KPIs that change with the clock
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from transforms.changes import GRAINS
from transforms.models import PAIR, Kpi, models
from transforms.warehouse import NotConvertible, Warehouse, identifier, literal

FIGURES = {"kpi_daily": "day", "kpi_weekly": "week", "kpi_monthly": "month"}
ROWS = "kpi_rows"


@dataclass(frozen=True)
class Rewrite:
    """What takes the place of some rows of a mart. They are those of `gone`, a condition, and those that `stale` names."""

    key: tuple[str, ...]  # columns by which stale rows are named
    stale: str  # a SELECT of them, texts as texts
    gone: str  # a condition
    fresh: str  # a SELECT of the rows that come in their place
    labels: tuple[str, ...] = ()  # columns of type label, which has the values of tonight


_BOTH_WAYS = (("held", "fresh"), ("fresh", "held"))
_OWN = Path(__file__).read_text(encoding="utf-8")


def create_tables(warehouse: Warehouse) -> None:
    """`ledger.version_made`: what the figures and rows of a version were made with beside what their cells and facts are."""
    warehouse.run("create table if not exists ledger.version_made (run_id varchar, part varchar, made_with varchar)")


def rewrite(session: Warehouse, table: str, change: Rewrite) -> bool:
    """Take out of a mart what is gone or stale, and put in what comes in its place; where both are alike they stay.

    False, and nothing is done, when it holds a label that there is no more.
    """
    tonight = session.value("select typeof(cast(null as label))") if change.labels else ""
    for name, kind, *_ in session.rows(f"describe {table}"):
        if name in change.labels and kind != tonight:
            try:
                session.run(f"alter table {table} alter column {identifier(name)} type label")
            except NotConvertible:
                return False
    session.run(f"delete from {table} where {change.gone}")
    session.run(f"create or replace temp table fresh as {change.fresh}")
    kept = session.shown(table)
    named = " and ".join(
        f"{kept[name].replace(identifier(name), f'held.{identifier(name)}')} = stale.{name}" for name in change.key
    )
    session.run(
        f"create or replace temp table held as from {table} as held semi join ({change.stale}) as stale on {named}"
    )
    # The as-of time of a row is when it was written; readers are told the night's.
    row = f"hash({', '.join(identifier(name) for name in kept if name != 'as_of')})"
    key = ", ".join(f"{kept[name]} as {name}" for name in change.key)
    differ = (f"select {key} from temp.{a} where {row} not in (select {row} from temp.{b})" for a, b in _BOTH_WAYS)
    session.run(f"create or replace temp table changed as {' union '.join(differ)}")
    session.run(f"delete from {table} as held using temp.changed as stale where {named}")
    session.run(f"insert into {table} by name from temp.fresh as held semi join temp.changed as stale on {named}")
    for name in ("fresh", "held", "changed"):
        session.run(f"drop table temp.{name}")
    return True


def of_rows(warehouse: Warehouse, run_id: str, kpis: Collection[Kpi], told: Collection[str]) -> dict[str, Rewrite]:
    """The rewrite of kpi_rows of that run. Empty when they do not stand. told: the KPIs with touched rows (told.<kpi>)."""
    if not _stands(warehouse, run_id, "rows", _rows_made_with(warehouse)):
        return {}
    stale = " union ".join(f"select {literal(id)}, subject_id from scratch.told.{id}" for id in told)
    whole = ", ".join(literal(k.id) for k in kpis if k.id not in told) or "''"
    first = "(select cast(as_of as date) - row_weeks * 7 from run.clock cross join run.horizon)"
    (model,) = (model for model in models("marts") if model.name == ROWS)
    stale = f"select * from ({stale}) as told (kpi, subject_id)"
    fresh = model.select.replace("sums.recent_observations", "sums.new_observations")
    return {ROWS: Rewrite(("kpi", "subject_id"), stale, f"kpi in ({whole}) or observed_on < {first}", fresh)}


def of_figures(warehouse: Warehouse, run_id: str, last: datetime) -> dict[str, Rewrite]:
    """The rewrites of figures of that run, whose as-of time was `last`. Empty when they do not stand.

    Reads the estimates of tonight; makes cells.rewritten, and of these and what they are compared with cells.compared.
    """
    if not _stands(warehouse, run_id, "figures", _figures_made_with(warehouse)):
        return {}
    warehouse.run(_REWRITTEN, {"last": last})
    warehouse.run(_COMPARED)
    found = {}
    for model in models("marts"):
        if model.name in FIGURES:
            grain = FIGURES[model.name]
            stale = _NAMED.format(grain=grain, number=GRAINS.index(grain))
            fresh = re.sub(r"\bestimates\.figures\b", "estimates.rewritten_figures", model.select)
            key, labels = ("kpi", grain, "dimension", "dimension_value"), ("dimension_value", "definition_version")
            found[model.name] = Rewrite(key, stale, "false", fresh, labels)
    warehouse.run(f"create or replace view estimates.rewritten_figures as {_only_rewritten()}")
    return found


def whole_bytes(warehouse: Warehouse, run_id: str) -> int:
    """Size of the version that was written whole which a run's comes from; 0 where that is not known."""
    return int(
        warehouse.value("select made_with from ledger.version_made where run_id = ? and part = 'bytes'", [run_id]) or 0
    )


def note_version(warehouse: Warehouse, run_id: str, whole: int) -> None:
    """Keep what the marts of this run are made with, once they are published; of earlier runs nothing is kept."""
    made = {"rows": _rows_made_with(warehouse), "figures": _figures_made_with(warehouse), "bytes": str(whole)}
    with warehouse.transaction():
        warehouse.run("delete from ledger.version_made")
        for part, made_with in made.items():
            warehouse.run("insert into ledger.version_made values (?, ?, ?)", [run_id, part, made_with])


def _only_rewritten() -> str:
    """The SELECT of estimates.figures, of cells.rewritten alone: its other cells are there to be compared with."""
    (model,) = (model for model in models("estimates") if model.name == "figures")
    some = "(from cells.compared semi join cells.rewritten using (cell)) as named"
    select, replaced = re.subn(r"\bestimates\.named as named\b", some, model.select)
    assert replaced == 1, "estimates/figures.sql: expected one `estimates.named as named`"
    return re.sub(r"\bestimates\.named\b", "cells.compared", select)


def _stands(warehouse: Warehouse, run_id: str, part: str, made_with: str) -> bool:
    kept = "select made_with from ledger.version_made where run_id = ? and part = ?"
    return bool(warehouse.value(kept, [run_id, part]) == made_with)


def _rows_made_with(warehouse: Warehouse) -> str:
    """Beside facts and KPIs, which are touched or stand: the mart itself, and how far back it reaches."""
    return _hash([_OWN, warehouse.value("select row_weeks from run.horizon"), *_selects({ROWS})])


def _figures_made_with(warehouse: Warehouse) -> str:
    """Beside estimates: the marts, what is withheld, targets, and the versions of definitions."""
    versions = "(select kpi, version from run.kpis)"
    tables = ("run.withheld", "run.stopped", "run.targets", "run.statistics", "run.zones", versions)
    told = [warehouse.rows(f"from {table} as told order by all") for table in tables]
    return _hash([_OWN, *told, _only_rewritten(), *_selects(FIGURES)])


def _selects(names: Collection[str]) -> list[str]:
    return [model.select for model in models("marts") if model.name in names]


def _hash(said: list[object]) -> str:
    return hashlib.sha256(repr(said).encode()).hexdigest()


# A figure is compared with the period before and the year before: what was compared with a touched one is told again.
# Periods that became final since change their status, of whatever slice; a statistic can be final sooner than its KPI.
# Nowcasts are of weeks that are not final, or were not; of weighted answers, and where a KPI has none, it is all weeks.
_REWRITTEN = f"""
create or replace table cells.rewritten as
with judged as (
    select kpi, statistic, grain, place, ends_at + to_days(window_days) as final_at
    from estimates.periods
    cross join run.statistics
),
ripened as (
    select distinct kpi, place, false as is_coarse
    from judged cross join run.clock
    where final_at > $last and (final_at <= as_of or statistic = 'nowcast')
    union all
    select kpi, place, true from judged where statistic = 'poststratified' and grain = 'week'
)
from cells.touched
union
select touched.cell - touched.cell % 300000 + periods.place
from cells.touched inner join estimates.periods on periods.place - periods.to_prior = touched.cell % 300000
union
select touched.cell - touched.cell % 300000 + periods.place
from cells.touched inner join estimates.periods on periods.place - periods.to_prior_year = touched.cell % 300000
union
select slices.slice * cast(300000 as bigint) + ripened.place
from ripened inner join cells.slices on slices.kpi = ripened.kpi
where not (ripened.is_coarse and contains(slices.dimension, {literal(PAIR)}))
union
select slices.slice * cast(300000 as bigint) + periods.place
from cells.slices cross join estimates.periods
where slices.dimension = 'all'"""

_COMPARED = """
create or replace table cells.compared as
from estimates.named
semi join (
    select cell from cells.rewritten
    union
    select rewritten.cell - unnest([periods.to_prior, periods.to_prior_year])
    from cells.rewritten inner join estimates.periods on periods.place = rewritten.cell % 300000
) as looked_at using (cell)"""

_NAMED = """
select slices.kpi, date '1970-01-01' + cast(rewritten.cell % 100000 as integer) as {grain}, slices.dimension, slices.dimension_value
from cells.rewritten
inner join cells.slices on slices.slice = rewritten.cell // 300000
where rewritten.cell // 100000 % 3 = {number}
group by all"""
