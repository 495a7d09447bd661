"""From records to marts: runs the SQL models layer by layer. Holds the one generated clause, the grouping sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import combinations

from transforms.models import Kpi, kpis, models
from transforms.warehouse import Warehouse, identifier, literal

GRAINS = ("day", "week", "month")
PAIR = " × "


def set_clock(warehouse: Warehouse, as_of: datetime) -> None:
    """Fix the moment the run is about (an aware datetime): what happened later has not happened."""
    warehouse.run("create schema if not exists run")
    moment = as_of.astimezone(UTC).replace(tzinfo=None)
    warehouse.run("create or replace table run.clock as select cast(? as timestamp) as as_of", [moment])


def set_run(warehouse: Warehouse, run_id: str, customer_key: str) -> None:
    """Which run this is. The key of the customer hashes stays in the session: it is not written to the database."""
    warehouse.run("create or replace table run.current as select ? as run_id", [run_id])
    warehouse.run("set variable hash_key = ?", [customer_key])


def set_kpis(warehouse: Warehouse, targets: Mapping[str, float]) -> None:
    """What the marts need to know of each KPI, and the targets (`kpi` or `kpi.statistic` to a value)."""
    warehouse.run(
        "create or replace table run.kpis (kpi varchar, label varchar, question varchar, kind varchar, unit varchar, "
        "per integer, better varchar, anchor varchar, grain varchar, dimensions varchar[], window_days integer, "
        "owner varchar, statistics varchar[], headline_statistic varchar, definition varchar, version varchar, "
        "changes varchar[], sources varchar[])"
    )
    for k in kpis():
        row = [k.id, k.label, k.question, k.kind, k.unit, k.per, k.better, k.anchor, k.grain, list(k.all_dimensions)]
        row += [k.window_days, k.owner, list(k.statistics), k.headline_statistic, k.definition, k.version]
        row += [list(k.changes), list(k.sources)]
        warehouse.run(f"insert into run.kpis values ({', '.join('?' * len(row))})", row)
    warehouse.run("create or replace table run.targets (kpi varchar, statistic varchar, target double)")
    headline = {k.id: k.headline_statistic for k in kpis()}
    for name, value in targets.items():
        kpi, _, statistic = name.partition(".")
        if kpi not in headline:
            raise KeyError(f"targets: no KPI {kpi!r}; there are: {', '.join(headline)}")
        warehouse.run("insert into run.targets values (?, ?, ?)", [kpi, statistic or headline[kpi], value])


def set_withheld(warehouse: Warehouse, reasons: Mapping[str, str]) -> None:
    """Which KPIs are not published tonight, and why."""
    warehouse.run("create or replace table run.withheld (kpi varchar, reason varchar)")
    for kpi, reason in reasons.items():
        warehouse.run("insert into run.withheld values (?, ?)", [kpi, reason])


def build_layer(warehouse: Warehouse, layer: str, kind: str = "table") -> None:
    """Create every model of a layer, in the order of what they read."""
    warehouse.run(f"create schema if not exists {layer}")
    for model in models(layer):
        warehouse.run(f"create or replace {kind} {layer}.{identifier(model.name)} as {model.select}")


def build_model(warehouse: Warehouse, layer: str, name: str) -> None:
    """Create one table of a layer again."""
    (model,) = (m for m in models(layer) if m.name == name)
    warehouse.run(f"create or replace table {model.table} as {model.select}")


def count_rows(warehouse: Warehouse, mart: str) -> int:
    """Rows of a mart."""
    return int(warehouse.value(f"select count(*) from marts.{identifier(mart)}"))


def list_observations(warehouse: Warehouse, row_weeks: int) -> None:
    """All KPIs' observations under one another, for drilling down; `row_weeks`: how many weeks are published."""
    warehouse.run("create or replace table run.horizon as select cast(? as integer) as row_weeks", [row_weeks])
    columns = dict.fromkeys(name for k in kpis() for name in k.all_dimensions)
    parts = []
    for k in kpis():
        own = [identifier(name) if name in k.all_dimensions else f"null::varchar as {identifier(name)}" for name in columns]
        figures = "numerator, denominator, null::double as duration_hours, null::varchar as outcome"
        if k.is_duration:
            figures = "null::integer as numerator, null::integer as denominator, duration_hours, outcome"
        parts.append(f"select '{k.id}' as kpi, observed_on, subject_id, order_id, {', '.join(own)}, {figures} from kpis.{k.id}")
    warehouse.run(f"create or replace view sums.observations as {' union all '.join(parts)}")


