"""The charts against published and independently computed numbers (tests/golden/spc.json), and their properties."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from transforms.insight.control import (
    D2,
    EXACT_RANGE_TO_LIMIT,
    in_a_row,
    laney_p,
    laney_u,
    long_run,
    moving_range,
    near_limit,
    near_run,
    outside,
    range_limit,
    run_length,
    xmr,
    xmr_median,
)

CASES = {c["id"]: c for c in json.loads((Path(__file__).parents[1] / "golden" / "spc.json").read_text())["cases"]}


def close(expected: Any) -> Any:
    return pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", ["nist_flowrate", "nps_weekly_rules"])
def test_xmr(name: str) -> None:
    case = CASES[name]
    x = np.array(case["inputs"]["x"], float)[: case["inputs"].get("baseline_n")]
    expected = case["expected"]
    chart, exact, medians = xmr(x), xmr(x, factor=EXACT_RANGE_TO_LIMIT), xmr_median(x)
    assert chart.centre == close(expected["mean"])
    assert moving_range(x) == close(expected["mr_bar"])
    assert (chart.high, chart.low) == (close(expected["unpl_266"]), close(expected["lnpl_266"]))
    assert (exact.high, exact.low) == (close(expected["unpl_exact"]), close(expected["lnpl_exact"]))
    assert range_limit(x) == close(expected["url_3268"])
    assert np.median(np.abs(np.diff(x))) == close(expected["median_mr"])
    assert (medians.high, medians.low) == (close(expected["unpl_median"]), close(expected["lnpl_median"]))


def test_xmr_as_nist_printed_it() -> None:
    """NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.2."""
    x = CASES["nist_flowrate"]["inputs"]["x"]
    chart = xmr(x, factor=3 / D2)
    assert moving_range(x) == pytest.approx(1.8778, abs=5e-5)
    assert chart.centre == pytest.approx(50.81, abs=5e-5)
    assert chart.high == pytest.approx(55.8041, abs=5e-5)
    assert chart.low == pytest.approx(45.8159, abs=5e-5)


def test_the_three_rules() -> None:
    case = CASES["nps_weekly_rules"]
    x = np.array(case["inputs"]["x"], float)
    chart = xmr(x[: case["inputs"]["baseline_n"]])
    assert list(np.flatnonzero(outside(x, chart))) == case["expected"]["r1"]
    assert list(np.flatnonzero(long_run(x, chart.centre))) == case["expected"]["r2"]
    assert list(np.flatnonzero(near_limit(x, chart))) == case["expected"]["r3"]


@pytest.mark.parametrize(("name", "laney", "is_share"), [("laney_p", laney_p, True), ("laney_u", laney_u, False)])
def test_laney(name: str, laney: Any, is_share: bool) -> None:
    case = CASES[name]
    d, n = (np.array(case["inputs"][k], float) for k in "dn")
    expected = case["expected"]
    chart = laney(d, n, np.ones(len(d), bool))
    sampling = np.sqrt(expected["center"] * (1 - expected["center"] * is_share) / n)
    assert chart.centre == close(np.full(len(d), expected["center"]))
    assert chart.sigma_z == close(expected["sigma_z"])
    assert (d / n - chart.centre) / sampling == close(expected["z"])
    assert chart.high == close(expected["ucl"])
    assert chart.low == close(expected["lcl"])
    assert chart.centre + chart.sigma / chart.sigma_z * 3 == close(expected["ucl_naive"])
    assert chart.centre - chart.sigma / chart.sigma_z * 3 == close(expected["lcl_naive"])
    assert list(np.flatnonzero(outside(d / n, chart))) == expected["signals_laney"]
    naive = np.abs(d / n - chart.centre) > 3 * chart.sigma / chart.sigma_z
    assert list(np.flatnonzero(naive)) == expected["signals_naive"]


def test_series_are_worked_together_as_alone() -> None:
    random = np.random.default_rng(4)
    x = random.normal(50, 4, (5, 40))
    many = xmr(x[:, :26])
    n = random.integers(100, 900, (5, 40)).astype(float)
    d = random.binomial(n.astype(int), 0.3).astype(float)
    used = random.random((5, 40)) < 0.7
    shares = laney_p(d, n, used)
    for row in range(5):
        alone = xmr(x[row, :26])
        assert (many.low[row], many.high[row]) == (close(alone.low), close(alone.high))
        assert list(near_run(x, many)[row]) == list(near_run(x[row], alone))
        assert list(run_length(x, many.centre)[row]) == list(run_length(x[row], alone.centre))
        assert shares.high[row] == close(laney_p(d[row], n[row], used[row]).high)


def test_a_shift_of_values_shifts_the_limits_and_a_scale_scales_them() -> None:
    x = np.random.default_rng(5).normal(20, 3, 26)
    chart, moved = xmr(x), xmr(7 + 2 * x)
    assert (moved.low, moved.high) == (close(7 + 2 * chart.low), close(7 + 2 * chart.high))


def test_sampling_alone_is_the_least_that_is_allowed() -> None:
    """Shares that hardly move are held against their sampling error, not against their own calm."""
    n = np.full(26, 500.0)
    d = 100.0 + np.arange(26) % 2
    chart = laney_p(d, n, np.ones(26, bool))
    assert chart.sigma_z == 1
    assert chart.high[0] == close(chart.centre[0] + 3 * np.sqrt(chart.centre[0] * (1 - chart.centre[0]) / 500))


def test_a_share_that_was_always_zero_still_has_limits() -> None:
    chart = laney_p(np.zeros(20), np.full(20, 50.0), np.ones(20, bool))
    assert chart.centre[0] == 0
    assert 0 < chart.high[0] < 0.1


def test_no_range_is_taken_across_a_gap() -> None:
    assert moving_range([1.0, 2.0, np.nan, 50.0, 53.0]) == close(2)
    assert np.isnan(moving_range([1.0, np.nan, 3.0]))


def test_kept_weeks_move_together() -> None:
    kept = in_a_row(np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, False, True, False]))
    assert np.isnan(kept[:2]).all()
    assert list(kept[2:]) == [1, 3]


def test_a_run_ends_on_the_other_side_on_the_centre_and_where_a_week_is_missing() -> None:
    x = [1.0, 1, -1, -1, -1, 0, -1, np.nan, -1, -1]
    assert list(run_length(x, 0.0)) == [1, 2, 1, 2, 3, 0, 1, 0, 1, 2]


def test_rule_three_counts_one_side_only_and_only_while_the_week_itself_is_out() -> None:
    chart = xmr(np.array([0.0, 1] * 13))  # centre 0.5, half way 1.33
    assert list(near_run([2.0, 2, 2, 0.5, 2], chart)) == [0, 0, 3, 0, 4]
    assert not near_limit([2.0, -1, 2, -1, 2, -1], chart).any()
