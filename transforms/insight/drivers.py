"""Which friction costs how many NPS points: exposed answers against unexposed ones of the same market and touchpoint."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transforms.insight.importance import lmg
from transforms.insight.stratified import NetDifference, net_difference

FOLDER = Path(__file__).parent
CLASSES = ["promoters", "passives", "detractors"]
FEWEST = 10  # answers on each side, below which no figure is given
ASSOCIATION = (
    "An association, not proof: customers who met with it may differ in more than market and touchpoint, "
    "and it may have happened after the answer."
)
OVERLAP = "One answer can meet with several: the points of all drivers do not add up."


@dataclass(frozen=True)
class Driver:
    """A friction and what it costs. Points of NPS; None: too few answers to tell.

    difference: by how much exposed answers score lower (negative) or higher than unexposed ones, strata weighed as
    Mantel and Haenszel do; points: what the NPS of all answers would gain if the exposed had scored like the others.
    """

    id: str
    label: str
    exposed: int
    unexposed: int
    share: float  # of all answers
    explained: float  # its part of R² of the score on all exposures together; these do add up
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    points: float | None = None
    points_low: float | None = None
    points_high: float | None = None
    points_standardised: float | None = None  # the same by the g-formula: as a check
    caveats: tuple[str, ...] = ()


def exposures() -> tuple[str, list[dict[str, Any]]]:
    """The KPI whose answers are explained, and what may explain them, from drivers.toml."""
    declared = tomllib.loads((FOLDER / "drivers.toml").read_text(encoding="utf-8"))
    return declared["outcome"], declared["exposure"]


def question() -> tuple[str, str, str]:
    """SQL over the published marts, and its first two parameters; the other two are the first and last day of answers."""
    outcome, told = exposures()
    return (FOLDER / "reads" / "drivers.sql").read_text(encoding="utf-8"), json.dumps(told), outcome


def weigh(counts: pd.DataFrame) -> list[Driver]:
    """Drivers, the costliest first, those without a figure last.

    counts: rows of reads/drivers.sql: stratum, met_with and at_risk_of (lists of exposure ids), promoters, passives,
    detractors.
    """
    labels = {one["id"]: one["label"] for one in exposures()[1]}
    rows = counts.reset_index(drop=True)
    everybody = int(rows[CLASSES].to_numpy().sum())
    if not everybody:
        return []
    met = rows["met_with"].explode().dropna()
    explained = _explained(met, rows)
    sides = rows.assign(exposure=rows["at_risk_of"]).explode("exposure").dropna(subset="exposure")
    pairs = pd.MultiIndex.from_arrays([sides.index, sides["exposure"]])
    sides["exposed"] = pairs.isin(pd.MultiIndex.from_arrays([met.index, met]))
    found = [
        _driver(labels, str(id), side, everybody, float(explained.get(id, 0.0)))
        for id, side in sides.groupby("exposure")
    ]
    return sorted(found, key=lambda d: (d.points is None, -(d.points or 0.0), d.id))


def _explained(met: pd.Series, rows: pd.DataFrame) -> pd.Series:
    """R² of the score on all exposures, divided among them (LMG); empty when nothing varies. Not at risk is not met.

    met: ids of exposures, indexed by the row of `rows` that met with them.
    """
    table = pd.crosstab(met.index, met).reindex(rows.index, fill_value=0)
    flags = np.repeat(table.to_numpy(float), len(CLASSES), axis=0)
    scores = np.tile([1.0, 0.0, -1.0], len(rows))
    times = rows[CLASSES].to_numpy(int).reshape(-1)
    if times.sum() < 2:
        return pd.Series(dtype=float)
    spread = np.atleast_2d(np.cov(np.column_stack([flags, scores]).T, fweights=times))
    varies = np.diag(spread) > 0
    if not varies[-1] or varies.sum() < 2:
        return pd.Series(dtype=float)
    deviation = np.sqrt(np.diag(spread)[varies])
    correlation = spread[np.ix_(varies, varies)] / np.outer(deviation, deviation)
    return pd.Series(lmg(correlation[:-1, :-1], correlation[:-1, -1]), index=table.columns[varies[:-1]])


def _driver(labels: Mapping[str, str], id: str, rows: pd.DataFrame, everybody: int, explained: float) -> Driver:
    by_side = rows.pivot_table(index="stratum", columns="exposed", values=CLASSES, aggfunc="sum", fill_value=0)
    with_it, without = _side(by_side, True), _side(by_side, False)
    exposed, unexposed = int(with_it.sum()), int(without.sum())
    driver = Driver(id, labels[id], exposed, unexposed, exposed / everybody, explained=explained)
    found = net_difference(with_it, without) if min(exposed, unexposed) >= FEWEST else None
    if found is None or min(found.exposed, found.unexposed) < FEWEST:
        return replace(driver, caveats=(f"Fewer than {FEWEST} comparable answers on one side: no figure.",))
    scale = -found.exposed / everybody
    return replace(
        driver,
        difference=found.common,
        difference_low=found.low,
        difference_high=found.high,
        points=scale * found.common,
        points_low=scale * found.high,
        points_high=scale * found.low,
        points_standardised=scale * found.standardised,
        caveats=_caveats(found),
    )


def _side(by_side: pd.DataFrame, exposed: bool) -> np.ndarray:
    """strata × classes of one side; zeros when nobody is on it."""
    columns = pd.MultiIndex.from_product([CLASSES, [exposed]])
    return by_side.reindex(columns=columns, fill_value=0).to_numpy(float)


def _caveats(found: NetDifference) -> tuple[str, ...]:
    said = [ASSOCIATION, OVERLAP]
    if found.exposed < found.exposed_all:
        part = "Most" if found.exposed < found.exposed_all / 2 else "Some"  # a count could be of very few
        said.append(f"{part} answers with it have none to be compared with and are left out.")
    if abs(found.common - found.standardised) > found.se:
        said.append("The difference is not the same everywhere: strata weighed by their exposed answers say another.")
    if found.low < 0 < found.high:
        said.append("The interval holds 0: it may cost nothing.")
    return tuple(said)