def count_cells(warehouse: Warehouse) -> None:
    """Sum every KPI's observations by day × dimensions, then by cell (all, each dimension, pairs) and grain."""
    warehouse.run("drop schema if exists sums cascade")
    warehouse.run("drop schema if exists cells cascade")
    for statement in _SUMS:
        warehouse.run(statement)
    for k in kpis():
        dimensions = ", ".join(map(identifier, k.all_dimensions))
        if k.is_duration:
            warehouse.run(_HOURS_OF_DAY.format(kpi=k.id, dimensions=dimensions))
            _keep(warehouse, k, _CUT_HOURS, _KEEP_HOURS, _cube(k, "waited_seconds"))
            continue
        warehouse.run(_COUNTS_OF_DAY.format(kpi=k.id, dimensions=dimensions))
        _keep(warehouse, k, _CUT_COUNTS, _KEEP_COUNTS, _cube(k))
        if k.headline:
            _keep(warehouse, k, _CUT_COUNTS, _KEEP_COUNTS, _headline_cube(k))
        if k.kind == "rate":
            warehouse.run(_REPEATS.format(kpi=k.id, dimensions=dimensions))
            for grain in GRAINS:
                _keep(warehouse, k, _CUT_REPEATS, _KEEP_REPEATS, _cube(k, "order_id") | {"grain": grain}, named=True)
    for statement in _CELLS:
        warehouse.run(statement)


def _keep(warehouse: Warehouse, k: Kpi, cut: str, keep: str, clauses: dict[str, str], named: bool = False) -> None:
    """Cut sums into cells and keep them by slice; `named`: the slices are all known already."""
    clauses = clauses | {"kpi": k.id}
    warehouse.run(cut.format(**clauses))
    if not named:
        warehouse.run(_NAME_SLICES.format(**clauses))
    warehouse.run(keep.format(**clauses))
    warehouse.run("drop table temp.cut")


def _cube(k: Kpi, *also: str) -> dict[str, str]:
    """The clauses that cut a KPI's sums into its cells: all, each dimension, pairs of dimensions."""
    main = [name for name in k.all_dimensions if name not in dict(k.headline)]
    return _clauses(k, [*combinations(main, 0), *combinations(main, 1), *combinations(main, 2)], also, k.headline)


def _headline_cube(k: Kpi) -> dict[str, str]:
    """The cells of the dimensions that the headline fixes: each of their values, the headline's and the others."""
    return _clauses(k, [(name,) for name, _ in k.headline], (), ())


def _clauses(
    k: Kpi, cells: list[tuple[str, ...]], also: tuple[str, ...], only: tuple[tuple[str, str], ...]
) -> dict[str, str]:
    names = [name for name in k.all_dimensions if any(name in cell for cell in cells)]
    shared = [name for name in names if name in k.dimensions]

    def joined(of: list[str], show: Callable[[str], str]) -> str:
        said = [f"case when grouping({identifier(name)}) = 0 then {show(name)} end" for name in of]
        return f"coalesce(nullif(concat_ws('{PAIR}', {', '.join(said or ['null'])}), ''), 'all')"

    # A row below the line has no value of a dimension of what is counted above it: it belongs to no such cell.
    apart = [f"(grouping({name}) = 0 and {name} is null)" for name in map(identifier, k.numerator_dimensions)]
    above = [f"grouping({name}) = 0" for name in map(identifier, k.numerator_dimensions)]
    sets = ", ".join("(" + ", ".join(["period", *also, *map(identifier, cell)]) + ")" for cell in cells)
    return {
        "dimension": joined(names, literal),
        "dimension_value": joined(names, identifier),
        "is_above": " or ".join(above) or "false",
        "base_dimension": joined(shared, literal),
        "base_value": joined(shared, identifier),
        "sets": sets,
        "having": f"having not ({' or '.join(apart)})" if apart else "",
        "where": "".join(f" and {identifier(name)} = {literal(value)}" for name, value in only),
    }


