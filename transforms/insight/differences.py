"""Is one group different from another? Tests and 95 % intervals from counts, one comparison at a time.

Every function takes counts and returns a `Difference`; what cannot be known is NaN. A negative z or t means that the
first group is lower.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

Z95 = 1.959963984540054
# A promoter and a detractor more by three quarters each, three answers more: Rocks (2016), arXiv 1601.07235.
EXTRA_VOICES, EXTRA_ANSWERS = 0.75, 3


@dataclass(frozen=True)
class Difference:
    """First group minus second (or their ratio), in the unit of the groups."""

    value: float
    low: float
    high: float
    statistic: float  # z, or Welch's t
    p_value: float  # two-sided
    se: float = math.nan
    df: float = math.inf  # degrees of freedom of the statistic


@dataclass(frozen=True)
class Estimate:
    """One group: its value, standard error and 95 % interval."""

    value: float
    se: float
    low: float
    high: float


Answers = tuple[int, int, int]  # promoters, passives, detractors
Distribution = Mapping[int, int]  # what somebody counts (contacts, points) -> how many count so much


def nps_difference(first: Answers, second: Answers) -> Difference:
    """Two NPS in points, adjusted Wald: Rocks' estimates, their variances summed (MeasuringU's z test)."""
    (score, variance), (other, other_variance) = _adjusted_nps(first), _adjusted_nps(second)
    return _normal(score - other, math.sqrt(variance + other_variance))


def nps_difference_mover(first: Answers, second: Answers) -> tuple[float, float]:
    """95 % interval of the difference of two NPS by MOVER (Zou and Donner 2008) from their score intervals."""
    return _mover(_nps(first), _nps_score_interval(first), _nps(second), _nps_score_interval(second))


def share_difference(k1: int, n1: int, k2: int, n2: int) -> Difference:
    """Two shares: Newcombe's hybrid score interval (1998, method 10), the z of the pooled share."""
    if n1 <= 0 or n2 <= 0:
        return Difference(*[math.nan] * 5)
    p1, p2, pooled = k1 / n1, k2 / n2, (k1 + k2) / (n1 + n2)
    low, high = _mover(p1, _wilson(p1, n1), p2, _wilson(p2, n2))
    se = math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    z = (p1 - p2) / se if se > 0 else math.nan
    return Difference(p1 - p2, low, high, z, _two_sided(z), se)


def rate_difference(first: Distribution, second: Distribution) -> Difference:
    """Two contact rates with the order as the unit: contacts repeat within an order, so no Poisson variance."""
    (rate, variance), (other, other_variance) = _rate(first), _rate(second)
    return _normal(rate - other, math.sqrt(variance + other_variance))


def rate_ratio(first: Distribution, second: Distribution) -> Difference:
    """The ratio of two contact rates, interval on the log scale; NaN where one of them is 0."""
    (rate, variance), (other, other_variance) = _rate(first), _rate(second)
    if rate <= 0 or other <= 0:
        return Difference(*[math.nan] * 5)
    ratio, se = rate / other, math.sqrt(variance / rate**2 + other_variance / other**2)
    z = math.log(ratio) / se if se > 0 else math.nan
    return Difference(ratio, ratio * math.exp(-Z95 * se), ratio * math.exp(Z95 * se), z, _two_sided(z), se)


def mean_of_counts(answers: Distribution) -> Estimate:
    """Mean score with Student's interval; no interval where nothing differs."""
    n, mean, variance = _moments(answers)
    se = math.sqrt(variance / n)
    if not se > 0:
        return Estimate(mean, se, math.nan, math.nan)
    half = float(stats.t.ppf(0.975, n - 1)) * se
    return Estimate(mean, se, mean - half, mean + half)


def welch(first: Distribution, second: Distribution) -> Difference:
    """Two mean scores of unequal variances (Welch 1947)."""
    (n1, mean1, v1), (n2, mean2, v2) = _moments(first), _moments(second)
    a, b = v1 / n1, v2 / n2
    se = math.sqrt(a + b)
    if not se > 0:
        return Difference(mean1 - mean2, math.nan, math.nan, math.nan, math.nan, se)
    df, t = (a + b) ** 2 / (a**2 / (n1 - 1) + b**2 / (n2 - 1)), (mean1 - mean2) / se
    half = float(stats.t.ppf(0.975, df)) * se
    p = 2 * float(stats.t.sf(abs(t), df))
    return Difference(mean1 - mean2, mean1 - mean2 - half, mean1 - mean2 + half, t, p, se, df)


