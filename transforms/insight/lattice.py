"""Every slice of a table of leaves: the conjunctions of one to three dimensions that occur in it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transforms.insight.decompose import Floats

NUMBERS = ("actual_numerator", "actual_denominator", "expected_numerator", "expected_denominator")
UNKNOWN = "unknown"
MAX_DIMENSIONS = 3
SMALLEST_DENOMINATOR = 1e-9


class Lattice:
    """Leaves (one per combination of all dimensions) and the slices above them.

    A slice has an index; `sums` adds a number of the leaves up for all slices at once. The slices of one cuboid (one
    set of dimensions) are neighbours, and cuboids of fewer dimensions come first.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        dimensions: Sequence[str],
        deepest: int = MAX_DIMENSIONS,
        least_cases: float = 0.0,
    ) -> None:
        leaves = _leaves(table, dimensions)
        self.numbers: dict[str, Floats] = {
            name: leaves[name].to_numpy(dtype=np.float64) for name in leaves.columns.difference([*dimensions])
        }
        self.dimensions = list(dimensions)
        self.leaves = len(leaves)
        coded = [pd.factorize(leaves[dimension]) for dimension in dimensions]
        self._labels = [[str(label) for label in labels] for _, labels in coded]
        self._codes = np.stack([codes for codes, _ in coded], axis=1).astype(np.int64)
        self._axes: list[tuple[int, ...]] = []
        self._slice_of: list[NDArray[np.intp]] = []  # per cuboid: the slice each leaf is in
        self._example: list[NDArray[np.intp]] = []  # per cuboid: a leaf of each slice
        for depth in range(1, min(deepest, len(dimensions)) + 1):
            for axes in combinations(range(len(dimensions)), depth):
                sizes = [len(self._labels[axis]) for axis in axes]
                key = np.ravel_multi_index(tuple(self._codes[:, axis] for axis in axes), sizes)
                _, example, inside = np.unique(key, return_index=True, return_inverse=True)
                self._axes.append(axes)
                self._slice_of.append(inside)
                self._example.append(example)
        sizes = [len(example) for example in self._example]
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self.cuboid: NDArray[np.intp] = np.repeat(np.arange(len(sizes)), sizes)
        self.depth: NDArray[np.intp] = np.repeat([len(axes) for axes in self._axes], sizes)

        cases = [self.sums(self.numbers[f"{side}_denominator"]) for side in ("actual", "expected")]
        self.is_big: NDArray[np.bool_] = np.maximum(*cases) >= least_cases

    def sums(self, values: Floats) -> Floats:
        """A number of the leaves, added up for every slice."""
        parts = [
            np.bincount(inside, values, len(example))
            for inside, example in zip(self._slice_of, self._example, strict=True)
        ]
        return np.concatenate(parts)

    def where(self, index: int) -> dict[str, str]:
        """A slice as dimension → value."""
        cuboid = self.cuboid[index]
        leaf = self._example[cuboid][index - self._starts[cuboid]]
        return {self.dimensions[axis]: self._labels[axis][self._codes[leaf, axis]] for axis in self._axes[cuboid]}

    def mask(self, index: int) -> NDArray[np.bool_]:
        """Which leaves are in a slice."""
        cuboid = self.cuboid[index]
        return np.asarray(self._slice_of[cuboid] == index - self._starts[cuboid])

    def values_of(self, dimension: str) -> slice:
        """The slices that a single dimension makes, as a range of indices."""
        cuboid = self._axes.index((self.dimensions.index(dimension),))
        return slice(int(self._starts[cuboid]), int(self._starts[cuboid + 1]))

    def cells_of(self, dimensions: Sequence[str]) -> NDArray[np.intp]:
        """For each leaf the number of its cell in a grid of some dimensions."""
        axes = [self.dimensions.index(dimension) for dimension in dimensions]
        _, cells = np.unique(self._codes[:, axes], axis=0, return_inverse=True)
        return np.asarray(cells.ravel())


def _leaves(table: pd.DataFrame, dimensions: Sequence[str]) -> pd.DataFrame:
    """One row per leaf; a missing number counts as nothing, a missing dimension value is the group `unknown`."""
    if not dimensions:
        raise ValueError("no dimension: expected at least one column beside the four numbers")
    missing = [name for name in (*dimensions, *NUMBERS) if name not in table.columns]
    if missing:
        raise ValueError(f"missing column {', '.join(missing)}; the table has {', '.join(map(str, table.columns))}")
    numbers = [*NUMBERS, *(name for name in ("variance", "volume_variance") if name in table.columns)]
    named = {d: table[d].astype(object).where(table[d].notna(), UNKNOWN).astype(str) for d in dimensions}
    counted = {n: pd.to_numeric(table[n]).astype(float).replace([np.inf, -np.inf], np.nan).fillna(0) for n in numbers}
    leaves = pd.DataFrame({**named, **counted}).groupby(list(dimensions), as_index=False, sort=True)[numbers].sum()
    # A negative number of chances does not exist; a negative numerator does (detractors).
    for name in ("actual_denominator", "expected_denominator"):
        leaves[name] = leaves[name].where(leaves[name] > SMALLEST_DENOMINATOR, 0)
    return leaves[(leaves[numbers] != 0).any(axis=1)].reset_index(drop=True)
