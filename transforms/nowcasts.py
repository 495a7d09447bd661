"""Nowcasts of the KPIs whose weeks fill up for a while: how much of past weeks was known when they were as old.

A KPI takes part by `nowcast = true` in its header and two more columns: counted_at, when a row's numerator became 1 (NULL:
it has not), and based_at, since when the row has been below the line.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from transforms.changes import CELL
from transforms.cuts import cuts, label_of, value_of
from transforms.models import Kpi
from transforms.release import kpis_made
from transforms.warehouse import Warehouse, identifier

COHORTS = 13  # past weeks that are compared with, all of them final


def add_nowcasts(warehouse: Warehouse) -> None:
    """Table sums.nowcasts: every week that is over but not final, for all and single dimensions. Reads estimates.periods.

    In the shape of an estimate. value: the final value expected, with a 90 % interval; n: cases so far; numerator,
    denominator: final sums expected.
    """
    warehouse.run(
        "create or replace table sums.nowcasts (cell bigint, grain term, statistic term, value double, "
        "ci_low double, ci_high double, n bigint, numerator double, denominator double)"
    )
    for k in kpis_made(warehouse):
        if k.nowcast:
            _add(warehouse, k)


def _add(warehouse: Warehouse, k: Kpi) -> None:
    from transforms.insight.nowcast import Past, expect

    warehouse.run("create or replace temp table cohorts as " + _COHORTS, [k.window_days, COHORTS])
    ages, weeks = warehouse.rows("select count(*) filter (where is_young), count(*) from cohorts")[0]
    if not ages or weeks <= ages:
        return
    dimensions = ", ".join(map(identifier, k.all_dimensions))
    warehouse.run("create or replace temp table seen as " + _SEEN.format(kpi=k.id, dimensions=dimensions))
    branches = [
        f"select {label_of(cut.dimensions)}, {value_of(cut.dimensions)}, place, counted_age, based_age, "
        f"sum(numerator), sum(denominator) from seen {cut.condition} group by all"
        for cut in cuts(k)
        if len(cut.dimensions) < 2 and cut.base is None
    ]
    frame = warehouse.frame(_SLICES.format(branches=" union all ".join(branches)), [k.id])
    slices, at = np.unique(frame["slice"].to_numpy(), return_inverse=True)
    counted, based = (
        _by_age((len(slices), weeks, ages + 1), at, frame["place"], frame[age], frame[measure])
        for age, measure in (("counted_age", "numerator"), ("based_age", "denominator"))
    )
    per = float(k.per)
    for place in range(ages):
        past = Past(*(sums[:, ages:, end] for end in (place, ages) for sums in (counted, based)))
        young = expect(counted[:, place, ages], based[:, place, ages], past)
        is_known = np.isfinite(young.value)
        columns: list[Any] = [slices, per * young.value, per * young.low, per * young.high, based[:, place, ages]]
        columns += [young.numerator, young.denominator]
        warehouse.run(_INSERT, [place, *(column[is_known].tolist() for column in columns)])


def _by_age(shape: tuple[int, ...], at: Any, place: Any, age: Any, measure: Any) -> Any:
    """Sums by slice, week and age, each up to that age."""
    sums = np.zeros(shape)
    until = np.minimum(age.to_numpy(), shape[2] - 1)
    np.add.at(sums, (at, place.to_numpy(), until), measure.to_numpy())
    return sums.cumsum(axis=2)


# The weeks that are over: the young ones, which are not final yet, and as many final ones as are compared with. place:
# 0 = the newest. A young week's place is its age in whole weeks beyond the newest one's.
_COHORTS = """
with weeks as (
    select
        periods.period as week,
        periods.ends_at,
        row_number() over (order by periods.period desc) - 1 as place,
        date_diff('second', max(periods.ends_at) over (), clock.as_of) as newest_age,
        periods.ends_at + to_days(cast(? as integer)) > clock.as_of as is_young
    from estimates.periods
    cross join run.clock
    where periods.grain = 'week' and periods.ends_at <= clock.as_of
)
select * from weeks
qualify place < count(*) filter (where is_young) over () + ?"""

# When each row came to be counted, as the place of the youngest week that is old enough to have seen it by now.
_SEEN = """
select
    cohorts.place,
    {dimensions},
    greatest(cast(ceil((date_diff('second', cohorts.ends_at, counted_at) - newest_age) / 604800.0) as integer), 0) as counted_age,
    greatest(cast(ceil((date_diff('second', cohorts.ends_at, based_at) - newest_age) / 604800.0) as integer), 0) as based_age,
    sum(numerator) as numerator,
    sum(denominator) as denominator
from kpis.{kpi}
inner join cohorts on cast(date_trunc('week', observed_on) as date) = cohorts.week
group by all"""

_SLICES = """
select slices.slice, place, coalesce(counted_age, 0) as counted_age, based_age,
    cast(numerator as double) as numerator, cast(denominator as double) as denominator
from ({branches}) as c (dimension, dimension_value, place, counted_age, based_age, numerator, denominator)
inner join sums.slices on slices.kpi = ?
    and slices.dimension = c.dimension and slices.dimension_value = c.dimension_value and slices.statistic = 'value'"""

_INSERT = f"""
insert into sums.nowcasts
select {CELL.format(grain=1, period="week")}, 'week', 'nowcast', value, low, high, cast(n as bigint), numerator, denominator
from (select week from cohorts where place = ?)
cross join (
    select unnest(cast(? as bigint[])) as slice, unnest(cast(? as double[])) as value, unnest(cast(? as double[])) as low,
        unnest(cast(? as double[])) as high, unnest(cast(? as double[])) as n, unnest(cast(? as double[])) as numerator,
        unnest(cast(? as double[])) as denominator
)"""
