"""An outsider with all weekly folders, the definitions and a linear program: what can he bound of what is hidden?

Shares no code with what he attacks: he reads the files and states what must hold among their numbers.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

Cell = tuple[str, str, str, str]  # kpi, dimension, value, period (2026-W40 or 2026-10)
Count = tuple[float, float | None]  # n and numerator
SCALE = {"points": 100.0, "per_1k": 1000.0, "share": 1.0}


@dataclass
class Seen:
    """What the files say: counts, cells marked suppressed, values that a later file compares with."""

    known: dict[Cell, Count] = field(default_factory=dict)
    hidden: set[Cell] = field(default_factory=set)
    priors: dict[Cell, float] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)


def read(folder: Path) -> Seen:
    """Everything one folder tells: JSON, Parquet, workbook and page."""
    import pyarrow.parquet as pq
    from openpyxl import load_workbook

    payload = json.loads((folder / "kpis.json").read_text(encoding="utf-8"))
    seen = Seen(units={entry["kpi"]: entry["unit"] for entry in payload["definitions"]})
    week = payload["week"]
    rows: list[dict[str, Any]] = [row | {"period": week} for row in pq.read_table(folder / "kpis.parquet").to_pylist()]
    book = load_workbook(folder / "kpis.xlsx", read_only=True)
    for tab in ("Segments", "Weekly", "Monthly"):
        head, *lines = book[tab].iter_rows(values_only=True)
        names = [str(name).replace(" ", "_") for name in head]
        rows += [dict(zip(names, line, strict=True)) for line in lines]
    for entry in payload["series"]:
        rows += [
            point | {"kpi": entry["kpi"], "dimension": "all", "dimension_value": "all", "prior_value": None}
            for point in entry["weeks"] + entry["months"]
        ]
    rows += [row | {"dimension": "all", "dimension_value": "all", "period": week} for row in payload["scorecard"]]
    for row in rows:
        _note(seen, row)
    page = (folder / "brief.html").read_text(encoding="utf-8")
    for line in page.split("<tr ")[1:]:
        found = re.search(r"<strong>(\w+)</strong>.*class=\"note n\">([\d,]+)<", line, re.DOTALL)
        if found:
            seen.known.setdefault((found[1], "all", "all", week), (float(found[2].replace(",", "")), None))
    seen.over = {row["period"] for row in rows if "-W" in row["period"]}
    return seen


def _note(seen: Seen, row: dict[str, Any]) -> None:
    cell = row["kpi"], row["dimension"], row["dimension_value"], row["period"]
    n, x, value = row.get("n"), row.get("numerator"), row.get("value")
    if row["status"] == "suppressed":
        seen.hidden.add(cell)
    scale = SCALE.get(seen.units[row["kpi"]])  # of a duration the value says nothing about counts
    if x is None and n and value is not None and scale:
        x = round(value * n / scale, 6)
    if n is not None and (cell not in seen.known or seen.known[cell][1] is None):
        seen.known[cell] = (float(n), None if x is None else float(x))
    elif value is not None and n is None:
        seen.known[cell] = (float("nan"), float(value))  # a value without its n is a leak by itself
    if row.get("prior_value") is not None and "-W" in row["period"]:
        seen.priors[(*cell[:3], _before(row["period"]))] = row["prior_value"]


def _before(week: str) -> str:
    year, number = week.split("-W")
    monday = date.fromisocalendar(int(year), int(number), 1) - timedelta(weeks=1)
    return f"{monday.isocalendar().year}-W{monday.isocalendar().week:02d}"


class Program:
    """Variables with bounds, and equations among them."""

    def __init__(self) -> None:
        self.places: dict[Any, int] = {}
        self.bounds: list[tuple[float, float | None]] = []
        self.rows: list[tuple[list[tuple[int, float]], float, bool]] = []  # terms, right side, is an equation

    def variable(self, name: Any, low: float, high: float | None) -> int:
        if name not in self.places:
            self.places[name] = len(self.bounds)
            self.bounds.append((low, high))
        return self.places[name]

    def equal(self, terms: Iterable[tuple[int, float]], to: float = 0.0) -> None:
        self.rows.append((list(terms), to, True))

    def at_most(self, terms: Iterable[tuple[int, float]], most: float = 0.0) -> None:
        self.rows.append((list(terms), most, False))

    def width(self, name: Any) -> float:
        """How far apart the smallest and the largest possible value of a variable are."""
        ends = []
        cost = np.zeros(len(self.bounds))
        for sign in (1.0, -1.0):
            cost[self.places[name]] = sign
            found = linprog(cost, **self._form(), method="highs")
            assert found.status in (0, 3), (name, found.message)  # solved, or without bound
            ends.append(float("inf") if found.status == 3 else sign * found.fun)
        return float("inf") if float("inf") in ends else ends[1] - ends[0]

    def _form(self) -> dict[str, Any]:
        form: dict[str, Any] = {"bounds": self.bounds}
        for is_equation, matrix, side in ((True, "A_eq", "b_eq"), (False, "A_ub", "b_ub")):
            rows = [(terms, to) for terms, to, kind in self.rows if kind == is_equation]
            if rows:
                data = [(n, place, value) for n, (terms, _) in enumerate(rows) for place, value in terms]
                i, j, v = zip(*data, strict=True)
                form[matrix] = coo_array((v, (i, j)), shape=(len(rows), len(self.bounds))).tocsr()
                form[side] = [to for _, to in rows]
        return form


def widths_of_week(seen: Seen, week: str, kinds: dict[str, str]) -> Iterator[tuple[Cell, float, float]]:
    """Each hidden cell of a week's slices, and how exactly he knows its cases and what is counted of them."""
    program = Program()
    tables: dict[tuple[str, str], list[str]] = defaultdict(list)
    mine = sorted(cell for cell in {*seen.known, *seen.hidden} if cell[3] == week)
    for cell in mine:
        kpi, dimension, value, _ = cell
        tables[kpi, dimension].append(value)
        _variables(program, seen, cell, kinds[kpi])
    for (kpi, dimension), values in tables.items():
        if dimension == "all":
            continue
        if "×" not in dimension:
            _total(program, kpi, ("all", "all"), [(dimension, value) for value in values], week)
            continue
        for side, name in enumerate(dimension.split(" × ")):
            for own in tables[kpi, name]:
                parts = [(dimension, value) for value in values if value.split(" × ")[side] == own]
                if parts:
                    _total(program, kpi, (name, own), parts, week)
    _same_cases(program, mine, tables)
    _nested(program, seen, tables, week)
    facts = {kpi for kpi, kind in kinds.items() if _is_group_fact(seen, kpi, week, kind)}
    whole = {cell[0] for cell in seen.hidden if cell[1] == "all" and cell[3] == week}
    for cell in sorted(seen.hidden & set(mine)):
        if cell[0] in whole and cell[1] != "all":
            continue  # nothing at all is published of that KPI's week
        counted = float("inf") if cell[0] in facts else program.width(("x", cell))
        yield cell, program.width(("n", cell)), counted