def _dimension_columns() -> str:
    names = dict.fromkeys(name for k in kpis() for name in k.all_dimensions)
    return ", ".join(f"{identifier(name)} varchar" for name in names)


_SUMS = (
    "create schema sums",
    "create schema cells",
    f"create table sums.counts (kpi varchar, observed_on date, {_dimension_columns()}, "
    "numerator bigint, numerator_squared bigint, denominator bigint)",
    f"create table sums.durations (kpi varchar, observed_on date, {_dimension_columns()}, "
    "waited_seconds integer, credited bigint, ended bigint, open bigint)",
    f"create table sums.repeats (kpi varchar, observed_on date, {_dimension_columns()}, order_id varchar, numerator bigint)",
    "create sequence cells.slice_ids",
    # A slice is a KPI's 'all', a value of a dimension or a pair of values. base: the slice whose orders its rate is over.
    "create table cells.slices (slice integer default nextval('cells.slice_ids'), kpi varchar, dimension varchar, "
    "dimension_value varchar, base_dimension varchar, base_value varchar, base integer)",
    "create table cells.counts_of_day (slice integer, period date, numerator bigint, numerator_squared bigint, denominator bigint)",
    "create table cells.durations_of_day (slice integer, period date, waited_seconds integer, credited integer, ended integer, open integer)",
    "create table cells.repeats (slice integer, grain varchar, period date, more_squared bigint)",
)

_COUNTS_OF_DAY = """
insert into sums.counts by name
select '{kpi}' as kpi, observed_on, {dimensions},
    cast(sum(numerator) as bigint) as numerator,
    cast(sum(numerator * numerator) as bigint) as numerator_squared,
    cast(sum(denominator) as bigint) as denominator
from kpis.{kpi}
group by observed_on, {dimensions}"""

_HOURS_OF_DAY = """
insert into sums.durations by name
select '{kpi}' as kpi, observed_on, {dimensions}, cast(floor(duration_hours * 3600 + 1e-6) as integer) as waited_seconds,
    count(*) filter (where outcome = 'credited') as credited,
    count(*) filter (where outcome = 'ended') as ended,
    count(*) filter (where outcome = 'open') as open
from kpis.{kpi}
group by observed_on, {dimensions}, waited_seconds"""

# Rows of one order are one unit: only orders that count more than once need a second look.
_REPEATS = """
insert into sums.repeats by name
select '{kpi}' as kpi, observed_on, {dimensions}, order_id, numerator
from kpis.{kpi}
where numerator <> 0 and order_id is not null
qualify count(*) over (partition by order_id) > 1"""

# The cube is cut on the columns as they are; a cell gets its words once, when its slice is met first.
_CUT_COUNTS = """
create or replace temp table cut as
select period, {dimension} as dimension, {dimension_value} as dimension_value,
    case when {is_above} then {base_dimension} end as base_dimension,
    case when {is_above} then {base_value} end as base_value,
    sum(numerator) as numerator, sum(numerator_squared) as numerator_squared, sum(denominator) as denominator
from (select * rename (observed_on as period) from sums.counts where kpi = '{kpi}'{where})
group by grouping sets ({sets}) {having}"""

_CUT_HOURS = """
create or replace temp table cut as
select period, {dimension} as dimension, {dimension_value} as dimension_value,
    null as base_dimension, null as base_value, waited_seconds,
    sum(credited) as credited, sum(ended) as ended, sum(open) as open
from (select * rename (observed_on as period) from sums.durations where kpi = '{kpi}'{where})
group by grouping sets ({sets})"""

