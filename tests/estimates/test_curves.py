"""Durations against lifelines and statsmodels on random cases: ties, censoring, competing ends, settled or not."""

from __future__ import annotations

import math
import warnings
from functools import cache

import numpy as np
import pytest
from cells_in_small import Z, durations, scaled, spread_of
from lifelines import KaplanMeierFitter
from lifelines.utils import median_survival_times, restricted_mean_survival_time
from statsmodels.duration.survfunc import CumIncidenceRight

Codes = list[tuple[float, int]]  # hours; 0 open, 1 credited, 2 ended
HOURS_OF_DAY = {"credited_by_day_3": 72, "credited_by_day_7": 168, "credited_by_day_14": 336}
QUANTILES = {"p25": 0.25, "p50": 0.5, "p90": 0.9}
# (cases, longest hour, weights of open, credited, ended)
WORLDS = {
    "censored": (300, 900, (0.3, 0.7, 0.0)),
    "competing": (300, 900, (0.2, 0.6, 0.2)),
    "mostly open": (200, 500, (0.8, 0.15, 0.05)),
    "heavy ties": (400, 40, (0.2, 0.6, 0.2)),
    "settled": (250, 800, (0.0, 0.7, 0.3)),
    "settled and all credited": (120, 400, (0.0, 1.0, 0.0)),
    "few": (7, 500, (0.3, 0.5, 0.2)),
    "short": (60, 60, (0.4, 0.5, 0.1)),
}
SEEDS = (1, 2)
EVERY = [(name, seed) for name in WORLDS for seed in SEEDS]


def cases(name: str, seed: int) -> Codes:
    """Random whole hours and outcomes; the same ones every time."""
    number, longest, weights = WORLDS[name]
    random = np.random.default_rng([seed, number, longest])
    hours = random.integers(0, longest, number)
    return list(zip(map(float, hours), map(int, random.choice(3, number, p=weights)), strict=True))


@cache
def found(name: str, seed: int) -> dict[str, dict[str, object]]:
    """The product's estimates of one world; all worlds are one table of cells."""
    return _all()[EVERY.index((name, seed))]


@cache
def _all() -> list[dict[str, dict[str, object]]]:
    return durations([scaled(cases(name, seed)) for name, seed in EVERY])


