"""Which slices of a table explain the move of a ratio between what was expected and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from transforms.insight.decompose import Z95, Floats, kitagawa
from transforms.insight.lattice import Lattice
from transforms.insight.noise import LARGEST_FIRST_ERROR, Leaves, error_of, measure, variances
from transforms.insight.scan import scan
from transforms.insight.search import ALMOST_ALL, EPSILON, NEARLY_AS_FAST, SIGNIFICANCE, Found, search

TOP = 3
UNSURE = 3.0  # standard errors below which the whole's move does not say which direction to look in
NOTHING = 0.1  # of a move: a part smaller than that did not make it
SURELY = 4.0  # standard errors: what moved so far as a whole, and in every part, moved everywhere


@dataclass(frozen=True)
class Cause:
    """A slice that explains a part of the move. Contributions are in the unit of the ratio and have its sign."""

    where: dict[str, str]
    score: float  # the share of the move it explains beyond the other causes; with a known noise less the price of its volume
    contribution: float  # its part of Δ of the whole ratio: rate + mix
    ci_low: float
    ci_high: float
    rate: float  # what its changed rate did
    mix: float  # what its changed share of the volume did
    support: float  # its share of the volume, mean of both sides
    before: float  # its own ratio
    after: float
    p_value: float  # that noise does as much in some slice of the table
    z: float  # what it adds, in its own standard errors

    @property
    def part(self) -> str:
        """Which of the two made more of it: 'rate' or 'mix'."""
        return "mix" if abs(self.mix) > abs(self.rate) else "rate"


@dataclass(frozen=True)
class Explanation:
    """The move of a ratio and what explains it. `ruled_out` says what was looked at and did not make the move."""

    before: float
    after: float
    causes: list[Cause] = field(default_factory=list)
    rate: float = 0.0
    mix: float = 0.0
    is_simpson: bool = False
    ruled_out: list[str] = field(default_factory=list)
    everywhere: Cause | None = None  # where no slice explains the move because all of them moved; its `where` is {}

    @property
    def delta(self) -> float:
        """After − before."""
        return self.after - self.before


def find_causes(table: pd.DataFrame, dimensions: Sequence[str], top: int = TOP) -> list[Cause]:
    """The slices (conjunctions of up to three dimensions) that explain the move of Σ numerator / Σ denominator.

    The table has the dimension columns and actual_numerator, actual_denominator, expected_numerator,
    expected_denominator; rows of one combination are added up, a missing number counts as nothing. An optional column
    `variance` holds the variance of the actual numerator had nothing happened. Best first, at most `top`; empty when
    nothing explains the move beyond noise or when a side has no denominator. Raises ValueError on a missing column.
    """
    return explain(table, dimensions, top).causes


def explain(
    table: pd.DataFrame,
    dimensions: Sequence[str],
    top: int = TOP,
    significance: float = SIGNIFICANCE,
    least_cases: float = 0.0,
    event: float | None = None,
) -> Explanation:
    """`find_causes` with the move itself, its exact split, the Simpson flag and what was ruled out.

    `significance` is the chance that a world in which nothing happened gets any cause. Slices with fewer than
    `least_cases` (the larger of actual and expected denominator) are never causes. `event`: the numerator of one event, where
    it is known: few large ones stray further than many small ones. Else 1 where the numerators count things.
    """
    lattice = Lattice(table, dimensions, least_cases=least_cases)
    sums = {name: float(values.sum()) for name, values in lattice.numbers.items()}
    if not sums["actual_denominator"] > 0 or not sums["expected_denominator"] > 0:
        return Explanation(float("nan"), float("nan"))
    leaves = measure(lattice, event)
    found, variance, direction = _search(lattice, leaves, top, significance)
    ranked = sorted(found, key=lambda one: -one.gain)
    causes = [
        _cause(
            lattice,
            leaves,
            variance,
            lattice.mask(one.index),
            lattice.where(one.index),
            score=float(np.clip(one.gain / max(direction * leaves.delta, one.gain), 0, 1)),
            z=one.z,
        )
        for one in ranked
    ]
    cells = lattice.cells_of(sorted({dimension for cause in causes for dimension in cause.where}) or dimensions[:1])
    split = kitagawa(*(np.bincount(cells, lattice.numbers[name]) for name in _BEFORE_AFTER))
    return Explanation(
        before=leaves.before,
        after=leaves.after,
        causes=causes,
        rate=split.rate_total,
        mix=split.mix_total,
        is_simpson=split.is_simpson,
        ruled_out=_ruled_out(lattice, leaves, variance, found, causes) if causes else [],
        everywhere=None if causes else _everywhere(lattice, leaves, variance),
    )


def _search(lattice: Lattice, leaves: Leaves, top: int, significance: float) -> tuple[list[Found], Floats, int]:
    """The noise is learnt twice: the second time from the leaves outside of what the first search found."""
    everything = np.ones(lattice.leaves, dtype=bool)
    guessed = variances(lattice, leaves, everything, LARGEST_FIRST_ERROR)
    found, direction = _either_way(lattice, leaves, guessed, TOP, significance)
    outside = _outside(lattice, found)
    variance = variances(lattice, leaves, outside)
    if top != TOP or not _is_known(lattice) or not np.array_equal(variance, guessed):
        found, direction = _either_way(lattice, leaves, variance, top, significance, outside)
    return found, variance, direction


def _is_known(lattice: Lattice) -> bool:
    """Whether the table brings its noise, which then is all there is: none is to be learnt."""
    return "variance" in lattice.numbers


def _either_way(
    lattice: Lattice,
    leaves: Leaves,
    variance: Floats,
    top: int,
    significance: float,
    outside: NDArray[np.bool_] | None = None,
) -> tuple[list[Found], int]:
    """In the direction of the move; when that is hardly beyond noise, in the direction with the clearer cause."""

    def look(way: int, level: float) -> list[Found]:
        if _is_known(lattice):
            return search(lattice, leaves, variance, way, top, level)
        return scan(lattice, leaves, variance, way, top, level, outside)

    main = 1 if leaves.delta >= 0 else -1
    if abs(leaves.delta) >= UNSURE * np.sqrt(variance.sum()):
        return look(main, significance), main
    found, other = look(main, significance / 2), look(-main, significance / 2)
    return (other, -main) if _clearest(other) > _clearest(found) else (found, main)


def _clearest(found: list[Found]) -> float:
    return max((one.z for one in found), default=0.0)


def _outside(lattice: Lattice, found: list[Found]) -> NDArray[np.bool_]:
    outside = np.ones(lattice.leaves, dtype=bool)
    for one in found:
        outside &= ~lattice.mask(one.index)
    return outside


def _everywhere(lattice: Lattice, leaves: Leaves, variance: Floats) -> Cause | None:
    """The whole as its own cause: it moved beyond noise, and in each dimension nearly all of the volume moved with it.

    A small value counts as moved when that is within what chance does.
    """
    whole, way = leaves.delta, 1 if leaves.delta >= 0 else -1
    error = max(float(error_of(variance.sum(), whole, leaves.event)), EPSILON)
    added, volume = lattice.sums(leaves.added), lattice.sums(leaves.weight)
    has_moved = way * added + np.sqrt(lattice.sums(variance)) >= NEARLY_AS_FAST * abs(whole) * volume
    alike = [float((volume * has_moved)[lattice.values_of(name)].sum()) for name in lattice.dimensions]
    if abs(whole) < SURELY * error or min(alike) < ALMOST_ALL * float(leaves.weight.sum()):
        return None
    everything = np.ones(lattice.leaves, dtype=bool)
    return _cause(lattice, leaves, variance, everything, {}, score=1.0, z=abs(whole) / error)


def _cause(
    lattice: Lattice,
    leaves: Leaves,
    variance: Floats,
    inside: NDArray[np.bool_],
    where: dict[str, str],
    score: float,
    z: float,
) -> Cause:
    """What the leaves inside did."""
    numbers = [np.bincount(inside, lattice.numbers[name], 2) for name in _BEFORE_AFTER]
    split = kitagawa(*numbers)
    rate, mix = float(split.rate[1]), float(split.mix[1])
    # Events beyond those expected vary by themselves too.
    spread = Z95 * float(np.sqrt(variance[inside].sum() + max(leaves.event * (rate + mix), 0)))
    n0, d0, n1, d1 = (float(number[1]) for number in numbers)
    looked_at = len(lattice.depth)
    return Cause(
        where=where,
        score=score,
        contribution=rate + mix,
        ci_low=rate + mix - spread,
        ci_high=rate + mix + spread,
        rate=rate,
        mix=mix,
        support=float(leaves.weight[inside].sum()),
        before=n0 / d0 if d0 else float("nan"),
        after=n1 / d1 if d1 else float("nan"),
        p_value=float(min(1.0, looked_at * norm.sf(z))),
        z=z,
    )


def _ruled_out(
    lattice: Lattice, leaves: Leaves, variance: Floats, found: list[Found], causes: list[Cause]
) -> list[str]:
    """Mix or rate when it made hardly anything, and dimensions none of whose values moved outside of the causes."""
    explained = sum(cause.contribution for cause in causes)
    parts = {"mix": sum(cause.mix for cause in causes), "rate": sum(cause.rate for cause in causes)}
    said = [part for part, size in parts.items() if abs(size) <= NOTHING * abs(explained)]
    outside = _outside(lattice, found)
    added, error = lattice.sums(leaves.added * outside), np.sqrt(lattice.sums(variance * outside))
    named = {dimension for cause in causes for dimension in cause.where}
    for dimension in lattice.dimensions:
        values = lattice.values_of(dimension)
        needed = norm.isf(SIGNIFICANCE / 2 / max(values.stop - values.start, 1))
        if dimension not in named and np.all(np.abs(added[values]) <= needed * error[values]):
            said.append(dimension)
    return said


_BEFORE_AFTER = ("expected_numerator", "expected_denominator", "actual_numerator", "actual_denominator")
