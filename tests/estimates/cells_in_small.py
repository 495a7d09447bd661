"""Small tables of cells, as transforms/cells.py makes them, and the estimates' models run over them in memory."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from transforms import build, codes
from transforms.models import models
from transforms.warehouse import Warehouse

GOLDEN = Path(__file__).parents[1] / "golden"
Z = 1.959963984540054
HOUR = 3600
# One case of a cell: how long it took, and 'credited', 'ended' (without a refund) or 'open'.
Case = tuple[float, str]
Estimate = dict[str, Any]
OUTCOMES = {0: "open", 1: "credited", 2: "ended"}


def golden(name: str) -> dict[str, dict[str, Any]]:
    """The golden cases of a topic by their id."""
    content = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return {case["id"]: case for case in content["cases"]}


def _select(name: str) -> str:
    (model,) = (model for model in models("estimates") if model.name == name)
    return model.select


def _read(warehouse: Warehouse, name: str) -> list[Estimate]:
    codes.make_terms(warehouse)
    columns, rows = warehouse.table(_select(name))
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _name_cells(warehouse: Warehouse, number: int) -> None:
    """All of them of one slice and one week: an estimate does not look at where its cell belongs."""
    names = "cell, 1 as slice, 'week' as grain, date '2026-11-16' as period"
    warehouse.run(f"create table cells.names as select {names} from range({number}) as cells (cell)")


def ratios(kpi: str, counts: Sequence[tuple[int, int, int]]) -> list[Estimate]:
    """The estimates of cells of a KPI, each given as (numerator, sum of its squares, denominator), in their order."""
    with Warehouse(":memory:", memory="1GB", threads=1) as warehouse:
        build.set_sla(warehouse)
        build.set_kpis(warehouse, {})
        slices = "select 1 as slice, ? as kpi, 'value' as statistic, null::integer as base"
        warehouse.run(f"create table cells.slices as {slices}", [kpi])
        sums = "numerator bigint, numerator_squared bigint, denominator bigint, n bigint"
        warehouse.run(f"create table cells.counts (cell bigint, slice integer, {sums})")
        _name_cells(warehouse, len(counts))
        for cell, row in enumerate(counts):
            warehouse.run("insert into cells.counts values (?, 1, ?, ?, ?, ?)", [cell, *row, row[2]])
        found = {row["cell"]: row for row in _read(warehouse, "ratios")}
    return [found[cell] for cell in range(len(counts))]


def weighted(strata: Sequence[tuple[str, str, int, int, int, int]]) -> dict[str, Estimate]:
    """The weighted estimates of an NPS by statistic; a stratum: (area, name, population, promoters, passives, detractors)."""
    with Warehouse(":memory:", memory="1GB", threads=1) as warehouse:
        warehouse.run("create schema sums")
        numbers = "population bigint, numerator bigint, squares bigint, n bigint"
        warehouse.run(
            f"create table sums.strata (cell bigint, per integer, floor integer, area varchar, stratum varchar, {numbers})"
        )
        for area, name, population, p, i, d in strata:
            row = [area, name, population, p - d, p + d, p + i + d]
            warehouse.run("insert into sums.strata values (1, 100, -1, ?, ?, ?, ?, ?, ?)", row)
        return {row["statistic"]: row for row in _read(warehouse, "weighted")}


def durations(cells: Sequence[Iterable[Case]]) -> list[dict[str, Estimate]]:
    """For every cell of cases (hours, outcome): its estimates by statistic, in the cells' order."""
    with Warehouse(":memory:", memory="1GB", threads=1) as warehouse:
        columns = "credited integer, ended integer, open integer"
        warehouse.run(f"create table cells.durations (cell bigint, waited_seconds integer, {columns})")
        _name_cells(warehouse, len(cells))
        for cell, cases in enumerate(cells):
            counted = Counter((math.floor(hours * HOUR + 1e-6), outcome) for hours, outcome in cases)
            for seconds in {seconds for seconds, _ in counted}:
                row = [counted[seconds, outcome] for outcome in ("credited", "ended", "open")]
                warehouse.run("insert into cells.durations values (?, ?, ?, ?, ?)", [cell, seconds, *row])
        found: list[dict[str, Estimate]] = [{} for _ in cells]
        for row in _read(warehouse, "durations"):
            found[row["cell"]][row["statistic"]] = row
    return found


def cases_of(case: Mapping[str, Any]) -> list[tuple[float, int]]:
    """Times and codes (0 open, 1 credited, 2 ended) of a golden case."""
    inputs = case["inputs"]
    return list(zip(inputs["t"], inputs.get("event", inputs.get("status")), strict=True))


def scaled(cases: Iterable[tuple[float, int]], unit_in_hours: float = 1.0) -> list[Case]:
    """The cases with one unit of time as so many hours."""
    return [(t * unit_in_hours, OUTCOMES[code]) for t, code in cases]


def just_before_day_3(cases: Iterable[tuple[float, int]], t: float) -> list[Case]:
    """The cases scaled so that `credited_by_day_3` reads the curve at time `t`: whole t before it, t + 1 after."""
    return scaled(cases, 72 / (t + 0.5))


def spread_of(estimate: Estimate) -> float:
    """The standard error behind a share's log-log band: what the SQL took to make ci_high of its value."""
    stay = 1 - estimate["value"]
    factor = math.log(math.log(1 - estimate["ci_high"]) / math.log(stay))
    return factor * stay * abs(math.log(stay)) / Z
