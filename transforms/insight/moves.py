"""Why a KPI moved in a week: its causes against the weeks before, for the weekly file.

A KPI comes as sums by week and dimensions of numerator and denominator. A restricted mean is a ratio too: the numerator
is Σ min(hours, 720), where a case that ended without a refund counts 720, and the denominator the cases. So is the
share within an agreed time.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from transforms.insight.causes import TOP, explain
from transforms.insight.expected import LEAST_BASELINE, PRIOR_CASES, expected_tables
from transforms.insight.lattice import UNKNOWN
from transforms.insight.places import Look, Told, is_displaced, is_still_out, stands_out

SIGNIFICANCE = 0.002  # over the searches of a KPI: many KPIs are looked at each week
LEAST_CASES = 30  # fewer are shown in grey and are never what moved
# Weeks that are looked at together, and the part of the level that each look has: most for what lasts.
LOOKS = ((1, 0.2), (2, 0.3), (3, 0.5))
EARLY_LOOKS = ((1, 0.4), (2, 0.6))
TINY = 1e-12


def explain_move(
    kpi: str,
    sums: pd.DataFrame,
    dimensions: Sequence[str],
    week: Hashable,
    stages: pd.DataFrame | None = None,
    top: int = TOP,
    significance: float = SIGNIFICANCE,
    above: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Ranked causes as in kpis.json: kpi, rank, where, part, stage, contribution, ci_low, ci_high, ruled_out.

    `sums` has the columns week, the dimensions, numerator and denominator: the tested week and its baseline weeks, all
    of them mature. `stages`, for a duration, has the column stage too: per stage the Σ hours and the number of all
    cases of the week, so that the stages' means add up to the whole's. With it a cause says which stage it is
    (part 'stage'). `above`: dimensions that only what is counted has, such as a contact's reason: rows of the denominator
    have none, and a cause may name one. significance: of all searches of the KPI. Contributions are in the ratio's unit.
    `where` is {} where everything moved. Empty when nothing explains the move beyond noise.
    Raises BaselineError without the tested week or with fewer than four weeks before it.
    """
    told = _search(sums, dimensions, week, stages, top, significance, Look(is_of_whole=True, above=tuple(above)))
    return [_cause(kpi, rank, one) for rank, one in enumerate(told[:top], start=1)]


