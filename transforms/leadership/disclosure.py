"""Which cells of a week may leave the analysts' circle: none of fewer than 10 cases, and none that gives one away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isclose

import numpy as np

from transforms.leadership.cells import Cell, Key, Sum, possible_sums
from transforms.leadership.links import Link, read_links
from transforms.leadership.protect import Flags, Floats, Table, protect
from transforms.models import PAIR

SMALLEST_SHOWN = 10  # cases
CASES_WIDTH = 3.0  # a suppressed number of cases can be so much more, or less, for all that is published
COUNTED_WIDTH = 1.0  # the same for what is counted of them
# What a reader loses with a cell, by how much it is looked at; times the logarithm of its cases.
ALL_COST, SINGLE_COST, PAIR_COST = 1e4, 30.0, 1.0


@dataclass(frozen=True)
class Kind:
    """What bounds a KPI's numerator, 0 and n (-n and n where `is_net`, none where `is_open`), and divides it alone."""

    is_net: bool
    is_open: bool
    is_stock: bool = False  # a month is no sum of weeks: it has the stock of one
    counted_by: frozenset[str] = frozenset()  # dimensions of what is counted: each of their values has all of the cases


def is_few(n: float | None) -> bool:
    """Whether so many cases are some, and too few to be told."""
    return n is not None and 0 < n < SMALLEST_SHOWN


def too_small(cells: Sequence[Cell]) -> set[Key]:
    """The cells of at least one and fewer than 10 cases."""
    return {cell.key for cell in cells if is_few(cell.n)}


def hidden_cells(
    cells: Sequence[Cell],
    kinds: Mapping[str, Kind],
    first: Collection[Key],
    others: Sequence[Sequence[Cell]] = (),
    links: Sequence[Link] = (),
) -> set[Key]:
    """`first` and every cell of the week that has to be hidden with it, so that none can be worked out.

    others: the same cells in the same order with what else is counted of them, each protected like the first.
    links: cells that count the same by their definitions, beside those that `possible_sums` finds.
    """
    keys = [cell.key for cell in cells]
    hidden = np.array([key in first for key in keys], bool)
    if not hidden.any():
        return set()
    linked = read_links(keys, links, hidden)
    sums = list(possible_sums(cells))
    cases, safe = _cases(cells, kinds, [*sums, *linked.cases])
    safe |= linked.is_told
    counts = [_counted(part, kinds, sums, linked.counted if part is cells else []) for part in (cells, *others)]
    counts[0][1][:] |= linked.is_counted_told
    week = _Week(keys, [(cases, safe, CASES_WIDTH), *((*one, COUNTED_WIDTH) for one in counts)], linked.together)
    is_pair, none = np.array([PAIR in key[1] for key in keys], bool), np.zeros(len(keys), bool)
    # What the dimensions need by themselves is found first: no further figure of theirs is given up for pairs' sake.
    hidden |= week.hide(hidden, is_pair, none) & ~is_pair
    if is_pair.any():
        hidden = week.hide(hidden, none, ~is_pair & ~hidden)
    return {key for key, is_hidden in zip(keys, hidden, strict=True) if is_hidden}


@dataclass(frozen=True)
class _Week:
    """All that is counted of a week's cells: tables, the cells in each that need no protection, and its width."""

    keys: Sequence[Key]
    tables: Sequence[tuple[Table, Flags, float]]
    together: Sequence[Sequence[int]]

    def hide(self, hidden: Flags, out: Flags, dear: Flags) -> Flags:
        """What is hidden in the end. out: tables of pairs that are left out. dear: cells that are not hidden for others.

        A table of pairs that cannot be protected without a dear cell is left out; where that does not do, none is dear.
        """
        hidden, out, dear = hidden.copy(), out.copy(), dear.copy()
        tables = [(table, safe.copy(), width) for table, safe, width in self.tables]
        while True:
            before = int(hidden.sum()), int(out.sum()), int(dear.sum())
            for places in self.together:
                hidden[places] |= hidden[places].any()
            hidden |= _without_total(self.keys, hidden)
            gone = left_out(self.keys, hidden) | out
            hidden, stay = hidden | gone, ~gone
            for table, safe, width in tables:
                lost = np.zeros(len(hidden), bool)
                lost[stay] = _protect(_rest(table, gone), hidden, safe, stay, dear & ~hidden, width)
                more = out | _tables_of(self.keys, lost)
                if lost.any() and (more == out).all():  # there is no table left whose absence would do
                    dear[:] = False
                out = more
                # A table that is more than half hidden by now has no numerators to protect.
                if (int(hidden.sum()), int(out.sum()), int(dear.sum())) != before:
                    break
            else:
                return hidden


def _protect(rest: Table, hidden: Flags, safe: Flags, stay: Flags, dear: Flags, width: float) -> Flags:
    """Hide what has to be, in place; answers the cells that only a dear one would protect.

    A numerator that nothing protects is a fact about everybody: all of them answered, or none was in contact.
    """
    own = replace(rest, cost=np.where(dear[stay], inf, rest.cost))
    hidden[stay], safe[stay], lost = protect(own, hidden[stay], safe[stay], width)
    if lost.any() and dear.any():
        *_, hopeless = protect(rest, hidden[stay], safe[stay], width)
        return lost & ~hopeless
    return np.zeros(len(lost), bool)


