"""The search for the slices that explain a move when nothing but the table says how noisy it is.

Every slice is a hypothesis: all its leaves moved by β per unit of mass, the others did not. Its score is the gain in
log-likelihood (weighted least squares, as the Gaussian scan statistic of Neill 2012) less what its name costs to say:
the logarithm of how many slices of its kind there are (minimum description length). So a child loses to its parent
when the rest of the parent moved as well, a parent to its child when the rest did not, and a longer name must pay for
itself. Leaves of one cause move by different amounts: `UNEVEN` puts that into each leaf's variance, so that a leaf is
one voice, however many cases it has, and one that is far out does not speak for a slice. Several slices compete with
one by the sum of their scores.

What mass is depends on what happened, and is chosen by the total score: requests that fail are so many of all, clicks
or failures that multiply are so many of those expected, and volume that comes or goes moves a ratio by how far the
rate of its leaf is from the whole's.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import norm

from transforms.insight.decompose import Floats
from transforms.insight.lattice import NUMBERS, Lattice
from transforms.insight.noise import Leaves, error_of
from transforms.insight.search import EPSILON, SMALLEST_SHARE, STILL_THERE, Found, is_the_whole, standing_out
from transforms.insight.straying import common_move, is_beyond_straying, straying

UNEVEN = 0.3  # of a cause's move: how far its leaves differ in it
SMALLEST_MOVE = 0.25  # of the first cause's move per volume
KEPT = 2000  # slices that stand out most
STEPS = 24  # sizes of a move that are told apart,
SPAN = 300.0  # from the largest to a so much smaller one
STARTS = 6  # cuboids whose best slices are tried as a first answer
ROUNDS = 4
TINY = 1e-300

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class _Candidates:
    """Slices that moved beyond noise: index in the lattice, leaves (candidates × leaves), cost of the name, z, the z that
    one more cause needs, cuboid."""

    index: NDArray[np.intp]
    member: sparse.csr_matrix
    cost: Floats
    z: Floats
    needed: Floats
    cuboid: NDArray[np.intp]

    def leaves_of(self, one: int) -> Mask:
        inside = np.zeros(self.member.shape[1], dtype=bool)
        inside[self.member.indices[self.member.indptr[one] : self.member.indptr[one + 1]]] = True
        return inside

    def without(self, chosen: list[int]) -> Mask:
        there = np.ones(self.member.shape[1], dtype=bool)
        for one in chosen:
            there &= ~self.leaves_of(one)
        return there


def scan(
    lattice: Lattice,
    leaves: Leaves,
    variance: Floats,
    direction: int,
    top: int,
    significance: float,
    outside: Mask | None = None,
) -> list[Found]:
    """At most `top` slices that moved the whole in a direction (1 or −1).

    outside: the leaves outside of what an earlier search found, which say what everything moved by; None: no such search.
    """
    candidates = _candidates(lattice, leaves, variance, direction, significance, outside)
    if candidates is None:
        return []
    best: list[int] = []
    most = -np.inf
    for mass in _masses(lattice, leaves, direction):
        level = leaves.weight if (mass < 0).any() else mass
        added = direction * (leaves.added - common_move(lattice, leaves.added, level, outside) * level)
        chosen, total = _Scan(candidates, added, mass, leaves, variance, top).explain()
        if total > most:
            best, most = chosen, total
    there = np.ones(lattice.leaves, dtype=bool)
    found = []
    for one in best:
        inside = candidates.leaves_of(one) & there
        gain = max(direction * float(leaves.added[inside].sum()), EPSILON)
        found.append(Found(int(candidates.index[one]), gain, float(candidates.z[one])))
        there &= ~inside
    if not (candidates.z[best] >= candidates.needed[best]).any() or is_the_whole(leaves, direction, there):
        return []
    clearest = max(one.z for one in found)
    return found if is_beyond_straying(lattice, leaves, variance, direction, there, clearest) else []


def _masses(lattice: Lattice, leaves: Leaves, direction: int) -> list[Floats]:
    """What a move may be in proportion to; the volume's own where volume made more of the move than rates."""
    n1, d1, n0, d0 = (lattice.numbers[name] for name in NUMBERS)
    masses = [leaves.weight, np.abs(leaves.rate) * leaves.weight]
    if np.all((n1 >= 0) & (n1 <= d1)):  # a share: its other outcome may be what multiplied
        masses.append(leaves.weight * np.clip(1 - leaves.rate, 0, 1))
    usual = np.divide(n0, d0, out=leaves.rate.copy(), where=d0 > 0)
    by_rates = direction * float((n1 - usual * d1).sum() / d1.sum())
    if direction * leaves.delta > 2 * by_rates:
        lever = (leaves.rate - (leaves.before + leaves.after) / 2) * leaves.weight
        masses += [lever, -lever]
    return masses


