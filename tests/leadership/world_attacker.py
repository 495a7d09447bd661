"""An outsider who knows the marketplace: every relation that has always held among its counts, and a linear program.

What he takes to hold is read from the marts that he does not have, over all of their weeks: he knows more than any
reader does. Shares no code with what he attacks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from attacker import Program, read
from scipy.optimize import linprog
from scipy.sparse import vstack
from scipy.sparse.csgraph import connected_components

KEY = ["kpi", "dimension", "dimension_value"]
Count = tuple[str, str, str, str]  # "n" or the statistic whose numerator it is; kpi, dimension, value
WEEKS, CASES = 8, 30  # of which two counts that were always the same are no coincidence
# A contact of the newest week is not old enough to be repeated, and of older ones it is: no relation of this week.
OF_OTHER_WEEKS = {"repeat_contact_rate_7d"}


def counts(rows: pd.DataFrame) -> pd.DataFrame:
    """kpi_weekly as what is counted: columns count (a Count), week, number."""
    rows = rows.sort_values("statistic", key=lambda name: name != "value", kind="stable")
    n = rows.drop_duplicates([*KEY, "week"]).assign(what="n", number=lambda r: r["n"])
    x = rows.assign(what=rows["statistic"], number=rows["numerator"])
    both = pd.concat([n, x]).dropna(subset=["number"])
    both["count"] = list(both[["what", *KEY]].itertuples(index=False, name=None))
    return both[["count", "week", "number"]]


@dataclass(frozen=True)
class Relations:
    """What has always held: a count is the sum of others; counts are one number; cells have all cases of a wider one."""

    sums: list[tuple[Count, list[Count]]]
    same: list[list[Count]]
    borrowed: list[tuple[Count, Count]]


def relations(rows: pd.DataFrame) -> Relations:
    """Those of all weeks of `rows` (columns of kpi_weekly)."""
    wide = counts(rows).pivot_table(index="count", columns="week", values="number")
    of = dict(zip(wide.index, np.nan_to_num(wide.to_numpy(float)), strict=True))
    tables: dict[tuple[str, str, str], list[Count]] = defaultdict(list)
    for count in of:
        tables[count[:3]].append(count)
    sums, borrowed = [], []
    for (what, kpi, dimension), cells in tables.items():
        if dimension == "all":
            continue
        for wholes in _wholes(what, kpi, dimension, cells):
            known = {whole: parts for whole, parts in wholes.items() if whole in of}
            if known and all(np.allclose(of[whole], sum(of[p] for p in parts)) for whole, parts in known.items()):
                sums += list(known.items())
            pairs = [(part, whole) for whole, parts in known.items() for part in parts]
            has_all = [np.all((of[part] == of[whole]) | (of[part] == 0)) for part, whole in pairs]
            if what == "n" and len(pairs) > len(known) and all(has_all):
                borrowed += pairs
    classes: dict[bytes, list[Count]] = defaultdict(list)
    for count, numbers in of.items():
        if (numbers > 0).sum() >= WEEKS and numbers.sum() >= CASES and count[1] not in OF_OTHER_WEEKS:
            classes[np.round(numbers, 6).tobytes()].append(count)
    return Relations(sums, [same for same in classes.values() if len(same) > 1], borrowed)


def _wholes(what: str, kpi: str, dimension: str, cells: list[Count]) -> list[dict[Count, list[Count]]]:
    """For each side of a pair, the wider cell of each value and the cells within it; of a single dimension all is the wider."""
    names = dimension.split(" × ")
    found = []
    for side in range(len(names)):
        within: dict[Count, list[Count]] = defaultdict(list)
        for cell in cells:
            values = cell[3].split(" × ")
            whole = (what, kpi, "all", "all") if len(names) == 1 else (what, kpi, names[side], values[side])
            within[whole].append(cell)
        found.append(within)
    return found


class Attack:
    """One weekly folder against what always held. `truth`: the counts of its week, to say which cells there are."""

    def __init__(self, folder: Path, held: Relations, truth: Mapping[Count, float], kinds: Mapping[str, str]) -> None:
        self.held, self.kinds = held, kinds
        self.known, self.hidden = _read(folder, kinds)
        self.program = Program()
        listed = set(self.known) | {count for count in truth if count[1:] in self.hidden}
        for count in sorted(listed):
            least = None if kinds[count[1]] == "net_share" and count[0] != "n" else 0
            at = self.known.get(count)
            self.program.variable(count, least if at is None else at, at)  # type: ignore[arg-type]
        self._state(listed, truth)

    def _state(self, listed: set[Count], truth: Mapping[Count, float]) -> None:
        place = self.program.places
        for count in listed:
            n = ("n", *count[1:])
            if count[0] != "n" and n in listed and self.kinds[count[1]] != "rate":
                self.program.at_most([(place[count], 1), (place[n], -1)])
                if self.kinds[count[1]] == "net_share":
                    self.program.at_most([(place[count], -1), (place[n], -1)])
        for whole, parts in self.held.sums:
            there = [part for part in parts if part in truth or part in listed]
            if whole in listed and there and listed.issuperset(there):
                self.program.equal([(place[whole], 1), *((place[part], -1) for part in there)])
        same_of = [[count for count in same if count in listed] for same in self.held.same]
        pairs = [pair for same in same_of for pair in pairwise(same)]
        pairs += [pair for pair in self.held.borrowed if listed.issuperset(pair)]
        for one, other in pairs:
            self.program.equal([(place[one], 1), (place[other], -1)])

    def wrong(self, truth: Mapping[Count, float]) -> list[Any]:
        """What he takes to hold and does not, of the true counts: nothing, or all that follows is worth nothing."""
        names = list(self.program.places)
        off = []
        for terms, to, is_equation in self.program.rows:
            found = sum(factor * truth.get(names[place], 0) for place, factor in terms) - to
            if found > 1e-6 or (is_equation and found < -1e-6):
                off.append([names[place] for place, _ in terms])
        return off

    def widths(self) -> Iterator[tuple[Count, float]]:
        """How exactly he knows each suppressed count; without those that are no secret."""
        done = self._no_secret()
        one_of = {count: same for same in self.held.same for count in same}
        for count in self.program.places:
            if count[1:] in self.hidden and count not in done:
                done |= {
                    same for same in one_of.get(count, []) if same[0] == count[0] or "n" not in (same[0], count[0])
                }
                yield count, self._width(count)

    def _no_secret(self) -> set[Count]:
        """What the README says is shown all the same."""
        found = {cell for cell, _ in self.held.borrowed}
        for same in self.held.same:
            totals = {count for count in same if count[2] == "all" and count in self.known}
            told = {total[1] for total in totals}
            # A total of another KPI is the same number; or a group has been its whole KPI in every week so far.
            found |= {c for c in same if told - {c[1]} or (c[0] != "n" and (c[0], c[1], "all", "all") in totals)}
        for kpi, kind in self.kinds.items():
            n, x = (self.known.get((what, kpi, "all", "all")) for what in ("n", "value"))
            if kind != "net_share" and x is not None and x in (0, n):
                found |= {count for count in self.program.places if count[1] == kpi and count[0] != "n"}
        return found

    def _width(self, count: Count) -> float:
        place = self.program.places[count]
        if self._fixed[place]:
            return 0.0
        columns, form = self._part(self._component[place])
        cost, ends = np.zeros(len(columns)), []
        for sign in (1.0, -1.0):
            cost[np.searchsorted(columns, place)] = sign
            found = linprog(cost, **form, method="highs")
            assert found.status in (0, 3), (count, found.message)
            if found.status == 3:
                return float("inf")
            ends.append(sign * found.fun)
        # A group in which nothing is counted since nothing is counted around it is a fact about everybody.
        return float("inf") if count[0] != "n" and ends[1] <= 1e-9 and ends[0] >= -1e-9 else ends[1] - ends[0]

    @cached_property
    def _form(self) -> dict[str, Any]:
        return self.program._form()

    @cached_property
    def _fixed(self) -> np.ndarray:
        return np.array([low is not None and low == high for low, high in self.program.bounds])

    @cached_property
    def _component(self) -> np.ndarray:
        """Which unknown counts hang together; -1 for the known."""
        matrix = abs(vstack([self._form["A_eq"], self._form["A_ub"]]).tocsr())[:, np.flatnonzero(~self._fixed)]
        component = np.full(len(self._fixed), -1)
        component[~self._fixed] = connected_components(matrix.T @ matrix, directed=False)[1]
        return component

    def _part(self, number: int) -> tuple[np.ndarray, dict[str, Any]]:
        """The unknowns of a component and the program over them alone."""
        if number not in self._parts:
            columns = np.flatnonzero(self._component == number)
            at = np.array(
                [low if is_fixed else 0.0 for (low, _), is_fixed in zip(self.program.bounds, self._fixed, strict=True)]
            )
            form: dict[str, Any] = {"bounds": [self.program.bounds[column] for column in columns]}
            for matrix, side in (("A_eq", "b_eq"), ("A_ub", "b_ub")):
                rows = self._form[matrix]
                mine = np.flatnonzero(abs(rows[:, columns]).sum(axis=1))
                if len(mine):
                    form[matrix] = rows[:, columns][mine]
                    form[side] = (np.array(self._form[side]) - rows @ at)[mine]
            self._parts[number] = columns, form
        return self._parts[number]

    @cached_property
    def _parts(self) -> dict[int, tuple[np.ndarray, dict[str, Any]]]:
        return {}


def _read(folder: Path, kinds: Mapping[str, str]) -> tuple[dict[Count, float], set[tuple[str, str, str]]]:
    """The counts of the folder's week, from all of its files, and the cells that are suppressed."""
    known: dict[Count, float] = {}
    rows = pq.read_table(folder / "kpis.parquet").to_pandas()
    hidden = set(rows.loc[rows["status"] == "suppressed", KEY].itertuples(index=False, name=None))
    told = counts(rows.assign(week=folder.name))
    known |= dict(zip(told["count"], told["number"].astype(float), strict=True))
    for (kpi, dimension, value, period), (n, x) in read(folder).known.items():
        if period == folder.name and kpi in kinds and n == n:
            known.setdefault(("n", kpi, dimension, value), n)
            if x is not None:
                known.setdefault(("value", kpi, dimension, value), x)
    return known, hidden
