"""What somebody needs to cite a number, worked out from its KPI's header, kind and SQL: nothing is declared here twice."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from transforms.models import Kpi
from transforms.release import kpis_made
from transforms.warehouse import Warehouse

# How a value of each kind comes about, and its 95 % interval.
FORMULAS = {
    "share": "numerator / denominator",
    "net_share": "numerator / denominator, a case counting +1, 0 or -1",
    "rate": "numerator / denominator",
    "count": "numerator",
    "mix": "numerator / denominator: a group's part of the whole, which is 1",
    "duration": "smallest t with F(t) >= q, F the Aalen-Johansen cumulative incidence of credited among all cases, ended ones "
    "competing and open ones censored; km_: 1 - Kaplan-Meier, ended ones censored too; credited_by_day_d: F(d); "
    "restricted_mean: mean wait within 30 days",
}
INTERVALS = {
    "share": "Wilson (1927)",
    "net_share": "adjusted Wald with three quarters of a promoter and of a detractor more (Rocks 2016)",
    "rate": "the order as the unit, on the log scale below 100 events; Garwood's (1936) limit at none",
    "mix": "Wilson (1927); none of the whole",
    "count": "none: it is counted, not estimated",
    "duration": "Greenwood's variance, log-log; of a quantile: where the band meets it; of the "
    "restricted mean: from the variance of the area under the curve",
}


NOWCAST = (
    "nowcast: what is counted so far and what 13 past weeks of the same age still got; 90 % interval, from the variation "
    "of those weeks"
)


WEIGHTED = "poststratified: stratified variance (Holt and Smith 1979); n_eff: Kish (1965)"


def interval_method(k: Kpi) -> str:
    """How sure a value is, and by which method."""
    return "; ".join([INTERVALS[k.kind], *([NOWCAST] if k.nowcast else []), *([WEIGHTED] if k.weights else [])])


def formula(k: Kpi) -> str:
    """How `value` is made of the sums that are published beside it."""
    times = f"{k.per} x " if k.per != 1 else ""
    if not k.weights:
        return times + FORMULAS[k.kind]
    strata = " x ".join(k.weights.by)
    weighted = f"poststratified: each {strata} at its share of the base of {k.weights.of} over 13 weeks"
    return f"{times}{FORMULAS[k.kind]}; {weighted}; n_eff: (sum w)^2 / sum w^2"


def maturity(windows: Mapping[str, int]) -> str:
    """When a number stops changing, of the days until each statistic is final; by statistic where they differ."""
    said = []
    for days, names in groupby(sorted(windows, key=lambda s: (windows[s], s)), key=windows.__getitem__):
        when = f"{days} days after the period's end" if days else "when the period is over"
        said.append((when, list(names)))
    if len(said) == 1:
        return f"final {said[0][0]}"
    return "final " + "; ".join(f"{when}: {', '.join(names)}" for when, names in said)


def set_citations(warehouse: Warehouse) -> None:
    """Table run.citations, one row per KPI, in a session of its own: for another thread. Reads what records and run have."""
    with warehouse.session() as session:
        _set_citations(session)


def _set_citations(warehouse: Warehouse) -> None:
    from transforms.lineage import source_columns

    schema: dict[str, dict[str, list[str]]] = {}
    for name, table, column in warehouse.rows(
        "select table_schema, table_name, column_name from information_schema.columns "
        "where table_schema in ('records', 'run') order by all"
    ):
        schema.setdefault(name, {}).setdefault(table, []).append(column)
    warehouse.run(
        "create or replace table run.citations (kpi varchar, meaning varchar, formula varchar, exclusions varchar[], "
        "maturity varchar, interval_method varchar, statistic_window_days integer[], source_columns varchar[])"
    )
    # As they are judged by: an agreed refund time is a setting, which no header knows.
    days: dict[str, dict[str, int]] = {}
    for kpi, statistic, window in warehouse.rows("select kpi, statistic, window_days from run.statistics"):
        days.setdefault(kpi, {})[statistic] = window
    for k in kpis_made(warehouse):
        windows = days[k.id]
        row: list[object] = [k.id, k.meaning, formula(k), list(k.exclusions), maturity(windows), interval_method(k)]
        row += [[windows[name] for name in k.statistics], list(source_columns(k, schema))]
        warehouse.run("insert into run.citations values (?, ?, ?, ?, ?, ?, ?, ?)", row)
