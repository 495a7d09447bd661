"""From days to weeks and months: the sums of every cell, from the sums of its days."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from transforms.changes import CELL, GRAINS
from transforms.warehouse import Warehouse


def make_cells(warehouse: Warehouse, is_anew: bool) -> None:
    """Tables cells.counts, cells.durations and cells.names from the days of `cells.*_of_day`; all of them, or those touched."""
    only_touched = "" if is_anew else "semi join cells.touched using (cell)"
    for statement in _STATEMENTS:
        warehouse.run(statement.format(only_touched=only_touched))


def _cells_of(grain: str) -> str:
    """The cell that a day's row belongs to in a grain, as SQL."""
    number = GRAINS.index(grain)
    return CELL.format(grain=number, period=f"cast(date_trunc('{grain}', period) as date)") + " as cell"


def _counts_of(grain: str) -> str:
    """The days' counts by the cells of a grain, as SQL."""
    return (
        f"select {_cells_of(grain)}, * exclude (slice, period) from cells.counts_of_day as of_day "
        "anti join cells.superseded as later "
        f"on later.slice = of_day.slice and later.period = of_day.period and later.grain = {GRAINS.index(grain)}"
    )


def _durations_of(grain: str) -> str:
    """The days' histograms by the cells of a grain, as SQL."""
    # Pairs of a KPI that is told within one dimension have a case or two in a day: their days are not published.
    only = " where slice not in (from cells.undated)" if grain == "day" else ""
    return f"select {_cells_of(grain)}, * exclude (slice, period) from cells.durations_of_day{only}"


def _added_up(table: str, days: Callable[[str], str], keys: str, types: Mapping[str, str]) -> str:
    """Weeks and months are sums of days; a day's cells are there as they are."""
    sums = ", ".join(f"cast(sum({name}) as {kind}) as {name}" for name, kind in types.items())
    return f"""
create or replace table cells.{table} as
select {keys}, {", ".join(types)}
from ({days("day")})
{{only_touched}}
union all
select {keys}, {sums}
from ({days("week")} union all {days("month")})
{{only_touched}}
group by {keys}"""


_STATEMENTS = (
    # A KPI of which nothing was observed has a slice all the same, for the marts to say so.
    """
insert into sums.slices by name
select kpi, 'all' as dimension, 'all' as dimension_value from run.kpis anti join sums.slices using (kpi)""",
    """
update sums.slices set base = named.slice
from sums.slices as named
where named.kpi = slices.kpi and named.statistic = slices.statistic and named.dimension = slices.base_dimension and named.dimension_value = slices.base_value
    and slices.base is null""",
    "create or replace table cells.slices as select * replace (cast(statistic as term) as statistic) from sums.slices",
    f"""
create or replace table cells.touched as
select {CELL.format(grain="periods.grain", period="periods.period")} as cell
from cells.periods
inner join cells.slices using (kpi)""",
    _added_up(
        "sums", _counts_of, "cell", dict.fromkeys(("numerator", "numerator_squared", "denominator", "n"), "bigint")
    ),
    _added_up(
        "durations", _durations_of, "cell, waited_seconds", dict.fromkeys(("credited", "ended", "open"), "integer")
    ),
    f"""
create or replace table cells.repeats as
select {CELL.format(grain="repeats.grain", period="repeats.period")} as cell, repeats.more as more_squared
from cells.repeats_tonight as repeats
inner join cells.slices using (kpi, statistic, dimension, dimension_value)""",
    # A dimension of the numerator is measured against all that its cell's other dimensions hold; where nothing of it was
    # counted, though there was something to count against, a 0 was measured.
    """
create or replace table cells.counts as
select sums.cell, slices.slice, sums.numerator,
    sums.numerator_squared + coalesce(repeats.more_squared, 0) as numerator_squared,
    case when slices.base is null then sums.denominator else coalesce(base.denominator, 0) end as denominator,
    case when slices.base is null then sums.n else coalesce(base.n, 0) end as n
from cells.sums
inner join cells.slices on slices.slice = sums.cell // 300000
left join cells.sums as base on base.cell = sums.cell + (slices.base - slices.slice) * cast(300000 as bigint)
left join cells.repeats on repeats.cell = sums.cell
union all
select base.cell + (slices.slice - slices.base) * cast(300000 as bigint), slices.slice, 0, 0, base.denominator, base.n
from cells.sums as base
inner join cells.slices on slices.base = base.cell // 300000
where base.denominator > 0
    and (slices.kpi, slices.dimension, slices.dimension_value) in (from cells.labels_tonight)
    and base.cell + (slices.slice - slices.base) * cast(300000 as bigint) not in (select cell from cells.sums)""",
    f"""
create or replace table cells.names as
select cell, cast(cell // 300000 as integer) as slice, cast({list(GRAINS)} as term[])[1 + cell // 100000 % 3] as grain,
    date '1970-01-01' + cast(cell % 100000 as integer) as period
from (select cell from cells.counts union all select distinct cell from cells.durations)""",
)