# (sum of c)2 less the sum of c2 already counted, for the orders with several rows in a cell.
_CUT_REPEATS = """
create or replace temp table cut as
select period, {dimension} as dimension, {dimension_value} as dimension_value,
    sum(numerator) * sum(numerator) - sum(numerator * numerator) as more
from (
    select *, cast(date_trunc('{grain}', observed_on) as date) as period
    from sums.repeats where kpi = '{kpi}'{where}
)
group by grouping sets ({sets}) {having}"""

_NAME_SLICES = """
insert into cells.slices by name
select distinct '{kpi}' as kpi, dimension, dimension_value, base_dimension, base_value from cut
where not exists (
    select 1 from cells.slices
    where slices.kpi = '{kpi}' and slices.dimension = cut.dimension and slices.dimension_value = cut.dimension_value
)
order by all"""

_KEEP_COUNTS = """
insert into cells.counts_of_day
select slice, period, numerator, numerator_squared, denominator
from cut inner join cells.slices on slices.kpi = '{kpi}' and slices.dimension = cut.dimension
    and slices.dimension_value = cut.dimension_value"""

_KEEP_HOURS = """
insert into cells.durations_of_day
select slice, period, waited_seconds, credited, ended, open
from cut inner join cells.slices on slices.kpi = '{kpi}' and slices.dimension = cut.dimension
    and slices.dimension_value = cut.dimension_value"""

_KEEP_REPEATS = """
insert into cells.repeats
select slice, '{grain}', period, sum(more)
from cut inner join cells.slices on slices.kpi = '{kpi}' and slices.dimension = cut.dimension
    and slices.dimension_value = cut.dimension_value
where more <> 0
group by slice, period"""

_GRAINS = """
    select 'day' as grain, * from {table}
    union all
    select 'week', * replace (cast(date_trunc('week', period) as date) as period) from {table}
    union all
    select 'month', * replace (cast(date_trunc('month', period) as date) as period) from {table}"""

_CELLS = (
    # A KPI of which nothing was observed has a slice all the same, for the marts to say so.
    """
insert into cells.slices by name
select kpi, 'all' as dimension, 'all' as dimension_value from run.kpis anti join cells.slices using (kpi)""",
    """
update cells.slices set base = named.slice
from cells.slices as named
where named.kpi = slices.kpi and named.dimension = slices.base_dimension and named.dimension_value = slices.base_value""",
    # Weeks and months are sums of days. A dimension of the numerator is measured against all that its cell's others hold.
    f"""
create table cells.counts as
with grains as ({_GRAINS.format(table="cells.counts_of_day")}
),
summed as (
    select slice, grain, period,
        cast(sum(numerator) as bigint) as numerator,
        cast(sum(numerator_squared) as bigint) as numerator_squared,
        cast(sum(denominator) as bigint) as denominator
    from grains
    group by slice, grain, period
)
select summed.slice, slices.kpi, summed.grain, summed.period, summed.numerator,
    summed.numerator_squared + coalesce(repeats.more_squared, 0) as numerator_squared,
    case when slices.base is null then summed.denominator else coalesce(base.denominator, 0) end as denominator
from summed
inner join cells.slices on slices.slice = summed.slice
left join summed as base on base.slice = slices.base and base.grain = summed.grain and base.period = summed.period
left join cells.repeats
    on repeats.slice = summed.slice and repeats.grain = summed.grain and repeats.period = summed.period""",
    # One number for slice, grain and period: what the curves are sorted and grouped by.
    f"""
create table cells.durations as
with grains as ({_GRAINS.format(table="cells.durations_of_day")}
)
select (slice * 3 + case grain when 'day' then 0 when 'week' then 1 when 'month' then 2 end) * cast(100000 as bigint)
        + date_diff('day', date '1970-01-01', period) as cell,
    slice, grain, period, waited_seconds, cast(sum(credited) as integer) as credited, cast(sum(ended) as integer) as ended,
    cast(sum(open) as integer) as open
from grains
group by slice, grain, period, waited_seconds""",
    "create table cells.names as select distinct cell, slice, grain, period from cells.durations",
)
