"""Sums of every KPI: by day and dimensions, then by cell, which is all, a value of a dimension, or a pair of values.

The statements here are written from the KPIs' headers: which dimensions a KPI has is said there and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable

from transforms import changes
from transforms.changes import GRAINS
from transforms.cuts import Cut, coarse_cuts, cuts, label_of, value_of
from transforms.grains import make_cells
from transforms.models import PAIR, Kpi
from transforms.release import kpis_made
from transforms.repeats import square_repeats
from transforms.sums import follows_touched, sum_days, update_days
from transforms.warehouse import Warehouse, identifier, literal


def count_cells(warehouse: Warehouse, is_update: bool = False) -> bool:
    """Sum every KPI's observations by day × dimensions (schema sums), then touched periods by cell (schema cells).

    is_update: the facts of last night stand but for those of touched records, and so do its sums. Returns whether every
    period was touched, because there is nothing to compare tonight's sums with.
    """
    is_anew = changes.compare_from(warehouse)
    for statement in _TABLES:
        warehouse.run(statement)
    for k in kpis_made(warehouse):
        is_updated = is_update and not is_anew and follows_touched(k)
        if is_updated:
            update_days(warehouse, k)
        else:
            sum_days(warehouse, k)
        changes.note_days(warehouse, k, is_updated)
        if k.kind == "rate":
            square_repeats(warehouse, k, cuts(k), "value", "numerator", is_updated)
            for statistic, column in k.also:
                square_repeats(warehouse, k, coarse_cuts(k), statistic, column, is_updated)
            changes.note_repeats(warehouse, k)
        if k.numerator_dimensions:
            _label_numerators(warehouse, k)
            changes.note_labels(warehouse, k)
        days = f"sums.{k.id}"
        if not is_anew:
            if not changes.note_wanted(warehouse, k):
                continue
            days = "temp.wanted_days"
            wanted = f"select observed_on from cells.wanted where kpi = '{k.id}'"
            warehouse.run(
                f"create or replace temp table wanted_days as from sums.{k.id} where observed_on in ({wanted})"
            )
        if not warehouse.value(f"select exists (from {days})"):  # of a source that is not there, say
            continue
        radix = _number_values(warehouse, k, days)
        if k.is_duration:
            _cut(warehouse, k, cuts(k), radix, _DURATIONS)
        else:
            _cut(warehouse, k, cuts(k), radix, _COUNTS.format(column="numerator"))
        for statistic, column in k.also:
            _cut(warehouse, k, coarse_cuts(k), radix, _COUNTS.format(column=column), statistic)
        for table in ("numbered", "numbers"):
            warehouse.run(f"drop table temp.{table}")
        if k.kind == "count":
            warehouse.run(_SUPERSEDE, {"kpi": k.id})
    make_cells(warehouse, is_anew)
    return is_anew


def _number_values(warehouse: Warehouse, k: Kpi, days: str) -> int:
    """A KPI's sums of days with a number beside each dimension's value, as temp.numbered. Returns one more than the largest.

    Cells are then grouped and named by whole numbers: there are as many of them as cases times cuts, and text is dear.
    """
    listed = " union all ".join(
        f"select {literal(name)} as dimension, {identifier(name)} as value from {days} group by all"
        for name in k.all_dimensions
    )
    warehouse.run(
        "create or replace temp table numbers as select dimension, value, "
        "cast(row_number() over (partition by dimension order by value) as bigint) as number "
        f"from ({listed}) where value is not null"
    )
    numbers = joins = ""
    for place, name in enumerate(k.all_dimensions):
        numbers += f", n{place}.number as {_number(name)}"
        joins += f" left join (from temp.numbers where dimension = {literal(name)}) as n{place}"
        joins += f" on n{place}.value = days.{identifier(name)}"
    # The conditions of cuts are about these; of the others the number will do.
    asked = {*dict(k.headline), *k.numerator_dimensions}
    spared = ", ".join(identifier(name) for name in k.all_dimensions if name not in asked)
    select = f"select days.* exclude ({spared}){numbers} from {days} as days {joins}"
    warehouse.run(f"create or replace temp table numbered as {select}")
    return int(warehouse.value("select coalesce(max(number), 0) from temp.numbers")) + 1


def _number(dimension: str) -> str:
    """The column of temp.numbered that stands for a dimension's value."""
    return identifier(f"number of {dimension}")


