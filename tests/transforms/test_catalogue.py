"""What is said of a KPI's numbers, from its header and kind."""

from __future__ import annotations

from dataclasses import replace

from transforms.catalogue import FORMULAS, INTERVALS, formula, maturity
from transforms.models import KINDS, kpi, kpis


def test_every_kind_has_its_formula_and_its_interval() -> None:
    assert set(FORMULAS) == set(INTERVALS) == set(KINDS)


def test_a_formula_has_its_unit() -> None:
    assert formula(kpi("contacts_per_1k_orders")) == "1000 x numerator / denominator"
    assert formula(kpi("return_rate")) == "numerator / denominator"


def test_maturity_is_told_by_statistic_where_they_differ() -> None:
    assert maturity(kpi("nps").windows) == "final when the period is over"
    assert maturity(kpi("return_rate").windows) == "final 44 days after the period's end"
    said = maturity(replace(kpi("refund_cycle_time"), window_days=44).windows)
    assert "7 days after the period's end: credited_by_day_7;" in said
    assert said.endswith("44 days after the period's end: km_p25, km_p50, km_p90, p25, p50, p90")


def test_every_kpi_says_what_it_means() -> None:
    assert all(len(k.meaning) > 20 and k.meaning != k.question for k in kpis())
    history = {k.id for k in kpis() if k.meaning.startswith("first definition")}
    assert history == set(), "a line of the history is no meaning: add `meaning` to the header"