def _variables(program: Program, seen: Seen, cell: Cell, kind: str) -> None:
    n, x = seen.known.get(cell, (None, None))
    cases = program.variable(("n", cell), 1 if n is None else n, n)
    counted = program.variable(("x", cell), (None if kind == "net_share" else 0) if x is None else x, x)  # type: ignore[arg-type]
    if kind != "rate":
        program.at_most([(counted, 1), (cases, -1)])
    if kind == "net_share":
        program.at_most([(counted, -1), (cases, -1)])


def _total(program: Program, kpi: str, whole: tuple[str, str], parts: list[tuple[str, str]], week: str) -> None:
    for what in ("n", "x"):
        places = [program.places[what, (kpi, *part, week)] for part in parts]
        program.equal([(program.places[what, (kpi, *whole, week)], 1), *((place, -1) for place in places)])


def _same_cases(program: Program, mine: list[Cell], tables: dict[tuple[str, str], list[str]]) -> None:
    """The definitions say that two KPIs are about the same returns."""
    for cell in mine:
        if cell[0] == "returns_asked" and cell[2] in tables.get(("returns_kept", cell[1]), []):
            other = ("returns_kept", *cell[1:])
            program.equal([(program.places["n", cell], 1), (program.places["n", other], -1)])


def _nested(program: Program, seen: Seen, tables: dict[tuple[str, str], list[str]], week: str) -> None:
    """A carrier that is unknown and a resolution that is unknown are the same returns."""
    for kpi, dimension in list(tables):
        name = "carrier × resolution"
        if "carrier" not in dimension or "×" not in dimension or dimension == name:
            continue
        other = dimension.replace("carrier", "resolution")
        for value in tables[kpi, dimension]:
            if "unknown" in value.split(" × ") and value in tables.get((kpi, other), []):
                for what in ("n", "x"):
                    one, two = (program.places[what, (kpi, d, value, week)] for d in (dimension, other))
                    program.equal([(one, 1), (two, -1)])


def _is_group_fact(seen: Seen, kpi: str, week: str, kind: str) -> bool:
    n, x = seen.known.get((kpi, "all", "all", week), (None, None))
    return kind == "share" and x in (0, n)


def widths_of_series(seen: Seen, kpi: str) -> Iterator[tuple[str, float]]:
    """Each hidden week and month of a KPI's total, and how exactly he knows its cases from the others."""
    program = Program()
    periods = sorted({cell[3] for cell in {*seen.known, *seen.hidden} if cell[:2] == (kpi, "all")})
    months: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for period in periods:
        n, _ = seen.known.get((kpi, "all", "all", period), (None, None))
        place = program.variable(period, 1 if n is None else n, n)
        if "-W" in period:
            year, number = period.split("-W")
            monday = date.fromisocalendar(int(year), int(number), 1)
            touched = sorted({f"{monday + timedelta(days=d):%Y-%m}" for d in range(7)})
            parts = [(program.variable((period, month), 0, None), 1.0) for month in touched]
            program.equal([(place, -1.0), *parts])
            for month, part in zip(touched, parts, strict=True):
                months[month].append(part)
    weeks = [period for period in periods if "-W" in period]
    for month, parts in months.items():
        # Only a month of which he has every week: of the first he lacks some, of the last some are not over.
        if month in program.places and month > weeks_month(weeks[0]) and month in seen.over:
            program.equal([(program.places[month], -1.0), *parts])
    for period in periods:
        if (kpi, "all", "all", period) in seen.hidden and period not in seen.known:
            yield period, program.width(period)


def weeks_month(week: str) -> str:
    year, number = week.split("-W")
    return f"{date.fromisocalendar(int(year), int(number), 1):%Y-%m}"
