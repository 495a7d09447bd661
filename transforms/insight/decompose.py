"""Exact decompositions of a move between two periods: their parts add up to it.

Everything works on small arrays that are already added up; the inputs are numpy arrays or anything they are made from.
A ratio's rate is numerator over denominator, and its weight is the share of all denominators.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from math import factorial, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy

Floats = NDArray[np.float64]

Z95 = 1.959963984540054


@dataclass(frozen=True)
class MixRate:
    """A ratio's move, split over segments; mix and rate have one entry per segment, in the unit of the ratio."""

    before: float
    after: float
    mix: Floats
    rate: Floats

    @property
    def delta(self) -> float:
        """The move of the whole: the sum of every part."""
        return self.after - self.before

    @property
    def mix_total(self) -> float:
        """What the move would be had no segment changed its rate."""
        return float(self.mix.sum())

    @property
    def rate_total(self) -> float:
        """What the move would be had no segment changed its weight."""
        return float(self.rate.sum())

    @property
    def is_simpson(self) -> bool:
        """Whether the whole moves against its own rates: reading the total alone misleads."""
        return _sign(self.rate_total) * _sign(self.delta) < 0


def kitagawa(
    numerator_before: ArrayLike,
    denominator_before: ArrayLike,
    numerator_after: ArrayLike,
    denominator_after: ArrayLike,
) -> MixRate:
    """The symmetric centred split: rate = w̄·Δr, mix = Δw·(r̄ − R̄) (Kitagawa 1955; Das Gupta 1978).

    A segment that enters or leaves has no rate on one side. It takes the other side's, so that its whole effect is
    mix. Numerators without a denominator are counted in mix too, and the parts add up to the move in any case.
    Raises ValueError when a whole period has no denominator: a ratio that does not exist cannot have moved.
    """
    n0, d0 = _floats(numerator_before), _floats(denominator_before)
    n1, d1 = _floats(numerator_after), _floats(denominator_after)
    if not d0.sum() or not d1.sum():
        raise ValueError("a period without a denominator has no ratio to decompose")
    w0, w1 = d0 / d0.sum(), d1 / d1.sum()
    whole_before, whole_after = n0.sum() / d0.sum(), n1.sum() / d1.sum()
    r0, r1 = _divided(n0, d0), _divided(n1, d1)
    r0, r1 = np.where(d0 == 0, r1, r0), np.where(d1 == 0, r0, r1)
    rate = (w0 + w1) / 2 * (r1 - r0)
    # Δ(w·r) of a segment is what its numerator adds to the whole, also when its denominator is 0.
    added = n1 / d1.sum() - n0 / d0.sum()
    mix = added - rate - (w1 - w0) * (whole_before + whole_after) / 2
    return MixRate(float(whole_before), float(whole_after), mix, rate)


def product_effects(before: ArrayLike, after: ArrayLike) -> Floats:
    """What each factor adds to the move of their product: Shapley's value (Das Gupta 1993), on the last axis.

    Shape (…, k) in, (…, k) out; the k effects add up to Π after − Π before.
    """
    x0, x1 = _floats(before), _floats(after)
    k = x0.shape[-1]
    effects = np.zeros(np.broadcast_shapes(x0.shape, x1.shape))
    for factor in range(k):
        others = [i for i in range(k) if i != factor]
        for size in range(k):
            weight = factorial(size) * factorial(k - size - 1) / factorial(k)
            for moved in combinations(others, size):
                stayed = [i for i in others if i not in moved]
                rest = x1[..., list(moved)].prod(axis=-1) * x0[..., stayed].prod(axis=-1)
                effects[..., factor] += weight * rest
    return effects * (x1 - x0)


@dataclass(frozen=True)
class MixWithin:
    """A statistic's move, split into what the weights of segments did and what happened within them."""

    before: float
    after: float
    mix: float
    within: float


