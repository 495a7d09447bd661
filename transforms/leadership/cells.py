"""The cells of one week as counts and the sums that hold among them: what an outsider could calculate with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from transforms.models import PAIR

Key = tuple[str, str, str]  # kpi, dimension, dimension_value
Value = tuple[str, str]  # a dimension and one of its values
Sum = tuple[int, Sequence[int]]  # the place of a cell, and those of its parts

ALL: Value = ("all", "all")


@dataclass(frozen=True)
class Cell:
    """A count of cases (`n`) and what is counted of them (`numerator`, None where nothing is published of it)."""

    key: Key
    n: float
    numerator: float | None


def possible_sums(cells: Sequence[Cell]) -> Iterator[Sum]:
    """Every sum that could hold among the cells of one week; which do is seen from the counts.

    All is the sum of a dimension's values, a value the sum of its pairs with another dimension. Where every case of
    some values belongs to one value of another dimension (a return without a carrier has no resolution either), that
    value's pairs are sums of theirs. Two KPIs that count the same cases have the same cells.
    """
    by_kpi: dict[str, dict[frozenset[Value], int]] = defaultdict(dict)
    for place, cell in enumerate(cells):
        by_kpi[cell.key[0]][frozenset(_values(cell.key))] = place
    for places in by_kpi.values():
        yield from _within(places, cells)
    n, tables = [cell.n for cell in cells], [_by_dimensions(places) for places in by_kpi.values()]
    for one, other in combinations(tables, 2):
        yield from _between(one, other, n)


def _values(key: Key) -> Iterator[Value]:
    """(market, VN) and (category, beauty) of 'market × category', 'VN × beauty'; of all nothing."""
    if key[1] != "all":
        yield from zip(key[1].split(PAIR), key[2].split(PAIR, key[1].count(PAIR)), strict=True)


def _within(places: Mapping[frozenset[Value], int], cells: Sequence[Cell]) -> Iterator[Sum]:
    parts: dict[tuple[Value | None, str], dict[Value, int]] = defaultdict(dict)
    for values, place in places.items():
        if len(values) == 1:
            (value,) = values
            parts[None, value[0]][value] = place
        elif len(values) == 2:
            one, other = values
            parts[one, other[0]][other] = parts[other, one[0]][one] = place
    for (own, dimension), children in parts.items():
        whole = places.get(frozenset([own] if own else []))
        if whole is not None:
            yield whole, list(children.values())
        if own is not None and all(_same(cells, places, child, place) for child, place in children.items()):
            yield from _nested(own, list(children), places, dimension)


def _same(cells: Sequence[Cell], places: Mapping[frozenset[Value], int], value: Value, pair: int) -> bool:
    single = places.get(frozenset([value]))
    if single is None:
        return False
    one, other = cells[single], cells[pair]
    # Contacts that belong to no order are divided by none: there it is what is counted that is the same.
    return one.n == other.n > 0 or (one.n == other.n == 0 and one.numerator == other.numerator and bool(one.numerator))


def _nested(own: Value, children: Sequence[Value], places: Mapping[frozenset[Value], int], inner: str) -> Iterator[Sum]:
    """Every case of `children` is one of `own`: so are their pairs with any third dimension."""
    for values, place in places.items():
        if len(values) == 2 and own in values:
            (third,) = values - {own}
            found = [places[pair] for child in children if (pair := frozenset([child, third])) in places]
            if third[0] != inner and found:
                yield place, found


def _by_dimensions(places: Mapping[frozenset[Value], int]) -> dict[frozenset[str], dict[frozenset[Value], int]]:
    tables: dict[frozenset[str], dict[frozenset[Value], int]] = defaultdict(dict)
    for values, place in places.items():
        tables[frozenset(dimension for dimension, _ in values)][values] = place
    return tables


def _between(
    one: Mapping[frozenset[str], Mapping[frozenset[Value], int]],
    other: Mapping[frozenset[str], Mapping[frozenset[Value], int]],
    n: Sequence[float],
) -> Iterator[Sum]:
    """Two KPIs whose counts agree wherever both have a value of a dimension, or pair of them, count the same cases."""
    for dimensions in one.keys() & other.keys():
        ours, theirs = one[dimensions], other[dimensions]
        shared = [(ours[values], theirs[values]) for values in ours.keys() & theirs.keys()]
        if not dimensions or any(n[a] != n[b] for a, b in shared):
            continue
        both = [(a, b) for a, b in shared if n[a]]
        is_within = not (_counts_beyond(ours, theirs, n) and _counts_beyond(theirs, ours, n))
        if len(both) > 1 and is_within:
            yield from ((a, [b]) for a, b in both)


def _counts_beyond(
    ours: Mapping[frozenset[Value], int], theirs: Collection[frozenset[Value]], n: Sequence[float]
) -> bool:
    """Whether a table has cases in a cell that the other lacks."""
    return any(n[place] for values, place in ours.items() if values not in theirs)