def explain_alone(
    kpi: str,
    sums: pd.DataFrame,
    dimensions: Sequence[str],
    week: pd.Timestamp,
    stages: pd.DataFrame | None = None,
    top: int = TOP,
    significance: float = SIGNIFICANCE,
    above: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Groups that moved alone, for a KPI that did not move as a whole; as `explain_move`, and `weeks`.

    Looks at the last one, two and three weeks together, which share the level: of a group of few cases one week says too
    little. The clearest look is told; `weeks` says how many weeks it took. What is over by the last week is not news. A
    changed mix is not looked for: groups grow and shrink.
    """
    look = Look(with_mix=False, above=tuple(above))
    return _clearest_look(kpi, sums, dimensions, week, stages, top, significance, look, LOOKS)


def explain_early(
    kpi: str,
    stages: pd.DataFrame,
    dimensions: Sequence[str],
    week: pd.Timestamp,
    top: int = TOP,
    significance: float = SIGNIFICANCE,
) -> list[dict[str, Any]]:
    """Groups in which a stage moved, in cases that are not settled; as `explain_alone`, of the stages alone.

    `stages` has the hours of a stage within the first so many days of each case, over all cases. What waits longer in one
    stage has less of these days left for the next ones: what that alone can have done is no cause. Looks at the last week
    and the last two: what began before that, older cases tell.
    """
    look = Look(with_mix=False, is_early=True)
    return _clearest_look(kpi, stages, dimensions, week, stages, top, significance, look, EARLY_LOOKS)


def _clearest_look(
    kpi: str,
    sums: pd.DataFrame,
    dimensions: Sequence[str],
    week: pd.Timestamp,
    stages: pd.DataFrame | None,
    top: int,
    significance: float,
    as_told: Look,
    lengths: Sequence[tuple[int, float]],
) -> list[dict[str, Any]]:
    """The causes of the clearest of several looks, each at its part of the level."""
    looks = []
    for weeks, part in lengths:
        if weeks > 1 and sums.loc[sums["week"] <= week - pd.Timedelta(weeks=weeks), "week"].nunique() < LEAST_BASELINE:
            continue  # a young history: too few weeks are left to compare so many with
        look = replace(as_told, weeks=weeks)
        parts = None if stages is None else _together(stages, week, weeks)
        told = _search(_together(sums, week, weeks), dimensions, week, parts, top, significance * part, look)
        told = [one for one in told if stands_out(one, sums, stages, week, look)]
        told = [one for one in told if weeks == 1 or is_still_out(one, sums, stages, week, look)]
        told = [one for one in told if not look.is_early or not is_displaced(one, sums, week, look)]
        looks += [(one_of.cause.z, weeks, told) for one_of in told[:1]]
    if not looks:
        return []
    _, weeks, told = max(looks, key=lambda look: look[0])
    return [_cause(kpi, rank, one) | {"weeks": weeks} for rank, one in enumerate(told[:top], start=1)]


def surer(of_week: list[dict[str, Any]], alone: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The causes to tell of a KPI that moved: those of its week, unless a group that moved alone is another and clearer.

    One week by itself can hide the place of a move of two or three, and show a chance instead.
    """
    if not alone or (of_week and of_week[0]["where"] == alone[0]["where"]):
        return of_week
    return alone if not of_week or clearness(alone[0]) > clearness(of_week[0]) else of_week


def clearness(cause: dict[str, Any]) -> float:
    """How far a cause is beyond noise: its contribution over the width of its interval."""
    return float(abs(cause["contribution"]) / max(cause["ci_high"] - cause["ci_low"], TINY))


def _together(sums: pd.DataFrame, week: pd.Timestamp, weeks: int) -> pd.DataFrame:
    """The last weeks as one, the tested one."""
    is_last = (sums["week"] <= week) & (sums["week"] > week - pd.Timedelta(weeks=weeks))
    return sums.assign(week=sums["week"].mask(is_last, week))


def _search(
    sums: pd.DataFrame,
    dimensions: Sequence[str],
    week: Hashable,
    stages: pd.DataFrame | None,
    top: int,
    significance: float,
    look: Look,
) -> list[Told]:
    """The causes in the stages, else in the whole; the largest first."""
    parts = [(str(stage), rows) for stage, rows in stages.groupby("stage", sort=True)] if stages is not None else []
    told = []
    for stage, rows in parts:
        if not (rows["week"] == week).any() or rows["week"].nunique() <= LEAST_BASELINE:
            continue  # a stage that hardly any case comes to
        table = expected_tables(rows, dimensions, week, look.weeks)[0]
        found = _causes(table, dimensions, top, "stage", significance / len(parts), look, stage)
        told += [replace(one, cause=replace(one.cause, where=_shortest(one.cause.where, rows))) for one in found]
    if not told and not look.is_early:
        changes = ["rate", "mix"] if look.with_mix else ["rate"]
        significance /= len(changes)
        if look.above:
            changes.remove("rate")
            told += _by_what_is_counted(sums, dimensions, week, top, significance, look)
        if changes:
            tables = dict(zip(("rate", "mix"), expected_tables(sums, dimensions, week, look.weeks), strict=True))
            for change in changes:
                told += _causes(tables[change], dimensions, top, change, significance, look)
    return sorted(told, key=lambda one: -abs(one.cause.contribution))


def _by_what_is_counted(
    sums: pd.DataFrame, dimensions: Sequence[str], week: Hashable, top: int, significance: float, look: Look
) -> list[Told]:
    """The causes among groups and what is counted in them, by one of its dimensions: the one that tells the clearest.

    One that has a part in no cause says as much as the others do without it, so it comes last.
    """
    found = []
    for name in look.above:
        table = expected_tables(_split(sums, dimensions, name, week), [*dimensions, name], week, look.weeks)[0]
        told = _causes(table, [*dimensions, name], top, "rate", significance / len(look.above), look)
        found += [(any(name in one.cause.where for one in told), told[0].cause.z, told)] if told else []
    return max(found, key=lambda one: one[:2])[2] if found else []


def _split(sums: pd.DataFrame, dimensions: Sequence[str], name: str, week: Hashable) -> pd.DataFrame:
    """Sums by week, dimensions and one that only numerators have: each of its values has a part of the denominators.

    The part is the value's share of all numerators in the weeks before. So every value has the ratio of the whole, all
    add up to it, and what rose by the same factor everywhere moved alike.
    """
    by = ["week", *dimensions]
    is_counted = sums["numerator"] != 0
    counted = sums[is_counted].groupby([*by, name], dropna=False, observed=True)["numerator"].sum().reset_index()
    usual = counted[counted["week"] != week].groupby(name, dropna=False)["numerator"].sum()
    values = (usual.reindex(counted[name].unique()).fillna(0.0) + PRIOR_CASES).rename("part")
    parts = (values / values.sum()).rename_axis(name).reset_index()
    base = sums.groupby(by, dropna=False, observed=True)["denominator"].sum().reset_index()
    every = base[base["denominator"] != 0].merge(parts, how="cross")
    every["denominator"] *= every.pop("part")
    return pd.concat([every.assign(numerator=0.0), counted.assign(denominator=0.0)], ignore_index=True)


def _shortest(where: dict[str, str], rows: pd.DataFrame) -> dict[str, str]:
    """The slice without what it need not say: what has no such stage at all need not be left out of it.

    Nothing is inspected that was not sent back: 'market VN and resolution refund' is market VN.
    """
    counted = rows[rows["numerator"] != 0]
    for dimension in list(where):
        others = {name: value for name, value in where.items() if name != dimension}
        inside = [counted[name].fillna(UNKNOWN) == value for name, value in others.items()]
        among = counted[np.logical_and.reduce(inside)] if inside else counted
        if (among[dimension].fillna(UNKNOWN) == where[dimension]).all():
            where = others
    return where


def _cause(kpi: str, rank: int, one: Told) -> dict[str, Any]:
    return {
        "kpi": kpi,
        "rank": rank,
        "where": one.cause.where,
        "part": one.part,
        "stage": one.stage,
        "contribution": one.cause.contribution,
        "ci_low": one.cause.ci_low,
        "ci_high": one.cause.ci_high,
        "ruled_out": one.ruled_out,
    }


def _causes(
    table: pd.DataFrame,
    dimensions: Sequence[str],
    top: int,
    part: str,
    significance: float,
    look: Look,
    stage: str | None = None,
) -> list[Told]:
    """The causes of one part of the move. A stage can have moved everywhere ({}), and so can a KPI that moved as a whole."""
    move = explain(table, dimensions, top, significance, LEAST_CASES, table.attrs.get("event"))
    can_be_all = stage is not None or (look.is_of_whole and part == "rate")
    whole = [move.everywhere] if move.everywhere and can_be_all else []
    return [Told(cause, part, stage, move.ruled_out) for cause in whole or move.causes]
