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
LARGEST = 2**62  # number of a leaf


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
        codes, labels, self.numbers = _leaves(table, dimensions)
        self.dimensions = list(dimensions)
        self.leaves = len(codes)
        coded = [pd.factorize(codes[:, axis]) for axis in range(len(dimensions))]
        self._labels = [[of[value] for value in values] for of, (_, values) in zip(labels, coded, strict=True)]
        self._codes = np.stack([own for own, _ in coded], axis=1).astype(np.int64)
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
        self.starts = np.concatenate([[0], np.cumsum(sizes)])  # of each cuboid's slices, and the end of the last
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
        leaf = self._example[cuboid][index - self.starts[cuboid]]
        return {self.dimensions[axis]: self._labels[axis][self._codes[leaf, axis]] for axis in self._axes[cuboid]}

    def mask(self, index: int) -> NDArray[np.bool_]:
        """Which leaves are in a slice."""
        cuboid = self.cuboid[index]
        return np.asarray(self._slice_of[cuboid] == index - self.starts[cuboid])

    def members(self, indices: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Which leaves are in some slices (indices in order): pairs of a place among the slices and a leaf."""
        places, leaves = [], []
        for cuboid in np.unique(self.cuboid[indices]):
            first, last = np.searchsorted(indices, self.starts[[cuboid, cuboid + 1]])
            place = np.full(len(self._example[cuboid]), -1)
            place[indices[first:last] - self.starts[cuboid]] = np.arange(first, last)
            of_leaf = place[self._slice_of[cuboid]]
            leaves.append(np.flatnonzero(of_leaf >= 0))
            places.append(of_leaf[leaves[-1]])
        return np.concatenate(places), np.concatenate(leaves)

    def values_of(self, dimension: str) -> slice:
        """The slices that a single dimension makes, as a range of indices."""
        cuboid = self._axes.index((self.dimensions.index(dimension),))
        return slice(int(self.starts[cuboid]), int(self.starts[cuboid + 1]))

    def cells_of(self, dimensions: Sequence[str]) -> NDArray[np.intp]:
        """For each leaf the number of its cell in a grid of some dimensions."""
        axes = [self.dimensions.index(dimension) for dimension in dimensions]
        _, cells = np.unique(self._codes[:, axes], axis=0, return_inverse=True)
        return np.asarray(cells.ravel())


def coded(table: pd.DataFrame, dimensions: Sequence[str]) -> tuple[NDArray[np.intp], list[list[str]]]:
    """For each row (rows × dimensions) the place of its value among the sorted values of the dimension, and those.

    A missing value is the group `unknown`.
    """
    places, values = [], []
    for dimension in dimensions:
        places_of_found, found = pd.factorize(table[dimension])
        texts = [*map(str, found), *([UNKNOWN] if (places_of_found < 0).any() else [])]  # missing is -1, the last
        names, place = np.unique(np.array(texts, dtype=object), return_inverse=True)
        places.append(place[places_of_found] if len(place) else places_of_found)
        values.append(list(names))
    return np.stack(places, axis=1).astype(np.intp), values


def numbered(codes: NDArray[np.intp], sizes: Sequence[int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The leaves in the order of their codes: a row of each, and for each row the number of its leaf."""
    number, room = np.zeros(len(codes), dtype=np.int64), 1
    for column, size in zip(codes.T, sizes, strict=True):
        if room * size > LARGEST:  # fewer leaves than rows, so this fits again
            number = np.unique(number, return_inverse=True)[1]
            room = len(codes)
        number, room = number * size + column, room * size
    _, example, leaf = np.unique(number, return_index=True, return_inverse=True)
    return example, leaf


def _leaves(
    table: pd.DataFrame, dimensions: Sequence[str]
) -> tuple[NDArray[np.intp], list[list[str]], dict[str, Floats]]:
    """Leaves that count something: their codes (leaves × dimensions), the values of those, and their numbers.

    A missing number counts as nothing.
    """
    if not dimensions:
        raise ValueError("no dimension: expected at least one column beside the four numbers")
    missing = [name for name in (*dimensions, *NUMBERS) if name not in table.columns]
    if missing:
        raise ValueError(f"missing column {', '.join(missing)}; the table has {', '.join(map(str, table.columns))}")
    names = [*NUMBERS, *(name for name in ("variance", "volume_variance") if name in table.columns)]
    counted = np.stack([pd.to_numeric(table[name]).to_numpy(dtype=np.float64, na_value=np.nan) for name in names])
    counted = np.where(np.isfinite(counted), counted, 0.0)
    codes, labels = coded(table, dimensions)
    example, leaf = numbered(codes, [len(values) for values in labels])
    if len(example) == len(table):
        counted = counted[:, example]
    else:
        counted = pd.DataFrame(counted.T).assign(leaf=leaf).groupby("leaf").sum().to_numpy().T
    numbers = dict(zip(names, counted, strict=True))
    # A negative number of chances does not exist; a negative numerator does (detractors).
    for name in ("actual_denominator", "expected_denominator"):
        numbers[name] = np.where(numbers[name] > SMALLEST_DENOMINATOR, numbers[name], 0.0)
    counts = np.any([values != 0 for values in numbers.values()], axis=0)
    return codes[example][counts], labels, {name: values[counts] for name, values in numbers.items()}
