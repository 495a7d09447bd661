"""Sums of every KPI: by day and dimensions, then by cell, which is all, a value of a dimension, or a pair of values.

The statements here are written from the KPIs' headers: which dimensions a KPI has is said there and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from transforms.models import Kpi, kpis
from transforms.warehouse import Warehouse, identifier, literal

GRAINS = ("day", "week", "month")
PAIR = " × "


@dataclass(frozen=True)
class Cut:
    """One way to cut a KPI: by no, one or two dimensions, over the rows that `where` admits.

    base: the cut whose denominators count, for a dimension that only what is counted above the line has.
    """

    dimensions: tuple[str, ...]
    where: tuple[str, ...] = ()
    base: tuple[str, ...] | None = None

    @property
    def columns(self) -> str:
        """What the cut is grouped by, beside the period."""
        return "".join(f", {identifier(name)}" for name in self.dimensions)

    @property
    def names(self) -> str:
        """The four columns that name a cell: dimension, its value, and the base's."""
        base = f"{_label(self.base)}, {_value(self.base)}" if self.base is not None else "null::varchar, null::varchar"
        return f"{_label(self.dimensions)}, {_value(self.dimensions)}, {base}"

    @property
    def waited(self) -> str:
        """A duration's bucket: the second for all and single dimensions, the whole hour (floor) for pairs.

        Cases that end and cases that are cut off in one bucket have lost their order. That can move a quantile, so the
        figures that are read most keep it; for pairs it would make twice the rows.
        """
        return ", waited_seconds" if len(self.dimensions) < 2 else ", waited_seconds // 3600 * 3600"

    @property
    def condition(self) -> str:
        """The rows that belong to it, as a WHERE clause."""
        return f"where {' and '.join(self.where)}" if self.where else ""


def cuts(k: Kpi) -> Iterator[Cut]:
    """Every cut of a KPI: all, each dimension, pairs; and each dimension that the headline fixes, alone."""
    headline = tuple(f"{identifier(name)} = {literal(value)}" for name, value in k.headline)
    main = [name for name in k.all_dimensions if name not in dict(k.headline)]
    for size in range(3):
        for chosen in combinations(main, size):
            above = [name for name in chosen if name in k.numerator_dimensions]
            # A row below the line has no value of what is counted above it: it belongs to no such cell.
            own = tuple(f"{identifier(name)} is not null" for name in above)
            yield Cut(chosen, headline + own, tuple(n for n in chosen if n not in above) if above else None)
    for name, _ in k.headline:
        yield Cut((name,))


def count_cells(warehouse: Warehouse) -> None:
    """Sum every KPI's observations by day × dimensions (schema sums), then by cell and grain (schema cells)."""
    warehouse.run("create schema if not exists sums")
    for statement in _TABLES:
        warehouse.run(statement)
    for k in kpis():
        sum_days(warehouse, k)
        if k.is_duration:
            _cut(warehouse, k, "durations_of_day", _DURATIONS)
        else:
            _cut(warehouse, k, "counts_of_day", _COUNTS)
        if k.kind == "rate":
            _square_repeats(warehouse, k)
    for statement in _GRAINS_OF_CELLS:
        warehouse.run(statement)


def sum_days(warehouse: Warehouse, k: Kpi) -> None:
    """One table per KPI, `sums.<kpi>`: additive sums by day and all its dimensions."""
    dimensions = ", ".join(map(identifier, k.all_dimensions))
    select = _DURATIONS_OF_DAY if k.is_duration else _COUNTS_OF_DAY
    warehouse.run(f"create or replace table sums.{k.id} as {select.format(kpi=k.id, dimensions=dimensions)}")


def _cut(warehouse: Warehouse, k: Kpi, table: str, sums: str) -> None:
    """Cut a KPI's day sums into cells, name the slices met for the first time, keep the cells by slice."""
    extra = ", waited" if k.is_duration else ""
    # One GROUP BY per cut runs faster in DuckDB than one with as many grouping sets.
    branches = [
        f"select observed_on, {cut.names}{cut.waited if extra else ''}, {sums} from sums.{k.id} {cut.condition} group by all"
        for cut in cuts(k)
    ]
    warehouse.run(
        f"create or replace temp table cut as select * from ({' union all '.join(branches)}) "
        f"as c (period, dimension, dimension_value, base_dimension, base_value{extra}, first, second, third)"
    )
    warehouse.run(_NAME_SLICES, {"kpi": k.id})
    warehouse.run(
        f"insert into cells.{table} select slice, period{extra}, first, second, third from cut inner join cells.slices "
        "on slices.kpi = $kpi and slices.dimension = cut.dimension and slices.dimension_value = cut.dimension_value",
        {"kpi": k.id},
    )
    warehouse.run("drop table temp.cut")