def _candidates(
    lattice: Lattice,
    leaves: Leaves,
    variance: Floats,
    direction: int,
    significance: float,
    outside: Mask | None,
) -> _Candidates | None:
    """The significance is shared by the depths, in each by its cuboids, in each by its slices."""
    common = common_move(lattice, leaves.added, leaves.weight, outside)
    added = direction * lattice.sums(leaves.added - common * leaves.weight)
    z = added / np.maximum(error_of(lattice.sums(variance), added, leaves.event), EPSILON)
    slices = np.bincount(lattice.cuboid)
    depths = lattice.depth[lattice.starts[:-1]]
    # A longer name is never the cheaper one, though there are fewer sets of all dimensions than of one.
    sets = [max(comb(len(lattice.dimensions), size) for size in range(1, int(depth) + 1)) for depth in depths]
    names = slices * np.array(sets) * float(depths.max())
    needed = norm.isf(significance / names)[lattice.cuboid]
    index = np.flatnonzero((z >= needed) & lattice.is_big & (lattice.sums(leaves.weight) > EPSILON))
    if not len(index):
        return None
    index = np.sort(index[np.argsort(-z[index])[:KEPT]])
    rows, columns = lattice.members(index)
    member = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(index), lattice.leaves))
    cuboid = lattice.cuboid[index]
    needed = needed[index] * straying(lattice, leaves, variance, outside)[index]
    return _Candidates(index, member, np.log(names)[cuboid], z[index], needed, cuboid)


