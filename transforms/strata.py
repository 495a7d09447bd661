"""Who answered and who was asked, by stratum: what the weighted estimates are made of.

A KPI takes part by `weights` in its header: the dimensions that make its strata, and the KPI whose base is the population.
"""

from __future__ import annotations

from transforms.changes import CELL
from transforms.cuts import Cut, cuts, label_of, value_of
from transforms.models import Kpi, kpi
from transforms.release import kpis_made
from transforms.warehouse import Warehouse, identifier, literal

TRAILING_DAYS = 7 * 12  # the week itself and the 12 before it


def count_strata(warehouse: Warehouse) -> None:
    """Table sums.strata: per week and slice (all and single dimensions) the answers and the population of each stratum.

    area: the stratum's first dimension. floor: the least a row can count. population: the base of the trailing 13 weeks. A stratum of either is there.
    """
    warehouse.run(
        "create or replace table sums.strata (cell bigint, per integer, floor integer, area varchar, stratum varchar, "
        "population bigint, numerator bigint, squares bigint, n bigint)"
    )
    for k in kpis_made(warehouse):
        if k.weights:
            of = kpi(k.weights.of)
            mine = [c for c in cuts(k) if len(c.dimensions) < 2 and set(c.dimensions) <= set(of.all_dimensions)]
            asked = " and ".join(f"{identifier(name)} = {literal(value)}" for name, value in k.weights.where) or "true"
            answers = " union all ".join(_branch(k, k, cut, cut.condition) for cut in mine)
            population = " union all ".join(_branch(k, of, cut, f"where {asked}") for cut in mine)
            warehouse.run(
                _STRATA.format(answers=answers, population=population),
                [k.per, -1 if k.kind == "net_share" else 0, k.id],
            )


def _branch(k: Kpi, of: Kpi, cut: Cut, condition: str) -> str:
    """Weekly sums of KPI `of` by a slice of `k` and its strata."""
    assert k.weights is not None
    return (
        f"select cast(date_trunc('week', observed_on) as date), {label_of(cut.dimensions)}, {value_of(cut.dimensions)}, "
        f"{identifier(k.weights.by[0])}, {value_of(k.weights.by)}, sum(numerator), sum(numerator_squared), sum(denominator) "
        f"from sums.{of.id} {condition} group by all"
    )


_COLUMNS = "(week, dimension, dimension_value, area, stratum, numerator, squares, n)"
_STRATA = f"""
insert into sums.strata
with answers {_COLUMNS} as ({{answers}}),
weekly {_COLUMNS} as ({{population}}),
weeks as (select distinct week, dimension, dimension_value from answers),
population as (
    select weeks.week, dimension, dimension_value, area, stratum, sum(weekly.n) as population
    from weeks
    inner join weekly using (dimension, dimension_value)
    where weekly.week between weeks.week - {TRAILING_DAYS} and weeks.week
    group by all
)
select {CELL.format(grain=1, period="week")}, ?, ?, area, stratum, coalesce(population, 0), coalesce(numerator, 0),
    coalesce(squares, 0), coalesce(n, 0)
from answers
full join population using (week, dimension, dimension_value, area, stratum)
inner join sums.slices using (dimension, dimension_value)
where slices.kpi = ?"""
