"""How a table strays by itself: what everything moved by, and how far slices come that nobody would call a cause.

The noise of the leaves says how far one comes by chance. Leaves that share a value may stray together (one hour's bulk
order, one region's forecast), and then the sum of a thousand does not come to rest. How far they do is read off the
slices in which nothing was found.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transforms.insight.decompose import Floats
from transforms.insight.lattice import Lattice
from transforms.insight.noise import AT_LEVEL, LEVEL, Leaves, error_of, quantile, variances
from transforms.insight.search import EPSILON

LEAST_REST = 0.1  # of the volume: less says nothing of what everything did
PRIOR = 10.0  # so many slices that stray as is usual are taken to have been seen in each cuboid
SHOWS = 2.0  # times what the whole strays by beyond counts: slices that add less explain no move,
APART = 1.5  # unless one stands out so many times as far as any slice does, either way, of what is left

Mask = NDArray[np.bool_]


def common_move(lattice: Lattice, added: Floats, mass: Floats, outside: Mask | None) -> float:
    """What everything moved by, per mass: outside of what was found the mean; before, the middle of the dimensions'
    middle values."""
    if outside is not None:
        rest = float(mass[outside].sum())
        return float(added[outside].sum()) / rest if rest > LEAST_REST * mass.sum() else 0.0
    masses = lattice.sums(mass)
    moves = lattice.sums(added) / np.maximum(masses, EPSILON)
    return float(
        np.median([quantile(moves[own], masses[own], 0.5) for own in map(lattice.values_of, lattice.dimensions)])
    )


def straying(lattice: Lattice, leaves: Leaves, variance: Floats, outside: Mask | None) -> Floats:
    """How many times as far as the noise of its leaves says each slice strays, at least 1.

    Slices stray by a part of their volume, which is learnt for each cuboid from the leaves outside of what an earlier
    search found (None: there was none, and nothing is known). Where a cuboid has few slices, other cuboids of as many
    dimensions speak for it.
    """
    if outside is None:
        return np.ones(len(lattice.cuboid))
    moved, volume, noise = (lattice.sums(x * outside) for x in (leaves.added, leaves.weight, variance))
    cuboids = map(slice, lattice.starts[:-1], lattice.starts[1:])
    learnt = [_per_volume(moved[own], volume[own], noise[own]) for own in cuboids]
    square, number = np.array(learnt).T
    depth = lattice.depth[lattice.starts[:-1]]
    usual = np.array([np.median(square[depth == one]) for one in depth])
    square = (PRIOR * usual + number * square) / (PRIOR + number)
    own_volume, own_noise = lattice.sums(leaves.weight), lattice.sums(variance)
    return np.asarray(np.sqrt(1 + square[lattice.cuboid] * own_volume**2 / np.maximum(own_noise, EPSILON**2)))


def _per_volume(moved: Floats, volume: Floats, noise: Floats) -> tuple[float, float]:
    """The variance of what the slices of one cuboid moved by per volume, beyond noise, and from how many it is learnt.

    The middle slices by volume say it, about their own middle: a cause that was not found moves few slices, or all
    alike.
    """
    seen = volume > EPSILON
    if seen.sum() < 2:
        return 0.0, 0.0
    moves, volume = moved[seen] / volume[seen], volume[seen]
    far = quantile(np.abs(moves - quantile(moves, volume, 0.5)), volume, LEVEL) / AT_LEVEL
    beyond = far**2 - quantile(noise[seen] / volume**2, volume, 0.5)
    return max(beyond, 0.0), float(volume.sum() ** 2 / (volume**2).sum() - 1)


def is_beyond_straying(
    lattice: Lattice, leaves: Leaves, variance: Floats, direction: int, there: Mask, clearest: float
) -> bool:
    """Whether the slices found (the leaves not there; `clearest`: their largest z) are more than what always stands out
    a little, of thousands that stray: they add more than the whole strays by beyond counts, or one stands apart.

    How counts stray is known, and the z that a slice needs holds. Of other straying only the usual size is known.
    """
    of_counts = variances(lattice, leaves, np.zeros(lattice.leaves, dtype=bool))  # nothing is learnt from no leaf
    beyond = float(np.sqrt(max(variance.sum() - of_counts.sum(), 0.0)))
    if direction * float(leaves.added[~there].sum()) >= SHOWS * beyond:
        return True
    common = common_move(lattice, leaves.added, leaves.weight, there)
    added = lattice.sums((leaves.added - common * leaves.weight) * there)
    error = error_of(lattice.sums(variance * there), added, leaves.event)
    z = np.divide(np.abs(added), error, out=np.zeros_like(added), where=lattice.is_big & (error > EPSILON))
    return clearest >= APART * float(z.max())
