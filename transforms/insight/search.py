"""The search for the few slices that explain a move: choose, take out, choose again.

Each leaf adds something to the move of the whole (Kitagawa); a slice explains what its leaves add. What a slice must
not do is to take in leaves that did not move: it pays `PURITY` of its anchor's move per unit of its volume. So a child
loses to its parent when the rest of the parent moved at least that much too, and wins otherwise. The anchor, which sets
the price, is the slice whose share of the move stands out most from its share of the volume (Kullback-Leibler).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy
from scipy.stats import norm

from transforms.insight.decompose import Floats
from transforms.insight.lattice import Lattice
from transforms.insight.noise import Leaves, error_of

PURITY = 0.1  # of the anchor's move per volume: what a leaf must have moved to count as part of a cause
CAUTION = 1.5  # standard errors that are taken off what a slice adds
SIGNIFICANCE = 0.05  # over all slices that were looked at (Bonferroni)
SMALLEST_SHARE = 0.06  # of what the first cause explains
SMALLEST_MOVE = 0.35  # of the first cause's move per volume
ANOTHER_SLICE = 0.06  # of the whole move: what one more slice at once must explain beyond one slice alone
STILL_THERE = 0.5  # of a slice's volume, once the causes before it are taken out
STILL = 0.01  # of a child's move per volume: a rest that moved less did not move
LEAST_SPLIT = 0.4  # of a slice's volume: a smaller rest is no reason to split it
LITTLE = 0.3  # of a child's move per volume: a rest that moved less may be noise
UNSURE = 2.5  # standard errors: less is no sign that the rest moved
ALMOST_ALL = 0.9  # of the volume: several slices that are nearly everything explain nothing
NEARLY_AS_FAST = 0.5  # of the move per volume of what was found: a rest that moved so much says that everything moved
MUCH = 0.25  # of the move
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
    event: float  # what one event adds

    def gains(self, price: float) -> Floats:
        gains = self.added - price * self.volume - CAUTION * self.error
        return np.where(self.candidates, gains, -np.inf)

    def moves(self) -> Floats:
        """What a slice adds per volume: how far its rate moved."""
        return np.divide(self.added, self.volume, out=np.zeros_like(self.added), where=self.volume > EPSILON)

    def z(self) -> Floats:
        """What a slice adds, in standard errors."""
        error = error_of(self.error**2, self.added, self.event)
        return np.asarray(self.added / np.maximum(error, EPSILON))


def search(
    lattice: Lattice, leaves: Leaves, variance: Floats, direction: int, top: int, significance: float
) -> list[Found]:
    """At most `top` slices that moved the whole in a direction (1 or −1), in the order they were found."""
    found: list[Found] = []
    there = np.ones(lattice.leaves, dtype=bool)
    volume = lattice.sums(leaves.weight)
    needed = float(norm.isf(significance / max(lattice.is_big.sum(), 1)))
    first: tuple[float, float] | None = None
    surely = False  # only slices that moved beyond noise: when what explains most could be noise
    while len(found) < top:
        slices = _what_is_left(lattice, leaves, variance, direction, there, volume)
        if surely:
            slices = replace(slices, candidates=slices.candidates & (slices.z() >= needed))
        chosen, gains = _choose(lattice, slices, needed, top - len(found), abs(leaves.delta))
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
        if not accepted and not found and chosen and not surely:
            surely = True
        elif not chosen or accepted < len(chosen):
            break
    is_everything = is_the_whole(leaves, direction, there) or _is_nearly_all(leaves, direction, there, len(found))
    return [] if is_everything else found


def is_the_whole(leaves: Leaves, direction: int, there: NDArray[np.bool_]) -> bool:
    """Whether much of the move is left, and moved nearly as fast as what was found: then no slice explains the move."""
    inside, taken, rest, volume = _inside_and_rest(leaves, direction, there)
    return rest > MUCH * (rest + inside) and rest * taken > NEARLY_AS_FAST * inside * volume


def _is_nearly_all(leaves: Leaves, direction: int, there: NDArray[np.bool_], found: int) -> bool:
    """Whether slices are together nearly all of the volume, or most of it and the rest moved nearly as fast."""
    inside, taken, rest, volume = _inside_and_rest(leaves, direction, there)
    if found > 1 and taken > ALMOST_ALL * (taken + volume):
        return True
    return taken > volume and rest * taken > NEARLY_AS_FAST * inside * volume


def _inside_and_rest(leaves: Leaves, direction: int, there: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """What the slices found added and their volume, then those of what is left (there)."""
    sides = (
        (direction * float(leaves.added[side].sum()), float(leaves.weight[side].sum())) for side in (~there, there)
    )
    (inside, taken), (rest, volume) = sides
    return inside, taken, rest, volume


def _what_is_left(
    lattice: Lattice, leaves: Leaves, variance: Floats, direction: int, there: NDArray[np.bool_], volume: Floats
) -> _Slices:
    added = direction * leaves.added * there
    left = lattice.sums(leaves.weight * there)
    moved, error = lattice.sums(added), np.sqrt(lattice.sums(variance * there))
    # At least what one slice surely adds: when much of the whole is noise, the whole says little of what there is.
    beyond = (moved - 2 * error).max()
    return _Slices(
        added=moved,
        volume=left,
        error=error,
        candidates=lattice.is_big & (left > EPSILON) & (left >= STILL_THERE * volume),
        to_explain=float(max(added.sum(), beyond, EPSILON)),
        left=float(max((leaves.weight * there).sum(), EPSILON)),
        event=leaves.event,
    )


def _choose(lattice: Lattice, slices: _Slices, needed: float, room: int, whole: float) -> tuple[list[int], Floats]:
    """The slice that explains most, or several of one cuboid at once, and what every slice explains at that price."""
    if not slices.candidates.any():
        return [], slices.added
    depth = lattice.depth * EPSILON  # of two names for the same leaves the shorter one
    stands = standing_out(slices.added, slices.error, slices.volume, slices.to_explain, slices.left)
    anchor = int(np.argmax(np.where(slices.candidates, stands, -1.0) - depth))
    price = PURITY * _move_of(slices, [anchor])
    chosen = [anchor]
    for _ in range(ROUNDS):
        gains = slices.gains(price)
        best = int(np.argmax(gains - depth))
        chosen = _several(lattice, slices, gains, best, needed, room, whole) if gains[best] > 0 else [best]
        price = PURITY * _move_of(slices, chosen)
    if len(chosen) == 1 and gains[chosen[0]] > 0:
        chosen = _split(lattice, slices, _narrowed(lattice, slices, chosen[0], needed), needed, room)
    return chosen, slices.gains(PURITY * _move_of(slices, chosen))


def standing_out(added: Floats, error: Floats, volume: Floats, whole: float, left: float) -> Floats:
    """KL(share of the move ‖ share of the volume), for slices whose share of the move is the greater one; −1 for others.

    whole: the move that the slices are parts of; left: the volume.
    """
    p = np.clip((added - CAUTION * error) / whole, 0, 1)
    q = np.clip(volume / left, 1e-12, 1 - 1e-12)
    divergence = xlogy(p, p / q) + xlogy(1 - p, (1 - p) / (1 - q))
    return np.where(p > q, divergence, -1.0)


def _several(
    lattice: Lattice, slices: _Slices, gains: Floats, best: int, needed: float, room: int, whole: float
) -> list[int]:
    """The slices of one cuboid that together explain more than the best single one, or that one."""
    positive = np.flatnonzero(gains > 0)
    moves, z = slices.moves(), slices.z()
    chosen, most = [best], float(gains[best])
    for members in _by_cuboid(lattice, gains, positive):
        leader = members[0]
        is_big = (gains[members] >= SMALLEST_SHARE * gains[leader]) & (moves[members] >= SMALLEST_MOVE * moves[leader])
        members = members[is_big & (z[members] >= needed)][:room]
        together = float(gains[members].sum()) - ANOTHER_SLICE * whole * (len(members) - 1)
        is_everything = slices.volume[members].sum() > ALMOST_ALL * slices.left
        if len(members) > 1 and together > most and not is_everything:
            chosen, most = [int(member) for member in members], together
    return chosen


def _narrowed(lattice: Lattice, slices: _Slices, best: int, needed: float) -> int:
    """The child that moved, when the rest of the slice moved little and not beyond noise."""
    below = _below(lattice, slices, best, needed)
    volume = slices.volume[best] - slices.volume[below]
    added = slices.added[best] - slices.added[below]
    error = np.sqrt(np.maximum(slices.error[best] ** 2 - slices.error[below] ** 2, 0))
    had_it_moved = slices.moves()[below] * volume
    still = (np.abs(added) <= LITTLE * had_it_moved) & (np.abs(added) <= UNSURE * error)
    still &= had_it_moved * (1 - LITTLE) >= UNSURE * error  # it would have been seen
    if not still.any():
        return best
    return int(below[still][np.argmax(slices.gains(PURITY * _move_of(slices, [best]))[below[still]])])


def _below(lattice: Lattice, slices: _Slices, best: int, needed: float) -> NDArray[np.intp]:
    """The slices inside a slice that moved beyond noise."""
    inside = lattice.mask(best).astype(float)
    deeper = (lattice.depth > lattice.depth[best]) & slices.candidates & (slices.z() >= needed)
    return np.flatnonzero(deeper & (lattice.sums(inside) == lattice.sums(np.ones(lattice.leaves))))


def _split(lattice: Lattice, slices: _Slices, best: int, needed: float, room: int) -> list[int]:
    """A slice whose rest certainly did not move is no cause: its children that moved are."""
    gains = slices.gains(PURITY * _move_of(slices, [best]))
    below = _below(lattice, slices, best, needed)
    below = below[gains[below] > 0]
    chosen, least = [best], slices.volume[best] * LEAST_SPLIT
    for members in _by_cuboid(lattice, gains, below):
        members = members[:room]
        volume = slices.volume[best] - slices.volume[members].sum()
        added = slices.added[best] - slices.added[members].sum()
        error = np.sqrt(max(slices.error[best] ** 2 - (slices.error[members] ** 2).sum(), 0))
        moved = _move_of(slices, list(members)) * volume  # what the rest would add, had it moved like them
        if volume > least and abs(added) <= STILL * moved and 2 * error <= PURITY * moved:
            chosen, least = [int(member) for member in members], volume
    return chosen


def _by_cuboid(lattice: Lattice, gains: Floats, indices: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Slices by cuboid, the one that explains most first."""
    order = indices[np.lexsort((-gains[indices], lattice.cuboid[indices]))]
    if not len(order):
        return []
    return np.split(order, np.flatnonzero(np.diff(lattice.cuboid[order])) + 1)


def _move_of(slices: _Slices, chosen: list[int]) -> float:
    return float(max(slices.added[chosen].sum(), EPSILON) / max(slices.volume[chosen].sum(), EPSILON))
