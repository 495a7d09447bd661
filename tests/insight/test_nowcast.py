"""Nowcasts on drawn cohorts whose end is known: right on average, and as sure as they say."""

from __future__ import annotations

import numpy as np
import pytest

from transforms.insight.nowcast import FEWEST_COHORTS, Nowcast, Past, expect

DRAWS, COHORTS = 4000, 13


def drawn(cases: int, early: float, late: float, varies: float, grows: float = 1.0) -> tuple[Nowcast, np.ndarray]:
    """Nowcasts of as many worlds, and what came: `early` is counted by then, `late` of the rest later, varying by week."""
    draw = np.random.default_rng(7)
    shape = (DRAWS, COHORTS + 1)
    final = draw.poisson(cases, shape)
    then = draw.binomial(final, 1 / grows)
    counted = draw.binomial(then, early)
    chance = np.clip(late * draw.lognormal(-varies * varies / 2, varies, shape), 0, 1)
    more = draw.binomial(final - counted, chance)
    past = Past(*(a[:, 1:].astype(float) for a in (counted, then, counted + more, final)))
    found = expect(counted[:, 0].astype(float), then[:, 0].astype(float), past)
    return found, (counted + more)[:, 0] / final[:, 0]


def coverage(found: Nowcast, came: np.ndarray) -> float:
    return float(np.mean((found.low - 1e-12 <= came) & (came <= found.high + 1e-12)))


@pytest.mark.parametrize(
    ("cases", "early", "late", "varies", "grows"),
    [
        (2000, 0.05, 0.05, 0.0, 1.0),
        (2000, 0.05, 0.05, 0.2, 1.0),
        (400, 0.05, 0.10, 0.3, 1.0),
        (2000, 0.02, 0.08, 0.1, 2.0),
        (400, 0.15, 0.02, 0.0, 1.0),
        (150, 0.10, 0.06, 0.0, 1.0),
    ],
)
def test_the_interval_covers_what_came_nine_times_in_ten(
    cases: int, early: float, late: float, varies: float, grows: float
) -> None:
    found, came = drawn(cases, early, late, varies, grows)
    assert 0.85 <= coverage(found, came) <= 0.95
    assert np.mean(found.value) == pytest.approx(np.mean(came), rel=0.02)
    assert np.all((found.low <= found.value) & (found.value <= found.high))


def test_what_came_so_far_is_far_below_and_would_not_do() -> None:
    """The value of a young week taken as it stands misses nearly always."""
    found, _ = drawn(2000, 0.05, 0.05, 0.1)
    so_far = 0.05  # of each cohort, but for chance
    assert np.mean(so_far < found.low) > 0.95


def test_where_next_to_nothing_comes_any_more_it_is_what_is_there() -> None:
    found, came = drawn(500, 0.10, 0.00005, 0.0)
    assert coverage(found, came) >= 0.9
    assert np.median(found.high - found.low) < 0.002


def test_too_few_cohorts_or_no_cases_give_none() -> None:
    one = np.ones((1, FEWEST_COHORTS - 1))
    assert np.isnan(expect(np.array([5.0]), np.array([50.0]), Past(one, 50 * one, 2 * one, 50 * one)).value).all()
    many = np.ones((1, FEWEST_COHORTS))
    past = Past(many, 50 * many, 2 * many, 50 * many)
    assert np.isfinite(expect(np.array([5.0]), np.array([50.0]), past).value).all()
    assert np.isnan(expect(np.array([0.0]), np.array([0.0]), past).value).all()


def test_by_hand() -> None:
    """Nine of ten waiting cases in a hundred: 10 + 90 x (9 x 9 + 0.5) / (9 x 90 + 1) of 100."""
    one = np.ones((1, 9))
    found = expect(np.array([10.0]), np.array([100.0]), Past(10 * one, 100 * one, 19 * one, 100 * one))
    assert found.numerator[0] == pytest.approx(10 + 90 * 81.5 / 811)
    assert found.denominator[0] == 100
    assert found.value[0] == pytest.approx(found.numerator[0] / 100)