def cluster_ratio(numerators: ArrayLike, denominators: ArrayLike) -> Estimate:
    """Sum over sum, where what belongs to one customer hangs together: linearised (Cochran 1977, 6.3; delta method).

    One entry per customer. A single customer has no variance.
    """
    c, o = np.asarray(numerators, float), np.asarray(denominators, float)
    ratio, k = float(c.sum() / o.sum()), len(c)
    if k < 2:
        return Estimate(ratio, math.nan, math.nan, math.nan)
    se = float(np.sqrt(k / (k - 1) * ((c - ratio * o) ** 2).sum()) / o.sum())
    return Estimate(ratio, se, ratio - Z95 * se, ratio + Z95 * se)


def _normal(value: float, se: float) -> Difference:
    z = value / se if se > 0 else math.nan
    return Difference(value, value - Z95 * se, value + Z95 * se, z, _two_sided(z), se)


def _two_sided(z: float) -> float:
    return 2 * float(stats.norm.sf(abs(z)))


def _mover(a: float, around_a: tuple[float, float], b: float, around_b: tuple[float, float]) -> tuple[float, float]:
    """The distances of two values to their own limits, put together (MOVER)."""
    low = a - b - math.hypot(a - around_a[0], around_b[1] - b)
    return low, a - b + math.hypot(around_a[1] - a, b - around_b[0])


def _wilson(p: float, n: int) -> tuple[float, float]:
    middle, half = p + Z95**2 / (2 * n), Z95 * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n * n))
    return (middle - half) / (1 + Z95**2 / n), (middle + half) / (1 + Z95**2 / n)


def _nps(answers: Answers) -> float:
    promoters, _, detractors = answers
    return 100 * (promoters - detractors) / sum(answers)


def _nps_score_interval(answers: Answers) -> tuple[float, float]:
    """Tango's score interval (1998) of a net share, in points: the differences that a score test does not reject."""
    promoters, _, detractors = answers
    n = sum(answers)
    point = (promoters - detractors) / n

    def z(net: float) -> float:
        # The likeliest share of detractors when the net share is `net`.
        a, c = 2 * n, -detractors * net * (1 - net)
        b = -promoters - detractors + (2 * n - promoters + detractors) * net
        share = (math.sqrt(max(b * b - 4 * a * c, 0)) - b) / (2 * a)
        return (promoters - detractors - n * net) / math.sqrt(max(n * (2 * share + net * (1 - net)), 1e-300))

    edge = 1 - 1e-12
    low = -1.0 if point <= -edge else optimize.brentq(lambda net: z(net) - Z95, -edge, point, xtol=1e-15)
    high = 1.0 if point >= edge else optimize.brentq(lambda net: z(net) + Z95, point, edge, xtol=1e-15)
    return 100 * low, 100 * high


def _adjusted_nps(answers: Answers) -> tuple[float, float]:
    """Rocks' adjusted score and its variance, in points."""
    p, d, n = answers[0] + EXTRA_VOICES, answers[2] + EXTRA_VOICES, sum(answers) + EXTRA_ANSWERS
    score = (p - d) / n
    return 100 * score, 1e4 * ((p + d) / n - score**2) / n


def _rate(counts: Distribution) -> tuple[float, float]:
    """Events per unit, and the variance of that mean."""
    n, mean, variance = _moments(counts)
    return mean, variance / n


def _moments(counts: Distribution) -> tuple[int, float, float]:
    """How many, their mean, and the variance of one of them (NaN for a single one)."""
    n, total = sum(counts.values()), sum(x * k for x, k in counts.items())
    squares = sum(x * x * k for x, k in counts.items())
    return n, total / n, (n * squares - total**2) / (n * (n - 1)) if n > 1 else math.nan
