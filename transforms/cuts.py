"""The ways a KPI is cut: by none, one or two of its dimensions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from transforms.models import PAIR, Kpi
from transforms.warehouse import identifier, literal


@dataclass(frozen=True)
class Cut:
    """One way to cut a KPI: by no, one or two dimensions, over the rows that `where` admits.

    base: the cut whose denominators count, for a dimension that only what is counted above the line has.
    """

    dimensions: tuple[str, ...]
    where: tuple[str, ...] = ()
    base: tuple[str, ...] | None = None

    @property
    def names(self) -> str:
        """The four columns that name a cell: dimension, its value, and the base's."""
        base = (
            f"{label_of(self.base)}, {value_of(self.base)}" if self.base is not None else "null::varchar, null::varchar"
        )
        return f"{label_of(self.dimensions)}, {value_of(self.dimensions)}, {base}"

    @property
    def waited(self) -> str:
        """A duration's bucket: the second for all and single dimensions, the whole hour (floor) for pairs.

        Cases that end and cases that are cut off in one bucket have lost their order. That can move a quantile, so the
        figures that are read most keep it; for pairs it would make twice the rows.
        """
        return ", waited_seconds" if len(self.dimensions) < 2 else ", waited_seconds // 3600 * 3600"

    @property
    def condition(self) -> str:
        """The rows that belong to it, as a WHERE clause."""
        return f"where {' and '.join(self.where)}" if self.where else ""


def cuts(k: Kpi) -> Iterator[Cut]:
    """Every cut of a KPI: all, each dimension, pairs; and each dimension that the headline fixes, alone.

    A KPI that means little outside of one dimension is paired with that one only; a duration, which would be one of
    different things, is not cut without it either.
    """
    headline = tuple(f"{identifier(name)} = {literal(value)}" for name, value in k.headline)
    main = [name for name in k.all_dimensions if name not in dict(k.headline)]
    for size in range(3):
        for chosen in combinations(main, size):
            if k.within and k.within not in chosen and (size == 2 or (size == 1 and k.is_duration)):
                continue
            above = [name for name in chosen if name in k.numerator_dimensions]
            # A row below the line has no value of what is counted above it: it belongs to no such cell.
            own = tuple(f"{identifier(name)} is not null" for name in above)
            yield Cut(chosen, headline + own, tuple(n for n in chosen if n not in above) if above else None)
    for name, _ in k.headline:
        yield Cut((name,))


def coarse_cuts(k: Kpi) -> Iterator[Cut]:
    """The cuts that a KPI's further statistics are published for: all and single dimensions."""
    return (cut for cut in cuts(k) if len(cut.dimensions) < 2)


def label_of(dimensions: tuple[str, ...]) -> str:
    """The name of a cut as SQL: 'all', a dimension, or a pair of them."""
    return literal(PAIR.join(dimensions) or "all")


def value_of(dimensions: tuple[str, ...]) -> str:
    """The name of a group of a cut as SQL: 'all', a value, or a pair of them."""
    return f" || {literal(PAIR)} || ".join(map(identifier, dimensions)) or "'all'"