def _tables_of(keys: Sequence[Key], cells: Flags) -> Flags:
    """All cells of the tables of pairs in which one of these stands, or which add up to one."""
    if not cells.any():
        return np.zeros(len(keys), bool)
    named = {key[:2] for key, is_one in zip(keys, cells, strict=True) if is_one}
    return np.array([_is_of(key, named) for key in keys], bool)


def _is_of(key: Key, named: Collection[tuple[str, str]]) -> bool:
    kpi, dimension, _ = key
    parts = dimension.split(PAIR)
    return len(parts) > 1 and any((kpi, one) in named for one in (dimension, *parts))


def left_out(keys: Sequence[Key], hidden: Flags) -> Flags:
    """The cells of which nothing is published, not even that there are any.

    A table of pairs that is more than half hidden says little, and what is left of it would cost its neighbours more.
    """
    size = Counter(key[:2] for key in keys)
    lost = Counter(key[:2] for key, is_hidden in zip(keys, hidden, strict=True) if is_hidden)
    return np.array([PAIR in key[1] and lost[key[:2]] > size[key[:2]] / 2 for key in keys], bool)


def _without_total(keys: Sequence[Key], hidden: Flags) -> Flags:
    """The cells of KPIs whose total is hidden: their parts would give it away."""
    gone = {key[0] for key, is_hidden in zip(keys, hidden, strict=True) if is_hidden and key[1] == "all"}
    return np.array([key[0] in gone for key in keys], bool)


def _cases(cells: Sequence[Cell], kinds: Mapping[str, Kind], sums: Sequence[Sum]) -> tuple[Table, Flags]:
    """The numbers of cases, and the cells that need no protection: theirs is the n of another cell, by definition.

    A reason's contacts are divided by all orders: its n is the n of all, and no secret.
    """
    n, true, borrowed = _counts(cells), set(), np.zeros(len(cells), bool)
    counts = n.tolist()  # of a few parts each: lists are faster
    for whole, parts in sums:
        if counts[whole] == sum(counts[part] for part in parts):
            true.add((whole, tuple(sorted(parts))))
        elif all(counts[part] == counts[whole] for part in parts):
            true |= {(whole, (part,)) for part in parts}
            borrowed[list(parts)] = True
    mostly = {cell.key[0] for cell in cells if cell.key[1] == "all" and 2 * (cell.numerator or 0) > cell.n}
    least = [max(min(cell.n, 1), _unmoved(cell, kinds[cell.key[0]], cell.key[0] in mostly)) for cell in cells]
    cost = np.array([_cost(cell, kinds, ALL_COST) for cell in cells])
    return Table(np.maximum(n - least, 0), np.full(len(cells), inf), cost, sorted(true)), borrowed


def _unmoved(cell: Cell, kind: Kind, is_mostly_counted: bool) -> float:
    """The cases that stay when others are thought elsewhere, so that no numerator is larger than its cases.

    Those that are counted stay; of a KPI that counts most of its cases, those that are not.
    """
    counted = 0 if kind.is_open else abs(cell.numerator or 0)
    return cell.n - counted if is_mostly_counted and not (kind.is_open or kind.is_net) else counted


def _counted(
    cells: Sequence[Cell], kinds: Mapping[str, Kind], sums: Sequence[Sum], equal: Sequence[Sum]
) -> tuple[Table, Flags]:
    """The numerators, and the cells that need no protection: nothing is published of theirs.

    equal: numerators that are the same, of whatever KPI; of `sums` only those within a KPI are about numerators.
    """
    n, x = _counts(cells), np.array([np.nan if c.numerator is None else c.numerator for c in cells])
    is_net = np.array([kinds[cell.key[0]].is_net for cell in cells])
    is_open = np.array([kinds[cell.key[0]].is_open for cell in cells])
    counts = x.tolist()
    true = {
        (whole, tuple(sorted(parts)))
        for whole, parts in [*(s for s in sums if cells[s[0]].key[0] == cells[s[1][0]].key[0]), *equal]
        if isclose(counts[whole], sum(counts[part] for part in parts), abs_tol=1e-9)
    }
    cost = np.array([_cost(cell, kinds, inf) for cell in cells])
    down, up = np.where(is_net, n + x, x), np.where(is_open, inf, n - x)
    unknown = np.isnan(x)
    down, up = (np.maximum(np.where(unknown, 0, side), 0) for side in (down, up))
    return Table(down, up, cost, sorted(true)), unknown


def _counts(cells: Sequence[Cell]) -> Floats:
    return np.array([cell.n for cell in cells], float)


def _cost(cell: Cell, kinds: Mapping[str, Kind], cost_of_all: float) -> float:
    kpi, dimension, _ = cell.key
    if dimension == "all":
        return cost_of_all
    if dimension in kinds[kpi].counted_by:  # read like a total: the reasons of all contacts, how late all refunds are
        return ALL_COST
    return (PAIR_COST if PAIR in cell.key[1] else SINGLE_COST) * (1 + float(np.log2(1 + cell.n)))


def _rest(table: Table, gone: Flags) -> Table:
    """The table without cells that are gone, and without the sums in which one of them stands."""
    place, is_gone = (np.cumsum(~gone) - 1).tolist(), gone.tolist()
    sums = [
        (place[whole], [place[part] for part in parts])
        for whole, parts in table.sums
        if not is_gone[whole] and not any(is_gone[part] for part in parts)
    ]
    return Table(table.down[~gone], table.up[~gone], table.cost[~gone], sums)