def incidence(codes: Codes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, share credited and its standard error: Marubini and Valsecchi (1995, 10.11), term by term."""
    time, status = (np.array(part) for part in zip(*codes, strict=True))
    times = np.unique(time)
    at_risk = np.array([(time >= t).sum() for t in times], dtype=float)
    credited = np.array([((time == t) & (status == 1)).sum() for t in times], dtype=float)
    gone = np.array([((time == t) & (status > 0)).sum() for t in times], dtype=float)
    before = np.concatenate([[1.0], np.cumprod(1 - gone / at_risk)[:-1]])
    share = np.cumsum(before * credited / at_risk)
    # Where everybody is gone nothing comes after: the term is 0 times infinity, and counts as 0.
    hazard = np.divide(gone, at_risk * (at_risk - gone), out=np.zeros_like(gone), where=gone < at_risk)
    variance = []
    for k in range(len(times)):
        rise, s = share[k] - share[: k + 1], slice(k + 1)
        terms = rise**2 * hazard[s] + before[s] ** 2 * credited[s] * (at_risk[s] - credited[s]) / at_risk[s] ** 3
        variance.append(np.sum(terms - 2 * rise * before[s] * credited[s] / at_risk[s] ** 2))
    return times, share, np.sqrt(np.maximum(variance, 0))


@pytest.mark.parametrize(("name", "seed"), EVERY)
def test_the_reference_is_what_statsmodels_says(name: str, seed: int) -> None:
    """Up to the moment at which everybody is gone, where statsmodels divides by 0."""
    time, status = (np.array(part) for part in zip(*cases(name, seed), strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = CumIncidenceRight(time, status)
    times, share, error = incidence(cases(name, seed))
    known = np.isin(times, fitted.times)
    assert share[known] == pytest.approx(fitted.cinc[0], abs=1e-12)
    is_finite = np.isfinite(fitted.cinc_se[0])
    assert is_finite[:-1].all()
    assert error[known][is_finite] == pytest.approx(fitted.cinc_se[0][is_finite], abs=1e-9)


def band(f: float, se: float) -> tuple[float, float]:
    """Log-log limits of a share."""
    if not 1e-12 <= f <= 1 - 1e-12:
        return f, f
    width = Z * se / ((1 - f) * abs(math.log(1 - f)))
    return 1 - (1 - f) ** math.exp(-width), 1 - (1 - f) ** math.exp(width)


def first(times: np.ndarray, curve: np.ndarray, level: float) -> float | None:
    reached = times[np.nan_to_num(curve, nan=-1.0) >= level - 1e-12]
    return None if len(reached) == 0 else float(reached.min())


@pytest.mark.parametrize(("name", "seed"), EVERY)
def test_incidence_quantiles_and_their_intervals(name: str, seed: int) -> None:
    times, share, error = incidence(cases(name, seed))
    limits = np.array([band(f, se) for f, se in zip(share, error, strict=True)])
    for statistic, level in QUANTILES.items():
        got = found(name, seed)[statistic]
        assert got["value"] == first(times, share, level), statistic
        if got["value"] is not None:
            assert got["ci_low"] == first(times, limits[:, 1], level), statistic
            assert got["ci_high"] == first(times, limits[:, 0], level), statistic


@pytest.mark.parametrize(("name", "seed"), EVERY)
def test_shares_credited_by_a_day(name: str, seed: int) -> None:
    """Also that a settled cell, which the model sums up in closed form, comes to what the general formula does."""
    codes = cases(name, seed)
    times, share, error = incidence(codes)
    for statistic, hours in HOURS_OF_DAY.items():
        got = found(name, seed)[statistic]
        is_settled = all(code for t, code in codes if t == max(t for t, _ in codes))
        if max(t for t, _ in codes) < hours and not is_settled:
            assert got["value"] is None, statistic
            continue
        before = times < hours
        expected = float(share[before][-1]) if before.any() else 0.0
        assert got["value"] == pytest.approx(expected, abs=1e-9), statistic
        if 1e-9 < expected < 1 - 1e-9:
            low, high = band(expected, float(error[before][-1]))
            assert (got["ci_low"], got["ci_high"]) == (pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))
            assert spread_of(got) == pytest.approx(float(error[before][-1]), abs=1e-9)


@pytest.mark.parametrize(("name", "seed"), EVERY)
def test_kaplan_meier_quantiles_and_their_intervals(name: str, seed: int) -> None:
    """km_*: how long, if it is paid at all. lifelines' default interval is the log-log one."""
    time, status = zip(*cases(name, seed), strict=True)
    fitted = KaplanMeierFitter().fit(time, [code == 1 for code in status])
    curve = fitted.survival_function_.iloc[:, 0]
    for statistic, level in QUANTILES.items():
        got = found(name, seed)[f"km_{statistic}"]
        assert got["value"] == first(curve.index.to_numpy(), 1 - curve.to_numpy(), level), statistic
        if got["value"] is None:
            continue
        low, high = (1 - fitted.confidence_interval_.iloc[:, i].to_numpy() for i in (0, 1))
        at_end = curve.to_numpy() < 1e-12  # no spread where the curve stands at 0: its own value
        low, high = np.where(at_end, 1.0, low), np.where(at_end, 1.0, high)
        assert got["ci_low"] == first(curve.index.to_numpy(), np.maximum(low, high), level), statistic
        assert got["ci_high"] == first(curve.index.to_numpy(), np.minimum(low, high), level), statistic


@pytest.mark.parametrize("seed", SEEDS)
def test_the_median_as_lifelines_says_it(seed: int) -> None:
    time, status = zip(*cases("censored", seed), strict=True)
    fitted = KaplanMeierFitter().fit(time, [code == 1 for code in status])
    assert found("censored", seed)["km_p50"]["value"] == fitted.median_survival_time_
    limits = median_survival_times(fitted.confidence_interval_).iloc[0].tolist()
    got = found("censored", seed)["km_p50"]
    assert [got["ci_low"], got["ci_high"]] == sorted(limits)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_restricted_mean_as_lifelines_says_it(seed: int) -> None:
    """Nobody ended: the mean wait over 30 days is the area under Kaplan-Meier."""
    time, status = zip(*cases("censored", seed), strict=True)
    fitted = KaplanMeierFitter().fit(time, [code == 1 for code in status])
    expected = restricted_mean_survival_time(fitted, t=720)
    assert found("censored", seed)["restricted_mean"]["value"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("name", "seed"), EVERY)
def test_the_restricted_mean_is_the_area_over_the_incidence(name: str, seed: int) -> None:
    """A case that ended without a refund has waited for all of the 30 days."""
    codes = cases(name, seed)
    times, share, _ = incidence(codes)
    got = found(name, seed)["restricted_mean"]["value"]
    longest = max(t for t, _ in codes)
    if longest < 720 and any(t == longest and code == 0 for t, code in codes):
        assert got is None
        return
    steps = np.concatenate([[0.0], np.minimum(times, 720), [720.0]])
    heights = np.concatenate([[1.0], 1 - share])
    assert got == pytest.approx(float(np.sum(np.diff(steps) * heights)), rel=1e-9)


@pytest.mark.parametrize(("name", "seed"), EVERY)
def test_what_is_counted(name: str, seed: int) -> None:
    codes = cases(name, seed)
    for estimate in found(name, seed).values():
        assert (estimate["n"], estimate["numerator"], estimate["denominator"]) == (
            len(codes),
            sum(code == 1 for _, code in codes),
            len(codes),
        )


def restricted_mean_error(codes: Codes) -> float:
    """Standard error of the mean over 720 hours, from what each case adds to the incidence's area.

    The infinitesimal jackknife: the area's derivative by the weight of a case, squared and summed.
    """
    time, status = (np.array(part) for part in zip(*codes, strict=True))
    times = np.unique(time)
    at_risk = np.array([(time >= t).sum() for t in times], dtype=float)
    credited = np.array([((time == t) & (status == 1)).sum() for t in times]) / at_risk
    gone = np.array([((time == t) & (status > 0)).sum() for t in times]) / at_risk
    before = np.concatenate([[1.0], np.cumprod(1 - gone)[:-1]])
    left = np.maximum(720 - times, 0)
    rest = np.concatenate([np.cumsum((before * credited * left)[::-1])[::-1][1:], [0.0]])
    influence = np.zeros(len(time))
    for place, t in enumerate(times):
        is_at_risk = time >= t
        is_credited = (time == t) & (status == 1)
        is_gone = (time == t) & (status > 0)
        influence[is_at_risk] += (
            before[place] * left[place] * (is_credited[is_at_risk] - credited[place]) / at_risk[place]
        )
        if gone[place] < 1:
            lost = rest[place] / (1 - gone[place])
            influence[is_at_risk] -= lost * (is_gone[is_at_risk] - gone[place]) / at_risk[place]
    return float(np.sqrt(np.sum(influence**2)))


@pytest.mark.parametrize(("name", "seed"), EVERY)
def test_the_interval_of_the_restricted_mean(name: str, seed: int) -> None:
    """Against the influence of each case, summed one by one: competing ends, ties and censoring included."""
    got = found(name, seed)["restricted_mean"]
    if got["value"] is None:
        assert (got["ci_low"], got["ci_high"]) == (None, None)
        return
    spread = Z * restricted_mean_error(cases(name, seed))
    assert got["ci_low"] == pytest.approx(max(0.0, got["value"] - spread), rel=1e-9)  # type: ignore[operator]
    assert got["ci_high"] == pytest.approx(min(720.0, got["value"] + spread), rel=1e-9)  # type: ignore[operator]


def test_the_interval_of_the_restricted_mean_covers_it() -> None:
    """Of 120 samples of a known world, about 95 % of the intervals hold its mean."""
    random = np.random.default_rng(5)
    samples = []
    for _ in range(120):
        paid, ended, seen = random.exponential(500, 60), random.exponential(2000, 60), random.uniform(300, 1500, 60)
        hours = np.minimum(np.minimum(paid, ended), seen)
        codes = np.where(hours == seen, 0, np.where(hours == paid, 1, 2))
        samples.append(scaled(zip(map(float, hours), map(int, codes), strict=True)))
    rate, total = 1 / 500, 1 / 500 + 1 / 2000
    mean = 720 - rate / total * (720 - (1 - math.exp(-720 * total)) / total)
    covered = [row["restricted_mean"] for row in durations(samples) if row["restricted_mean"]["value"] is not None]
    share = sum(row["ci_low"] <= mean <= row["ci_high"] for row in covered) / len(covered)
    assert len(covered) > 100
    assert 0.89 <= share <= 0.99


def test_many_who_waited_no_time_at_all_fit() -> None:
    """Seconds saved of a thousand cases at once are more than 32 bits hold."""
    (found,) = durations([[(0.0, "credited")] * 1000 + [(24.0, "credited")] * 1000])
    assert found["restricted_mean"]["value"] == pytest.approx(12)