def _square_repeats(warehouse: Warehouse, k: Kpi) -> None:
    """What the rows of one order add to the sum of squares: (sum of c)2 less the sum of c2, per cell and grain.

    Rows of one order are one unit, so only orders that count more than once need a second look.
    """
    twice = f"select exists (select 1 from kpis.{k.id} where numerator <> 0 having count(*) > count(distinct order_id))"
    if not warehouse.value(twice):
        return
    warehouse.run(
        f"create or replace temp table repeats as select *, numerator * numerator as squared from kpis.{k.id} "
        f"where numerator <> 0 and order_id in (select order_id from kpis.{k.id} where numerator <> 0 "
        "group by order_id having count(*) > 1)"
    )
    varying = _varying(warehouse, k)
    for number, grain in enumerate(GRAINS):
        period = f"cast(date_trunc('{grain}', observed_on) as date)"
        branches, orders = [], {}
        for cut in cuts(k):
            # Cuts that agree in what differs within an order look at the orders once: the rest is the order's own.
            differs = tuple(name for name in cut.dimensions if name in varying)
            name = f"orders_{len(orders)}"
            source = orders.setdefault((differs, cut.where), name)
            if source == name:
                own = ", ".join(
                    identifier(d) if d in differs else f"any_value({identifier(d)}) as {identifier(d)}"
                    for d in k.all_dimensions
                )
                orders_by = "".join(f", {identifier(d)}" for d in differs)
                warehouse.run(
                    f"create or replace temp table {name} as select {period} as period, {own}, "
                    f"sum(numerator) * sum(numerator) - sum(squared) as more from repeats {cut.condition} "
                    f"group by period, order_id{orders_by} having count(*) > 1"
                )
            branches.append(
                f"select period, {_label(cut.dimensions)}, {_value(cut.dimensions)}, sum(more) from {source} group by all"
            )
        warehouse.run(
            f"insert into cells.repeats select {_CELL.format(grain=number, period='period')}, more from ({' union all '.join(branches)}) "
            "as c (period, dimension, dimension_value, more) inner join cells.slices on slices.kpi = $kpi "
            "and slices.dimension = c.dimension and slices.dimension_value = c.dimension_value",
            {"kpi": k.id},
        )
        for name in orders.values():
            warehouse.run(f"drop table temp.{name}")
    warehouse.run("drop table temp.repeats")


def _varying(warehouse: Warehouse, k: Kpi) -> set[str]:
    """The dimensions in which the rows of one order can differ, such as the reason of a contact."""
    differ = ", ".join(f"coalesce(bool_or({d}_differs), false)" for d in k.all_dimensions)
    within = ", ".join(
        f"min({identifier(d)}) is distinct from max({identifier(d)}) or count({identifier(d)}) not in (0, count(*)) as {d}_differs"
        for d in k.all_dimensions
    )
    ((*found,),) = warehouse.rows(f"select {differ} from (select {within} from repeats group by order_id)")
    return {d for d, is_varying in zip(k.all_dimensions, found, strict=True) if is_varying}


def _label(dimensions: tuple[str, ...]) -> str:
    return literal(PAIR.join(dimensions) or "all")


def _value(dimensions: tuple[str, ...]) -> str:
    return f" || {literal(PAIR)} || ".join(map(identifier, dimensions)) or "'all'"


_COUNTS_OF_DAY = """
select observed_on, {dimensions},
    cast(sum(numerator) as bigint) as numerator,
    cast(sum(numerator * numerator) as bigint) as numerator_squared,
    cast(sum(denominator) as bigint) as denominator
from kpis.{kpi}
group by observed_on, {dimensions}"""

