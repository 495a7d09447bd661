"""The search for the few slices that explain a move: choose, take out, choose again.

Each leaf adds something to the move of the whole (Kitagawa); a slice explains what its leaves add. What a slice must
not do is to take in leaves that did not move: it pays `PURITY` of its anchor's move per unit of its volume. So a child
loses to its parent when the rest of the parent moved at least that much too, and wins otherwise. The anchor, which sets
the price, is the slice whose share of the move stands out most from its share of the volume (Kullback-Leibler).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy
from scipy.stats import norm

from transforms.insight.decompose import Floats
from transforms.insight.lattice import Lattice
from transforms.insight.noise import Leaves

PURITY = 0.1  # of the anchor's move per volume: what a leaf must have moved to count as part of a cause
CAUTION = 1.0  # standard errors that are taken off what a slice adds
SIGNIFICANCE = 0.05  # over all slices that were looked at (Bonferroni)
SMALLEST_SHARE = 0.1  # of what the first cause explains
SMALLEST_MOVE = 0.35  # of the first cause's move per volume
ANOTHER_SLICE = 0.06  # of the whole move: what one more slice at once must explain beyond one slice alone
STILL_THERE = 0.5  # of a slice's volume, once the causes before it are taken out
ROUNDS = 4
EPSILON = 1e-15


@dataclass(frozen=True)
class Found:
    """A slice that explains: its index, what it explains after its price, and its z value."""

    index: int
    gain: float
    z: float


@dataclass(frozen=True)
class _Slices:
    """What is left of every slice: what it adds in the direction of the move, its volume, its standard error."""

    added: Floats
    volume: Floats
    error: Floats
    candidates: NDArray[np.bool_]
    to_explain: float  # what is left to explain, over all leaves
    left: float  # the volume that is left

    def gains(self, price: float) -> Floats:
        gains = self.added - price * self.volume - CAUTION * self.error
        return np.where(self.candidates, gains, -np.inf)

    def moves(self) -> Floats:
        """What a slice adds per volume: how far its rate moved."""
        return np.divide(self.added, self.volume, out=np.zeros_like(self.added), where=self.volume > EPSILON)

    def z(self) -> Floats:
        return self.added / np.maximum(self.error, EPSILON)


def search(lattice: Lattice, leaves: Leaves, variance: Floats, direction: int, top: int) -> list[Found]:
    """At most `top` slices that moved the whole in a direction (1 or −1), in the order they were found."""
    found: list[Found] = []
    there = np.ones(lattice.leaves, dtype=bool)
    volume = lattice.sums(leaves.weight)
    depth = lattice.depth * EPSILON
    needed = float(norm.isf(SIGNIFICANCE / len(lattice.depth)))
    first: tuple[float, float] | None = None
    while len(found) < top:
        slices = _what_is_left(lattice, leaves, variance, direction, there, volume)
        chosen, gains = _choose(lattice, slices, depth, needed, top - len(found), abs(leaves.delta))
        accepted = 0
        for index in chosen:
            z, move = slices.z()[index], slices.moves()[index]
            if gains[index] <= 0 or z < needed:
                continue
            if first and (gains[index] < SMALLEST_SHARE * first[0] or move < SMALLEST_MOVE * first[1]):
                continue
            first = first or (float(gains[index]), float(move))
            found.append(Found(int(index), float(gains[index]), float(z)))
            there &= ~lattice.mask(int(index))
            accepted += 1
        if not chosen or accepted < len(chosen):
            break
    return found


def _what_is_left(
    lattice: Lattice, leaves: Leaves, variance: Floats, direction: int, there: NDArray[np.bool_], volume: Floats
) -> _Slices:
    added = direction * leaves.added * there
    left = lattice.sums(leaves.weight * there)
    # What moved beyond its noise: when much of the whole is noise, the whole says little about what there is.
    beyond = np.maximum(added - np.sqrt(variance), 0).sum()
    return _Slices(
        added=lattice.sums(added),
        volume=left,
        error=np.sqrt(lattice.sums(variance * there)),
        candidates=(left > EPSILON) & (left >= STILL_THERE * volume),
        to_explain=float(max(added.sum(), beyond, EPSILON)),
        left=float(max((leaves.weight * there).sum(), EPSILON)),
    )


def _choose(
    lattice: Lattice, slices: _Slices, depth: Floats, needed: float, room: int, whole: float
) -> tuple[list[int], Floats]:
    """The slice that explains most, or several of one cuboid at once, and what every slice explains at that price."""
    if not slices.candidates.any():
        return [], slices.added
    anchor = int(np.argmax(_standing_out(slices) - depth))
    price = PURITY * _move_of(slices, [anchor])
    chosen = [anchor]
    for _ in range(ROUNDS):
        gains = slices.gains(price)
        best = int(np.argmax(gains - depth))
        chosen = _several(lattice, slices, gains, best, needed, room, whole) if gains[best] > 0 else [best]
        price = PURITY * _move_of(slices, chosen)
    return chosen, slices.gains(price)


def _standing_out(slices: _Slices) -> Floats:
    """KL(share of the move ‖ share of the volume), for slices whose share of the move is the greater one."""
    p = np.clip((slices.added - CAUTION * slices.error) / slices.to_explain, 0, 1)
    q = np.clip(slices.volume / slices.left, 1e-12, 1 - 1e-12)
    divergence = xlogy(p, p / q) + xlogy(1 - p, (1 - p) / (1 - q))
    return np.where(slices.candidates & (p > q), divergence, -1.0)


def _several(
    lattice: Lattice, slices: _Slices, gains: Floats, best: int, needed: float, room: int, whole: float
) -> list[int]:
    """The slices of one cuboid that together explain more than the best single one, or that one."""
    positive = np.flatnonzero(gains > 0)
    order = positive[np.lexsort((-gains[positive], lattice.cuboid[positive]))]
    cuboid = lattice.cuboid[order]
    start = np.flatnonzero(np.r_[True, cuboid[1:] != cuboid[:-1]])
    of_group = np.repeat(np.arange(len(start)), np.diff(np.r_[start, len(order)]))
    leader = order[start][of_group]
    moves = slices.moves()
    is_big = (gains[order] >= SMALLEST_SHARE * gains[leader]) & (moves[order] >= SMALLEST_MOVE * moves[leader])
    is_big &= slices.z()[order] >= needed
    running = np.cumsum(is_big)
    rank = running - (running - is_big)[start][of_group]
    is_big &= rank <= room
    together = np.bincount(of_group, gains[order] * is_big) - ANOTHER_SLICE * whole * (
        np.bincount(of_group, is_big) - 1
    )
    group = int(np.argmax(together))
    if np.bincount(of_group, is_big)[group] < 2 or together[group] <= gains[best]:
        return [best]
    return [int(index) for index in order[(of_group == group) & is_big]]


def _move_of(slices: _Slices, chosen: list[int]) -> float:
    return float(max(slices.added[chosen].sum(), EPSILON) / max(slices.volume[chosen].sum(), EPSILON))