class _Scan:
    """The candidates by what they add in proportion to one mass."""

    def __init__(
        self, candidates: _Candidates, added: Floats, mass: Floats, leaves: Leaves, variance: Floats, top: int
    ) -> None:
        self.event = leaves.event
        self.candidates, self.member, self.top = candidates, candidates.member, top
        self.added, self.weight, self.size, self.variance = added, leaves.weight, np.abs(mass), variance
        self.volume = self.member @ leaves.weight
        seen = (self.member @ added) / np.maximum(self.member @ self.size, EPSILON)
        largest = max(float(seen.max()), EPSILON)
        least = float(seen[seen > 0].min(initial=largest))
        self.moves = np.geomspace(max(least, largest / SPAN) / 1.2, largest * 1.2, STEPS)
        likely = self.moves * self.size[:, None]  # what a leaf would add
        # What more events vary by themselves, and how unevenly a cause strikes.
        spread = variance[:, None] + likely * leaves.event
        spread += (UNEVEN * np.maximum(likely, np.abs(added)[:, None])) ** 2
        weights = np.divide(mass[:, None], spread, out=np.zeros_like(spread), where=spread > 0)
        self.by_added, self.by_mass = weights * added[:, None], weights * mass[:, None]

    def explain(self) -> tuple[list[int], float]:
        """The candidates that together score most, and what; starting from the best one, and from those of a cuboid."""
        scores = self.scores(np.ones(len(self.added), dtype=bool))
        if not np.isfinite(scores.max()):
            return [], -np.inf
        starts = [[int(scores.argmax())], *self._of_a_cuboid(scores)]
        best: list[int] = []
        most = -np.inf
        for start in starts:
            chosen = self._completed(start)
            total = sum(float(self.scores(self.candidates.without(chosen[:k]))[one]) for k, one in enumerate(chosen))
            if total > most:
                best, most = chosen, total
        return best, most

    def scores(self, there: Mask) -> Floats:
        """Of every candidate, for moves of the size that the best one has; −∞ where little of it is left."""
        left = self.member @ (self.weight * there)
        is_there = left >= STILL_THERE * self.volume
        moved = self.member @ (self.added * there)
        with np.errstate(over="ignore"):  # what has no mass left is not there
            own = moved / np.maximum(self.member @ (self.size * there), TINY)
        scores = np.where(is_there, self._standing_out(moved, left, there), -np.inf)
        tried: set[int] = set()
        while np.isfinite(scores.max()):
            size = max(float(own[scores.argmax()]), TINY)
            step = int(np.abs(np.log(self.moves) - np.log(size)).argmin())
            if step in tried:
                break
            tried.add(step)
            by_added = self.member @ (self.by_added[:, step] * there)
            by_mass = np.maximum(self.member @ (self.by_mass[:, step] * there), TINY)
            own = by_added / by_mass
            scores = np.where(is_there & (by_added > 0), by_added * own / 2 - self.candidates.cost, -np.inf)
        return scores

    def _standing_out(self, moved: Floats, left: Floats, there: Mask) -> Floats:
        """How far candidates stand out of what is there; of two names for the same leaves the shorter one, −∞ for others."""
        error = np.sqrt(self.member @ (self.variance * there))
        whole = max(float((self.added * there).sum()), float((moved - 2 * error).max()), TINY)
        stands = standing_out(moved, error, left, whole, max(float((self.weight * there).sum()), TINY))
        return np.where(stands >= 0, stands - EPSILON * self.candidates.cost, -np.inf)

    def _of_a_cuboid(self, scores: Floats) -> list[list[int]]:
        """The best slices of each cuboid that has several, the best cuboids first."""
        every, together = np.ones(len(self.added), dtype=bool), []
        for cuboid in np.unique(self.candidates.cuboid):
            own = np.flatnonzero((self.candidates.cuboid == cuboid) & (scores > 0))
            own = own[np.argsort(-scores[own])][: self.top]
            chosen = [int(one) for k, one in enumerate(own) if not k or self._matters(int(one), int(own[0]), every)]
            if len(chosen) > 1:
                together.append((float(scores[chosen].sum()), chosen))
        return [chosen for _, chosen in sorted(together, key=lambda one: -one[0])[:STARTS]]

    def _completed(self, start: list[int]) -> list[int]:
        """One more as long as it matters, then each anew beside the others, until nothing changes."""
        chosen = list(start)
        for _ in range(ROUNDS):
            before = list(chosen)
            while len(chosen) < self.top:
                there = self.candidates.without(chosen)
                scores = self.scores(there)
                one = int(scores.argmax())
                if scores[one] <= 0 or not self._matters(one, chosen[0], there):
                    break
                chosen.append(one)
            for k in range(len(chosen)):
                scores = self.scores(self.candidates.without(chosen[:k] + chosen[k + 1 :]))
                one = int(scores.argmax())
                if scores[one] > max(float(scores[chosen[k]]), 0) + 1e-9:
                    chosen[k] = one
            chosen = self._kept(chosen)
            if chosen == before:
                break
        return chosen

    def _kept(self, chosen: list[int]) -> list[int]:
        """What still matters when the others are there, what adds most first."""
        order = sorted(chosen, key=lambda one: -float(self.added[self.candidates.leaves_of(one)].sum()))
        kept = order[:1]
        for one in order[1:]:
            there = self.candidates.without(kept)
            if self.scores(there)[one] > 0 and self._matters(one, kept[0], there):
                kept.append(one)
        return kept

    def _matters(self, one: int, first: int, there: Mask) -> bool:
        """It adds beyond noise, and a part of what the first cause adds, and moved by a part of what that moved by."""
        inside, of_first = self.candidates.leaves_of(one) & there, self.candidates.leaves_of(first)
        added, whole = float(self.added[inside].sum()), float(self.added[of_first].sum())
        error = float(error_of(self.variance[inside].sum(), added, self.event))
        move = added / max(float(self.weight[inside].sum()), EPSILON)
        is_large = added >= SMALLEST_SHARE * whole and move >= SMALLEST_MOVE * whole / self.volume[first]
        return is_large and added >= self.candidates.needed[one] * error