def reweighted(
    statistic: Callable[[Floats], float],
    weights_before: ArrayLike,
    weights_after: ArrayLike,
    curves_before: ArrayLike,
    curves_after: ArrayLike,
) -> MixWithin:
    """Split a statistic of a mixture of curves by reweighting (DiNardo, Fortin & Lemieux 1996), both orders averaged.

    Weights: (segments,). Curves: (segments, moments), each F(t) on one grid. `statistic` reads the mixed curve.
    """
    w0, w1 = _floats(weights_before), _floats(weights_after)
    f0, f1 = _floats(curves_before), _floats(curves_after)
    start, end = statistic(w0 @ f0), statistic(w1 @ f1)
    new_mix, new_curves = statistic(w1 @ f0), statistic(w0 @ f1)
    mix = ((new_mix - start) + (end - new_curves)) / 2
    return MixWithin(start, end, mix, (end - start) - mix)


def quantile_at(level: float, moments: ArrayLike) -> Callable[[Floats], float]:
    """The smallest moment with F ≥ level (tolerance 1e-12); NaN when the curve never gets there."""
    grid = _floats(moments)

    def quantile(curve: Floats) -> float:
        reached = curve >= level - 1e-12
        return float(grid[reached.argmax()]) if reached.any() else float("nan")

    return quantile


def restricted_mean(curve: ArrayLike, horizon: int) -> Floats:
    """Mean of min(T, horizon) from F at 1, 2, … units on the last axis: the area under the survival up to the horizon.

    Linear in the curve, so a mixture's restricted mean is the mixture of the segments': `kitagawa` splits it exactly.
    """
    survival = 1 - _floats(curve)[..., : horizon - 1]
    return np.asarray(1 + survival.sum(axis=-1))


def explanatory_power(expected: ArrayLike, actual: ArrayLike) -> Floats:
    """The share of the total's move that each element moved (Bhagwan et al., NSDI 2014). NaN when nothing moved."""
    f, a = _floats(expected), _floats(actual)
    return _divided(a - f, np.full_like(f, a.sum() - f.sum()), np.nan)


def surprise(expected: ArrayLike, actual: ArrayLike) -> Floats:
    """Jensen-Shannon term between an element's share of the expected and of the actual total, in nats (the same)."""
    f, a = _floats(expected), _floats(actual)
    p, q = _divided(f, np.full_like(f, f.sum())), _divided(a, np.full_like(a, a.sum()))
    middle = (p + q) / 2
    safe = np.where(middle > 0, middle, 1.0)
    return np.asarray(0.5 * (xlogy(p, p / safe) + xlogy(q, q / safe)))


@dataclass(frozen=True)
class RiskRatio:
    """How much more often things go wrong inside a slice than outside, with its support and Katz' 95 % interval."""

    support: float
    risk_ratio: float
    prevalence: float
    global_ratio: float
    ci_low: float
    ci_high: float
    is_corrected: bool


def risk_ratio(bad_in: float, good_in: float, bad_out: float, good_out: float) -> RiskRatio:
    """Risk inside over risk outside, and over the whole (MacroBase, SIGMOD 2017; DIFF, PVLDB 2018).

    Support is the share of all bad things that are inside. The interval is Katz' on the log scale (1978); when one
    side has nothing bad, half a case is added everywhere (Haldane) and `is_corrected` says so.
    """
    corrected = bad_in == 0 or bad_out == 0
    half = 0.5 if corrected else 0.0
    a, b, c, d = bad_in + half, good_in + half, bad_out + half, good_out + half
    ratio = (a / (a + b)) / (c / (c + d))
    spread = Z95 * sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))
    bad, everything = bad_in + bad_out, bad_in + good_in + bad_out + good_out
    prevalence = bad / everything if everything else float("nan")
    inside = bad_in / (bad_in + good_in) if bad_in + good_in else float("nan")
    return RiskRatio(
        support=bad_in / bad if bad else float("nan"),
        risk_ratio=ratio,
        prevalence=prevalence,
        global_ratio=inside / prevalence if prevalence else float("nan"),
        ci_low=ratio * float(np.exp(-spread)),
        ci_high=ratio * float(np.exp(spread)),
        is_corrected=corrected,
    )


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _divided(above: Floats, below: Floats, otherwise: float = 0.0) -> Floats:
    out = np.full(np.broadcast_shapes(above.shape, below.shape), otherwise)
    return np.asarray(np.divide(above, below, out=out, where=below != 0))


def _sign(value: float) -> float:
    """The sign, where what floating point leaves of a cancelled sum has none."""
    return float(np.sign(value)) if abs(value) > 1e-12 else 0.0
