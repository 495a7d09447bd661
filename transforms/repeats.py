"""What the rows of one order add to a cell's sum of squares: an order is one unit, however many rows it has."""

from __future__ import annotations

from collections.abc import Iterable

from transforms.changes import GRAINS
from transforms.cuts import Cut, label_of, value_of
from transforms.models import Kpi
from transforms.warehouse import Warehouse, identifier


def square_repeats(
    warehouse: Warehouse, k: Kpi, chosen: Iterable[Cut], statistic: str, column: str, is_update: bool
) -> None:
    """Add a statistic's repeats to cells.repeats_tonight: (sum of c)2 less the sum of c2, per cell and grain.

    is_update: from those of last night (sums.repeats) and the rows of touched records (told.<kpi>).
    """
    warehouse.run(
        "create or replace temp table found (sign integer, grain integer, period date, dimension varchar, "
        "dimension_value varchar, more bigint)"
    )
    chosen = list(chosen)
    if is_update:
        _square(warehouse, k, chosen, column, f"told.{k.id}")
        kept = "select 1, grain, period, dimension, dimension_value, more from sums.repeats where kpi = $kpi and statistic = $statistic"
        warehouse.run(f"insert into temp.found {kept}", {"kpi": k.id, "statistic": statistic})
    else:
        _square(warehouse, k, chosen, column, f"(select 1 as sign, * from kpis.{k.id})")
    warehouse.run(
        "insert into cells.repeats_tonight select $kpi, $statistic, * from ("
        "select grain, period, dimension, dimension_value, sum(sign * more) as more from temp.found group by all) where more <> 0",
        {"kpi": k.id, "statistic": statistic},
    )
    warehouse.run("drop table temp.found")


def _square(warehouse: Warehouse, k: Kpi, chosen: list[Cut], column: str, rows: str) -> None:
    """Insert into temp.found what orders with several rows of a sign add; only those need a second look."""
    orders_twice = f"select sign, order_id from {rows} where {column} <> 0 group by sign, order_id having count(*) > 1"
    if not warehouse.value(f"select exists ({orders_twice})"):
        return
    warehouse.run(
        f"create or replace temp table repeats as select *, {column} as counted from {rows} "
        f"where {column} <> 0 and (sign, order_id) in ({orders_twice})"
    )
    varying = _varying(warehouse, k)
    for number, grain in enumerate(GRAINS):
        period = f"cast(date_trunc('{grain}', observed_on) as date)"
        branches = []
        orders: dict[tuple[tuple[str, ...], tuple[str, ...]], str] = {}
        for cut in chosen:
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
                    f"create or replace temp table {name} as select sign, {period} as period, {own}, "
                    f"sum(counted) * sum(counted) - sum(counted * counted) as more from repeats {cut.condition} "
                    f"group by sign, period, order_id{orders_by} having count(*) > 1"
                )
            branches.append(
                f"select sign, {number}, period, {label_of(cut.dimensions)}, {value_of(cut.dimensions)}, sum(more) from {source} group by all"
            )
        warehouse.run(f"insert into temp.found {' union all '.join(branches)}")
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
    ((*found,),) = warehouse.rows(f"select {differ} from (select {within} from repeats group by sign, order_id)")
    return {d for d, is_varying in zip(k.all_dimensions, found, strict=True) if is_varying}
