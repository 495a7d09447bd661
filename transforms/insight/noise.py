"""How much of a leaf's move is noise: what counts do by themselves, and how wrong the expectation is elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from transforms.insight.decompose import Floats
from transforms.insight.lattice import NUMBERS, Lattice

# An expectation is taken to be a mean of some periods like the tested one; so it has a noise of its own.
EXPECTED_PERIODS = 4
# A leaf's expected rate is drawn to the whole's as if so many cases of the whole had been seen there.
PRIOR_CASES = 3.0
# Quantiles of |z| of a standard normal: the middle of the leaves says what is normal, whatever the others do.
LEVEL, AT_LEVEL = 0.4, 0.5244005
SMALLEST_SEEN = 3.0
LARGEST_ERROR = 1.0
# Before any cause is known, leaves that moved pass for noise: their part of it is kept small.
LARGEST_FIRST_ERROR = 0.2


@dataclass(frozen=True)
class Leaves:
    """What each leaf adds to the move of the whole (Kitagawa, centred), and the weight and rates that go with it."""

    added: Floats  # sums to after − before
    weight: Floats  # mean share of the denominators, sums to 1
    before: float
    after: float
    expected: Floats  # numerator at the actual denominator and the expected rate
    rate: Floats  # the expected one
    event: float  # what one event adds to the whole; 0 when that is not known

    @property
    def delta(self) -> float:
        """The move of the whole."""
        return self.after - self.before


def measure(lattice: Lattice, event: float | None = None) -> Leaves:
    """event: the numerator of one event; None: 1, if the numerators count things. Raises ValueError when either side has no denominator at all."""
    n1, d1, n0, d0 = (lattice.numbers[name] for name in NUMBERS)
    if not d1.sum() > 0 or not d0.sum() > 0:
        raise ValueError("a side without a denominator has no ratio to explain")
    before, after = n0.sum() / d0.sum(), n1.sum() / d1.sum()
    w0, w1 = d0 / d0.sum(), d1 / d1.sum()
    added = n1 / d1.sum() - n0 / d0.sum() - (w1 - w0) * (before + after) / 2
    rate = (n0 + PRIOR_CASES * before) / (d0 + PRIOR_CASES)
    if event is None:
        event = 1.0 if np.all(n1 == np.round(n1)) else 0.0
    return Leaves(added, (w0 + w1) / 2, float(before), float(after), rate * d1, rate, float(event / d1.sum()))


def error_of(variance: Floats | float, added: Floats | float, event: float) -> Floats:
    """Standard error of sums with that variance that add so much. Of few events, chance makes more than a normal curve
    says: Bernstein's bound puts that into the error.
    """
    return np.asarray(np.sqrt(variance + event * np.abs(added) / 3))


def variances(lattice: Lattice, leaves: Leaves, normal: NDArray[np.bool_], largest: float = LARGEST_ERROR) -> Floats:
    """The variance of what each leaf adds, had nothing happened; `normal` says which leaves to learn the errors from.

    Counts carry their binomial noise and that of the expectation. Beyond it every leaf's expectation is wrong by a
    relative error, learnt from the middle of the normal leaves. A table can bring its own `variance` of the numerators
    (and `volume_variance` of the denominators), which then is all there is.
    """
    n1, d1, d0 = (lattice.numbers[name] for name in ("actual_numerator", "actual_denominator", "expected_denominator"))
    size = np.abs(leaves.expected)
    if np.all((n1 >= 0) & (n1 <= d1)):  # a share: the same error whichever of the two outcomes is counted
        size = size * (1 - np.minimum(_over(size, d1), 1))
    moved = n1 - leaves.expected
    own = lattice.numbers.get("variance")
    are_counts = bool(np.all(n1 >= 0) and np.all(n1 == np.round(n1)) and np.all(d1 == np.round(d1)))
    if own is not None:
        known = own
    elif are_counts:
        known = size * (1 + _over(d1, d0) / EXPECTED_PERIODS) + 1.0
    else:
        known = _per_case(moved, size, d1, normal) * d1
    error = _relative_error(moved, size, known, normal & (size >= (SMALLEST_SEEN if are_counts else 0)), largest)
    # A leaf with another rate than the whole moves it also when its volume is not what was expected.
    scaled = d0 * d1.sum() / d0.sum()
    volume = scaled * (1 + _over(d1, d0) / EXPECTED_PERIODS) if np.all(d1 == np.round(d1)) else np.zeros_like(d1)
    volume_error = _relative_error(d1 - scaled, scaled, volume, normal, largest)
    lever = leaves.rate - (leaves.before + leaves.after) / 2
    of_volume = volume + (volume_error * scaled) ** 2
    if own is not None:
        error, of_volume = 0.0, lattice.numbers.get("volume_variance", of_volume)
    total = known + (error * size) ** 2 + lever**2 * of_volume
    return np.asarray(total / d1.sum() ** 2)


def _relative_error(moved: Floats, size: Floats, known: Floats, normal: NDArray[np.bool_], largest: float) -> float:
    """The relative error beyond the known variance, from the weighted middle of the normal leaves."""
    seen = normal & (size > 0)
    if seen.sum() < 6:
        return 0.0
    weight = size[seen]
    total = (quantile(np.abs(moved[seen]) / weight, weight, LEVEL) / AT_LEVEL) ** 2
    return float(np.sqrt(np.clip(total - quantile(known[seen] / weight**2, weight, 0.5), 0, largest**2)))


def _per_case(moved: Floats, size: Floats, cases: Floats, normal: NDArray[np.bool_]) -> float:
    """The variance per case of numerators that are no counts: what grows with the cases, not with their square."""
    seen = normal & (cases > 0)
    if seen.sum() < 24:
        return 0.0
    order = np.flatnonzero(seen)[np.argsort(cases[seen], kind="stable")]
    groups = np.array_split(order, min(12, len(order) // 8))
    squares = np.array([(np.quantile(np.abs(moved[g]) / np.sqrt(cases[g]), LEVEL) / AT_LEVEL) ** 2 for g in groups])
    relative = np.array([np.median(size[g] ** 2 / cases[g]) for g in groups])
    scale = 1 / np.maximum(squares, squares.max() * 1e-9 + 1e-300)
    fitted, _ = nnls(np.stack([scale, relative * scale], axis=1), squares * scale)
    return float(fitted[0])


def quantile(values: Floats, weights: Floats, level: float) -> float:
    """The smallest value that so much of the weight does not exceed."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, level * reached[-1])])


def _over(above: Floats, below: Floats) -> Floats:
    """A quotient, 1 where there is nothing below."""
    return np.divide(above, below, out=np.ones_like(above), where=below > 0)
