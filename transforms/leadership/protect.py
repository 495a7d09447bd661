"""Complementary suppression: which further cells to hide so that no hidden one can be worked out from the rest.

A reader who knows every published cell and every sum that holds among the cells can bound a hidden one by linear
programming. A hidden cell is protected when another table, equal in all that is published, differs in it by `width`.
Where there is none, the cheapest change of the whole table that moves the cell by so much is found (Kelly, Golden and
Assad 1992, Networks 22), and the published cells it touches are hidden too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    Matrix = Any  # scipy.sparse.csr_array, which is imported when a table needs it

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]

FAR = 1e4  # as far as a count is moved: more than any hidden cell needs
FREE = 1e-3  # cost of changing what is hidden already: little, so that a change is not larger than it must be
SLACK = 1e-6  # of a linear program's answer
FRUITLESS = 2  # directions tried in a row without a newly protected cell
SEED = 1992  # of the directions tried: the same table is always protected by the same cells


@dataclass(frozen=True)
class Table:
    """Counts and the sums that hold among them, one element per cell.

    `down` and `up`: how far below or above the truth a reader must think each count possible. `cost`: of hiding it;
    infinite where it is not to be hidden. `sums`: the place of a cell, and of the cells it is the sum of.
    """

    down: Floats
    up: Floats
    cost: Floats
    sums: Sequence[tuple[int, Sequence[int]]]


def protect(table: Table, hidden: Flags, safe: Flags, width: float) -> tuple[Flags, Flags, Flags]:
    """(what is hidden in the end, what of it is safe, what of it nothing protects).

    `safe`: cells that need no protection, or have it already: hiding more never takes it from them. The third answer
    is empty unless every way leads over a cell that must not be hidden.
    """
    hidden, safe, hopeless = hidden.copy(), safe.copy(), np.zeros(len(hidden), bool)
    for cells, sums in _components(table, hidden & ~safe):
        part = _Part(sums, table.down[cells], table.up[cells], table.cost[cells], hidden[cells], safe[cells])
        hopeless[cells] = part.protect(width)
        hidden[cells], safe[cells] = part.hidden, part.safe
    return hidden, safe, hopeless


def _components(table: Table, wanted: Flags) -> Iterator[tuple[Places, Matrix]]:
    """The places and sums (a row each: +1 the whole, -1 its parts) of cells that depend on a wanted one."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    if not table.sums or not wanted.any():
        return
    rows = np.repeat(np.arange(len(table.sums)), [len(parts) + 1 for _, parts in table.sums])
    columns = np.array([place for whole, parts in table.sums for place in (whole, *parts)])
    signs = np.array([sign for _, parts in table.sums for sign in (1.0, *([-1.0] * len(parts)))])
    matrix = csr_array((signs, (rows, columns)), shape=(len(table.sums), len(table.cost)))
    _, component = connected_components(abs(matrix).T @ abs(matrix), directed=False)
    component_of_row = component[[whole for whole, _ in table.sums]]
    for number in np.unique(component[wanted]):
        if (component_of_row == number).any():
            cells = np.flatnonzero(component == number)
            yield cells, matrix[np.flatnonzero(component_of_row == number)][:, cells]


class _Part:
    """A table that falls into no smaller ones, while it is being protected."""

    def __init__(self, sums: Matrix, down: Floats, up: Floats, cost: Floats, hidden: Flags, safe: Flags) -> None:
        self.sums, self.down, self.up, self.cost = sums, np.minimum(down, FAR), np.minimum(up, FAR), cost
        self.hidden, self.safe = hidden.copy(), safe.copy()
        # What may change in the end: hiding more adds none, since only such cells are ever hidden.
        self.usable = np.flatnonzero(self.hidden | np.isfinite(self.cost))
        self.both: Matrix | None = None

    def protect(self, width: float) -> Flags:
        """Hide until every hidden cell can move by `width`; answers those that cannot."""
        hopeless = np.zeros(len(self.hidden), bool)
        self._try_directions(width)
        while len(targets := np.flatnonzero(self.hidden & ~self.safe & ~hopeless)):
            target = targets[np.argmax(self.down[targets])]
            moved = self._cheapest(target, width)
            if moved is None:
                hopeless[target] = True
                continue
            self.hidden |= np.abs(moved) > SLACK
            self.safe |= np.abs(moved) >= width - SLACK
        return hopeless

    def _try_directions(self, width: float) -> None:
        """Move the hidden cells alone, many at once, this way and that, and note those that can move by `width`."""
        rng, fruitless = np.random.default_rng(SEED), 0
        columns = np.flatnonzero(self._loose())
        sums = _with_terms(self.sums[:, columns])
        while fruitless < FRUITLESS and not self.safe[columns].all():
            wanted = ~self.safe[columns]
            limit = np.where(wanted, width, FAR)
            sign = np.where(wanted, rng.choice([-1.0, 1.0], len(columns)), 0.0)
            sign[wanted & (self.down[columns] < width)] = 1.0
            down, up = np.minimum(self.down[columns], limit), np.minimum(self.up[columns], limit)
            moved = _solve(-sign, sums, -down, up)
            far = np.zeros(len(columns), bool) if moved is None else np.abs(moved) >= width - SLACK
            fruitless = 0 if (far & wanted).any() else fruitless + 1
            self.safe[columns] |= far

    def _loose(self) -> Flags:
        """The hidden cells that cannot be worked out by subtraction, one sum after another."""
        loose, pattern = self.hidden.copy(), abs(self.sums)
        while (alone := pattern @ loose.astype(float) == 1).any():
            loose &= ~(alone.astype(float) @ pattern > 0)
        return loose

    def _cheapest(self, target: np.int64, width: float) -> Floats | None:
        """The cheapest change of the table that moves one cell by `width`; None if there is none.

        Up is taken where it costs no more than the dearest cell by itself would, else the cheaper of up and down.
        """
        usable, both = self.usable, self._up_and_down()
        here, size = int(np.searchsorted(usable, target)), len(usable)
        cost = np.where(self.hidden[usable], FREE, self.cost[usable])
        best, least_cost = None, np.inf
        for way, room in ((here, self.up), (here + size, self.down)):
            if room[target] < width or least_cost < cost.max():
                continue
            least, most = np.zeros(2 * size), np.concatenate([self.up[usable], self.down[usable]])
            most[[here, here + size]] = 0.0
            least[way] = most[way] = width
            found = _solve(np.concatenate([cost, cost]), both, least, most)
            if found is not None and (spent := float(np.concatenate([cost, cost]) @ found)) < least_cost:
                best, least_cost = found, spent
        if best is None:
            return None
        moved = np.zeros(len(self.hidden))
        moved[usable] = best[:size] - best[size:]
        return moved

    def _up_and_down(self) -> Matrix:
        """The sums of all that may change: a change is what goes up less what goes down."""
        from scipy.sparse import hstack

        if self.both is None:
            sums = self.sums[:, self.usable]
            self.both = _with_terms(hstack([sums, -sums], format="csr"))
        return self.both


def _with_terms(sums: Matrix) -> Matrix:
    """The rows that are not empty."""
    return sums[np.flatnonzero(np.diff(sums.indptr))]


def _solve(cost: Floats, sums: Matrix, least: Floats, most: Floats) -> Floats | None:
    """The cheapest x between `least` and `most` for which every sum still holds (sums @ x = 0); None if there is none."""
    from scipy.optimize import linprog

    found = linprog(
        cost, A_eq=sums, b_eq=np.zeros(sums.shape[0]), bounds=np.column_stack([least, most]), method="highs"
    )
    return np.asarray(found.x) if found.status == 0 else None
