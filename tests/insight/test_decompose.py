"""The decompositions against published and independently computed numbers, and what holds for any input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.insight.decompose import (
    explanatory_power,
    kitagawa,
    product_effects,
    quantile_at,
    restricted_mean,
    reweighted,
    risk_ratio,
    surprise,
)

GOLDEN = Path(__file__).parents[1] / "golden"


def cases(topic: str) -> list[Any]:
    return [
        pytest.param(case["inputs"], case["expected"], id=case["id"])
        for case in json.loads((GOLDEN / f"{topic}.json").read_text(encoding="utf-8"))["cases"]
    ]


def close(expected: Any) -> Any:
    return pytest.approx(expected, rel=1e-9, abs=1e-9)


def sums(period: dict[str, list[float]], segments: list[str], i: int) -> list[float]:
    return [period.get(segment, [0, 0])[i] for segment in segments]


@pytest.mark.parametrize(("given_", "expected"), cases("kitagawa"))
def test_mix_and_rate(given_: dict[str, Any], expected: dict[str, Any]) -> None:
    segments = sorted({*given_["p0"], *given_["p1"]})
    before, after = given_["p0"], given_["p1"]
    split = kitagawa(*(sums(period, segments, i) for period in (before, after) for i in (0, 1)))
    assert split.before == close(expected["R0"])
    assert split.after == close(expected["R1"])
    assert split.delta == close(expected["delta"])
    assert split.mix_total == close(expected["mix_total"])
    assert split.rate_total == close(expected["rate_total"])
    for i, segment in enumerate(segments):
        assert split.mix[i] == close(expected["segments"][segment]["mix"])
        assert split.rate[i] == close(expected["segments"][segment]["rate"])


def test_mix_and_rate_of_the_definition() -> None:
    """KPIS.md: w (.5,.5)→(.7,.3), r (.10,.30)→(.11,.31): R .20→.17, rate +.01, mix −.04."""
    split = kitagawa([5, 15], [50, 50], [7.7, 9.3], [70, 30])
    assert (split.before, split.after) == (close(0.20), close(0.17))
    assert (split.rate_total, split.mix_total) == (close(0.01), close(-0.04))
    assert split.is_simpson


def test_a_period_without_denominators_has_no_ratio() -> None:
    with pytest.raises(ValueError, match="without a denominator"):
        kitagawa([1.0], [0.0], [1.0], [2.0])


counts = st.lists(
    st.tuples(st.integers(-500, 500), st.integers(0, 500), st.integers(-500, 500), st.integers(0, 500)),
    min_size=1,
    max_size=12,
).filter(lambda rows: sum(r[1] for r in rows) > 0 and sum(r[3] for r in rows) > 0)


@given(counts)
def test_parts_add_up_to_the_move(rows: list[tuple[int, int, int, int]]) -> None:
    """Whatever enters, leaves or has numerators without denominators."""
    split = kitagawa(*np.array(rows).T)
    scale = max(1.0, *np.abs(split.mix), *np.abs(split.rate))
    assert abs(split.mix.sum() + split.rate.sum() - split.delta) <= 1e-12 * scale


@given(counts)
def test_the_way_back_has_the_opposite_parts(rows: list[tuple[int, int, int, int]]) -> None:
    n0, d0, n1, d1 = np.array(rows).T
    there, back = kitagawa(n0, d0, n1, d1), kitagawa(n1, d1, n0, d0)
    assert back.mix == close(-there.mix)
    assert back.rate == close(-there.rate)


@given(counts, st.integers(2, 9))
def test_growth_alone_moves_nothing(rows: list[tuple[int, int, int, int]], times: int) -> None:
    n0, d0, _, _ = np.array(rows).T
    split = kitagawa(n0, d0, n0 * times, d0 * times)
    assert split.mix == close(0 * split.mix)
    assert split.rate == close(0 * split.rate)


@pytest.mark.parametrize(("given_", "expected"), cases("product_decomp"))
def test_product(given_: dict[str, Any], expected: dict[str, Any]) -> None:
    assert np.prod(given_["x0"]) == close(expected["y0"])
    assert np.prod(given_["x1"]) == close(expected["y1"])
    assert product_effects(given_["x0"], given_["x1"]) == close(np.array(expected["effects"]))


factors = st.lists(st.floats(-10, 10), min_size=1, max_size=5)


@given(factors, st.data())
def test_product_effects_add_up_and_treat_factors_alike(before: list[float], data: st.DataObject) -> None:
    after = data.draw(st.lists(st.floats(-10, 10), min_size=len(before), max_size=len(before)))
    effects = product_effects([before, before[::-1]], [after, after[::-1]])
    moved = np.prod(after) - np.prod(before)
    assert effects.sum(axis=-1) == pytest.approx([moved, moved], rel=1e-9, abs=1e-7)
    assert effects[0] == pytest.approx(effects[1][::-1], rel=1e-9, abs=1e-7)


@pytest.mark.parametrize(("given_", "expected"), cases("quantile_decomp"))
def test_quantiles_by_reweighting(given_: dict[str, Any], expected: dict[str, Any]) -> None:
    segments = list(given_["w0"])
    w0, w1 = ([given_[w][s] for s in segments] for w in ("w0", "w1"))
    f0, f1 = (np.array([given_[f][s] for s in segments]) for f in ("F0", "F1"))
    days = np.arange(1, 31)
    for level in (0.5, 0.9):
        split = reweighted(quantile_at(level, days), w0, w1, f0, f1)
        wanted = expected[f"q{level}"]
        assert (split.before, split.after) == (close(wanted["q0"]), close(wanted["q1"]))
        assert (split.mix, split.within) == (close(wanted["mix"]), close(wanted["within"]))
    linear = {"sla10": (f0[:, 9], f1[:, 9]), "rmst20": (restricted_mean(f0, 20), restricted_mean(f1, 20))}
    for name, (r0, r1) in linear.items():
        mix_rate = kitagawa(np.array(w0) * r0, w0, np.array(w1) * r1, w1)
        assert (mix_rate.before, mix_rate.after) == (close(expected[name]["R0"]), close(expected[name]["R1"]))
        assert mix_rate.delta == close(expected[name]["delta"])
        assert mix_rate.mix_total == close(expected[name]["mix_total"])
        assert mix_rate.rate_total == close(expected[name]["rate_total"])
        for i, segment in enumerate(segments):
            assert mix_rate.mix[i] == close(expected[name]["segments"][segment]["mix"])
            assert mix_rate.rate[i] == close(expected[name]["segments"][segment]["rate"])


def test_a_quantile_that_is_never_reached_is_not_a_number() -> None:
    assert np.isnan(quantile_at(0.9, [1, 2, 3])(np.array([0.1, 0.2, 0.8])))


@pytest.mark.parametrize(("given_", "expected"), cases("adtributor"))
def test_explanatory_power_and_surprise(given_: dict[str, Any], expected: dict[str, Any]) -> None:
    elements = list(given_["F"])
    f, a = ([given_[side][e] for e in elements] for side in ("F", "A"))
    assert explanatory_power(f, a) == close(np.array([expected[e]["EP"] for e in elements]))
    assert surprise(f, a) == close(np.array([expected[e]["S"] for e in elements]))


positive = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=2, max_size=8).filter(
    lambda rows: len({sum(r[0] for r in rows), sum(r[1] for r in rows), 0}) == 3
)


@given(positive)
def test_explanatory_power_adds_up_and_surprise_is_bounded(rows: list[tuple[int, int]]) -> None:
    f, a = np.array(rows).T
    assert explanatory_power(f, a).sum() == close(1.0)
    total = surprise(f, a).sum()
    assert -1e-12 <= total <= np.log(2) + 1e-12


@pytest.mark.parametrize(("given_", "expected"), cases("risk_ratio"))
def test_risk_ratio(given_: dict[str, Any], expected: dict[str, Any]) -> None:
    found = risk_ratio(**given_)
    assert found.support == close(expected["support"])
    assert found.risk_ratio == close(expected["risk_ratio"])
    assert found.prevalence == close(expected["prevalence"])
    assert found.global_ratio == close(expected["global_ratio"])
    assert (found.ci_low, found.ci_high) == (close(expected["lo"]), close(expected["hi"]))
    assert found.is_corrected == expected["haldane"]


def test_a_side_without_a_bad_case_still_has_a_risk_ratio() -> None:
    found = risk_ratio(5, 95, 0, 100)
    assert found.is_corrected
    assert found.risk_ratio == close((5.5 / 101) / (0.5 / 101))
    assert found.ci_low < found.risk_ratio < found.ci_high
