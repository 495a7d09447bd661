"""Durations to date: the curve over a month, quarter or year up to the end of a week, and over as many days a year before.

Weeks of a censored duration cannot be averaged. The histograms of the days are added up, and the statement that estimates
every other cell (estimates/durations.sql) estimates these: the same curves, intervals and statistics.
"""

from __future__ import annotations

import re

from transforms.cuts import label_of
from transforms.models import Kpi, models
from transforms.release import kpis_made
from transforms.warehouse import Warehouse, identifier

WEEKS = 2  # latest ones that are over: the weekly file's, and the one before it


def count_to_date(warehouse: Warehouse) -> None:
    """Make sums.to_date: every statistic of every duration, as a whole, or by the dimension it is told within.

    One row per KPI, dimension_value, week, span (month, quarter, year), is_prior and statistic. A span of the year before
    that the history does not reach back to has no row. Reads estimates.periods.
    """
    for statement in _TABLES:
        warehouse.run(statement)
    for k in kpis_made(warehouse):
        if k.is_duration:
            _add_up(warehouse, k)
    (curves,) = (model.select for model in models("estimates") if model.name == "durations")
    own = re.sub(r"\bcells\.(?=durations|names)", "spans.", curves)
    warehouse.run(f"create or replace table sums.to_date as {_TOLD.format(curves=own)}")


def _add_up(warehouse: Warehouse, k: Kpi) -> None:
    """The histogram of each of a KPI's spans, from its sums by day."""
    value = identifier(k.within) if k.within else "'all'"
    names = f"{label_of((k.within,) if k.within else ())} as dimension, {value} as dimension_value"
    # A stage's hour is whole, as in pairs: its seconds would be six times the rows of everything else.
    waited = "waited_seconds // 3600 * 3600" if k.within else "waited_seconds"
    warehouse.run(f"insert into spans.names by name {_SPANS.format(kpi=k.id, names=names)}", {"weeks": WEEKS})
    warehouse.run(_HISTOGRAMS.format(kpi=k.id, value=value, waited=waited))


_TABLES = (
    "create or replace table spans.names (cell bigint, grain varchar, kpi varchar, dimension varchar, dimension_value varchar, "
    "week date, span varchar, is_prior boolean, first_day date, last_day date)",
    "create or replace table spans.durations (cell bigint, waited_seconds integer, credited integer, ended integer, "
    "open integer)",
)

# Day for day: a span of the year before has as many days from the same first of the month, quarter or year.
_SPANS = """
with weeks as (
    select period as week, period + 6 as last_day
    from estimates.periods cross join run.clock
    where grain = 'week' and ends_at <= as_of
    qualify row_number() over (order by period desc) <= $weeks
),
begun as (
    select week, span, last_day, cast(date_trunc(span, last_day) as date) as first_day
    from weeks cross join (values ('month'), ('quarter'), ('year')) as spans (span)
),
placed as (
    select week, span, false as is_prior, greatest(first_day, (select min(observed_on) from sums.{kpi})) as first_day, last_day
    from begun
    union all
    select week, span, true, cast(first_day - interval 1 year as date),
        cast(first_day - interval 1 year as date) + cast(last_day - first_day as integer)
    from begun
    where cast(first_day - interval 1 year as date) >= (select min(observed_on) from sums.{kpi})
),
groups as (select distinct {names} from sums.{kpi})
select row_number() over () + (select count(*) from spans.names) as cell, '{kpi}' as kpi, *
from placed cross join groups"""

_HISTOGRAMS = """
insert into spans.durations
select cell, {waited}, sum(credited), sum(ended), sum(open)
from sums.{kpi}
inner join spans.names on names.kpi = '{kpi}' and names.dimension_value = {value}
    and observed_on between first_day and last_day
group by all"""

_TOLD = """
select names.* exclude (cell, grain), curves.* exclude (cell, grain)
from ({curves}) as curves
inner join spans.names using (cell)"""