def _cut(warehouse: Warehouse, k: Kpi, chosen: Iterable[Cut], radix: int, sums: str, statistic: str = "value") -> None:
    """Cut a KPI's sums of days (temp.numbered) into cells, name the slices met for the first time, keep the cells by slice."""
    table, parts = ("durations_of_day", 3) if k.is_duration else ("counts_of_day", 4)
    extra, columns = ", waited" if k.is_duration else "", ", ".join(f"sum_{part}" for part in range(parts))
    cells, listed = [], []
    for number, cut in enumerate(chosen):
        # A slice's number here: of the cut, and of its one or two values.
        first, second = (None, None, *cut.dimensions)[-2:]
        place = f"cast({number} as bigint)"
        for name in (first, second):
            place = f"({place} * {radix} + {_number(name) if name else 0})"
        # One GROUP BY per cut runs faster in DuckDB than one with as many grouping sets.
        waited = cut.waited if extra else ""
        cells.append(f"select observed_on, {place}{waited}, {sums} from temp.numbered {cut.condition} group by all")
        values = ["null" if name is None else literal(name) for name in (first, second)]
        base_label = "null" if cut.base is None else label_of(cut.base)
        told = ", ".join([label_of(cut.dimensions), *values, base_label])
        listed.append(f"({number}, {told}, {first in (cut.base or ())}, {second in (cut.base or ())})")
    warehouse.run(
        f"create or replace temp table cut as select * from ({' union all '.join(cells)}) as c (period, place{extra}, {columns})"
    )
    warehouse.run(_NAMED.format(cuts=", ".join(listed), radix=radix, pair=literal(PAIR)))
    warehouse.run(_NAME_SLICES, {"kpi": k.id, "statistic": statistic})
    warehouse.run(
        f"insert into cells.{table} select slice, period{extra}, {columns} from temp.cut inner join temp.named using (place) "
        "inner join sums.slices on slices.kpi = $kpi and slices.statistic = $statistic "
        "and slices.dimension = named.dimension and slices.dimension_value = named.dimension_value",
        {"kpi": k.id, "statistic": statistic},
    )
    warehouse.run("drop table temp.cut")
    warehouse.run("drop table temp.named")
    if k.is_duration and k.within:
        pairs = "select slice from sums.slices where kpi = $kpi and contains(dimension, $pair)"
        warehouse.run(f"insert into cells.undated {pairs}", {"kpi": k.id, "pair": PAIR})


def _label_numerators(warehouse: Warehouse, k: Kpi) -> None:
    """The groups of what is counted above the line: each has a measured 0 wherever there was something to count against."""
    branches = [
        f"select distinct {label_of(cut.dimensions)}, {value_of(cut.dimensions)} from sums.{k.id} {cut.condition}"
        for cut in cuts(k)
        if cut.base is not None
    ]
    warehouse.run(f"insert into cells.labels_tonight select '{k.id}', * from ({' union all '.join(branches)})")


_COUNTS = "sum({column}), sum({column}_squared), sum(denominator), sum(n)"
_DURATIONS = "sum(credited), sum(ended), sum(open)"

_TABLES = (
    "create or replace table cells.counts_of_day (slice integer, period date, numerator bigint, numerator_squared bigint, "
    "denominator bigint, n bigint)",
    "create or replace table cells.undated (slice integer)",
    "create or replace table cells.durations_of_day (slice integer, period date, waited_seconds integer, "
    "credited integer, ended integer, open integer)",
    # Days of a stock that a later day of the same week or month takes the place of. grain: a place in GRAINS.
    "create or replace table cells.superseded (slice integer, grain integer, period date)",
)

# A stock is not added up over days: a period has that of its last counted day.
_SUPERSEDE = f"""
insert into cells.superseded
with days as (
    select distinct period from cells.counts_of_day where slice in (select slice from sums.slices where kpi = $kpi)
),
earlier as (
    {
    " union all ".join(
        f"select {number} as grain, period from days "
        f"qualify period < max(period) over (partition by date_trunc('{grain}', period))"
        for number, grain in enumerate(GRAINS)
    )
}
)
select slice, grain, period from sums.slices cross join earlier where kpi = $kpi"""

# What the places in temp.cut are the numbers of.
_NAMED = """
create or replace temp table named as
select place, c.dimension,
    case when c.second is null then 'all' else concat_ws({pair}, a.value, b.value) end as dimension_value,
    c.base_dimension,
    case
        when c.base_dimension = 'all' then 'all'
        when c.base_dimension is not null
            then concat_ws({pair}, case when c.keeps_first then a.value end, case when c.keeps_second then b.value end)
    end as base_value
from (select distinct place from temp.cut)
inner join (values {cuts}) as c (cut, dimension, first, second, base_dimension, keeps_first, keeps_second)
    on c.cut = place // ({radix} * {radix})
left join temp.numbers as a on a.dimension = c.first and a.number = place // {radix} % {radix}
left join temp.numbers as b on b.dimension = c.second and b.number = place % {radix}"""

_NAME_SLICES = """
insert into sums.slices by name
select distinct $kpi as kpi, $statistic as statistic, dimension, dimension_value, base_dimension, base_value from temp.named
anti join (from sums.slices where kpi = $kpi and statistic = $statistic) using (dimension, dimension_value)
order by all"""