_DURATIONS_OF_DAY = """
select observed_on, {dimensions}, cast(floor(duration_hours * 3600 + 1e-6) as integer) as waited_seconds,
    count(*) filter (where outcome = 'credited') as credited,
    count(*) filter (where outcome = 'ended') as ended,
    count(*) filter (where outcome = 'open') as open
from kpis.{kpi}
group by observed_on, {dimensions}, waited_seconds"""

_COUNTS = "sum(numerator), sum(numerator_squared), sum(denominator)"
_DURATIONS = "sum(credited), sum(ended), sum(open)"

_TABLES = (
    "drop table if exists cells.slices",
    "create or replace sequence cells.slice_ids",
    # A slice is a KPI's 'all', a value of a dimension or a pair of values. base: the slice whose orders its rate is over.
    "create or replace table cells.slices (slice integer default nextval('cells.slice_ids'), kpi varchar, dimension varchar, "
    "dimension_value varchar, base_dimension varchar, base_value varchar, base integer)",
    "create or replace table cells.counts_of_day (slice integer, period date, numerator bigint, numerator_squared bigint, denominator bigint)",
    "create or replace table cells.durations_of_day (slice integer, period date, waited_seconds integer, "
    "credited integer, ended integer, open integer)",
    "create or replace table cells.repeats (cell bigint, more_squared bigint)",
)

_NAME_SLICES = """
insert into cells.slices by name
select distinct $kpi as kpi, dimension, dimension_value, base_dimension, base_value from cut
order by all"""

# A cell is one number for slice, grain and period, so that sorts and joins work on integers: (slice, grain, days).
_CELL = "(slice * cast(3 as bigint) + {grain}) * 100000 + date_diff('day', date '1970-01-01', {period})"
_SPREAD = " union all ".join(
    "select "
    + _CELL.format(grain=number, period=f"cast(date_trunc('{grain}', period) as date)")
    + " as cell, * exclude (slice, period) from {table}"
    for number, grain in enumerate(GRAINS)
)

_GRAINS_OF_CELLS = (
    # A KPI of which nothing was observed has a slice all the same, for the marts to say so.
    """
insert into cells.slices by name
select kpi, 'all' as dimension, 'all' as dimension_value from run.kpis anti join cells.slices using (kpi)""",
    """
update cells.slices set base = named.slice
from cells.slices as named
where named.kpi = slices.kpi and named.dimension = slices.base_dimension and named.dimension_value = slices.base_value""",
    # Weeks and months are sums of days.
    f"""
create or replace table cells.sums as
select cell, cast(sum(numerator) as bigint) as numerator, cast(sum(numerator_squared) as bigint) as numerator_squared,
    cast(sum(denominator) as bigint) as denominator
from ({_SPREAD.format(table="cells.counts_of_day")})
group by cell""",
    f"""
create or replace table cells.durations as
select cell, waited_seconds, cast(sum(credited) as integer) as credited, cast(sum(ended) as integer) as ended,
    cast(sum(open) as integer) as open
from ({_SPREAD.format(table="cells.durations_of_day")})
group by cell, waited_seconds""",
    # A dimension of the numerator is measured against all that its cell's other dimensions hold; where nothing of it was
    # counted, though there was something to count against, a 0 was measured.
    """
create or replace table cells.counts as
select sums.cell, slices.slice, sums.numerator,
    sums.numerator_squared + coalesce(repeats.more_squared, 0) as numerator_squared,
    case when slices.base is null then sums.denominator else coalesce(base.denominator, 0) end as denominator
from cells.sums
inner join cells.slices on slices.slice = sums.cell // 300000
left join cells.sums as base on base.cell = sums.cell + (slices.base - slices.slice) * cast(300000 as bigint)
left join cells.repeats on repeats.cell = sums.cell
union all
select base.cell + (slices.slice - slices.base) * cast(300000 as bigint), slices.slice, 0, 0, base.denominator
from cells.sums as base
inner join cells.slices on slices.base = base.cell // 300000
where base.denominator > 0
    and base.cell + (slices.slice - slices.base) * cast(300000 as bigint) not in (select cell from cells.sums)""",
    f"""
create or replace table cells.names as
select cell, cast(cell // 300000 as integer) as slice, {list(GRAINS)}[1 + cell // 100000 % 3] as grain,
    date '1970-01-01' + cast(cell % 100000 as integer) as period
from (select cell from cells.counts union all select distinct cell from cells.durations)""",
)
