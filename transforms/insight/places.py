"""What the place of a cause did from week to week: whether it is still out, by enough, and of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from transforms.insight.causes import Cause
from transforms.insight.expected import SIDES
from transforms.insight.lattice import UNKNOWN
from transforms.stages import STAGES

DISPLACED = 0.8  # of a stage's move: what the stages before it moved the other way
BY_OWN = 3.5  # standard errors by what a place strays by from week to week
STILL_OUT = 0.5  # of a move over some weeks: how far the last of them has to be out by itself


@dataclass(frozen=True)
class Told:
    """A cause, the part of the move that it is of, the stage if it is one, and what did not make the move."""

    cause: Cause
    part: str  # 'rate', 'mix', 'stage'
    stage: str | None
    ruled_out: list[str]


@dataclass(frozen=True)
class Look:
    """How many weeks the tested one stands for, what is looked into beside stages, and what only numerators have."""

    weeks: int = 1
    with_mix: bool = True
    is_early: bool = False  # of cases that are not settled: stages alone
    is_of_whole: bool = False  # the KPI moved as a whole: then everything can have
    above: tuple[str, ...] = ()


def is_still_out(one: Told, sums: pd.DataFrame, stages: pd.DataFrame | None, week: pd.Timestamp, look: Look) -> bool:
    """Whether the last week by itself is out at least half as far as the weeks together, on the same side."""
    usual, moved, now = _levels(one, _rows_of(one, sums, stages), week, look)
    return bool((now - usual) * np.sign(moved - usual) >= STILL_OUT * abs(moved - usual))


def stands_out(one: Told, sums: pd.DataFrame, stages: pd.DataFrame | None, week: pd.Timestamp, look: Look) -> bool:
    """Whether hours moved by enough of what they stray by from week to week in its place; counts say so by themselves.

    The search takes its noise from all places: in a small one, where they are long, a few cases are more than that.
    """
    place = _inside(one, _rows_of(one, sums, stages), look)
    is_tested = week - place["week"] < pd.Timedelta(weeks=look.weeks)
    now, before = place.loc[is_tested, list(SIDES)].sum(), place[~is_tested].groupby("week")[list(SIDES)].sum()
    cases, is_count = before["denominator"].sum(), bool((place["numerator"] % 1 == 0).all())
    if is_count or not cases > 0 or not now["denominator"] > 0:
        return is_count
    usual = before["numerator"].sum() / cases
    strayed = ((before["numerator"] - usual * before["denominator"]) ** 2).sum()
    per_case = strayed / cases * len(before) / max(len(before) - 1, 1)
    moved = abs(now["numerator"] / now["denominator"] - usual)
    return bool(moved >= BY_OWN * np.sqrt(per_case * (1 / now["denominator"] + 1 / cases)))


def is_displaced(one: Told, stages: pd.DataFrame, week: pd.Timestamp, look: Look) -> bool:
    """Whether the stages before it moved the other way there, and by as much."""
    before = STAGES[: STAGES.index(str(one.stage))]
    levels = {stage: _levels(one, stages[stages["stage"] == stage], week, look) for stage in (*before, one.stage)}
    moves = {stage: float(moved - usual) for stage, (usual, moved, _) in levels.items() if moved == moved}
    own = moves.pop(one.stage, 0.0)
    return bool(sum(moves.values()) * np.sign(own) <= -DISPLACED * abs(own))


def _rows_of(one: Told, sums: pd.DataFrame, stages: pd.DataFrame | None) -> pd.DataFrame:
    return sums if stages is None or one.stage is None else stages[stages["stage"] == one.stage]


def _levels(one: Told, rows: pd.DataFrame, week: pd.Timestamp, look: Look) -> tuple[float, float, float]:
    """What the place of a cause had in the weeks before, in those together, and in the last of them; NaN without cases."""
    weeks, rows = look.weeks, _inside(one, rows, look)
    age = (week - rows["week"]).dt.days // 7
    parts = [rows.loc[chosen, list(SIDES)].sum() for chosen in (age >= weeks, age.between(0, weeks - 1), age == 0)]
    usual, moved, now = (
        float(part["numerator"] / part["denominator"]) if part["denominator"] > 0 else float("nan") for part in parts
    )
    return usual, moved, now


def _inside(one: Told, rows: pd.DataFrame, look: Look) -> pd.DataFrame:
    """The rows in the place of a cause: those of its cases, of which only what it names is counted."""
    counted = pd.Series(1.0, rows.index)
    for dimension, value in one.cause.where.items():
        is_inside = rows[dimension].fillna(UNKNOWN) == value
        if dimension in look.above:
            counted = counted.where(is_inside, 0.0)
        else:
            rows, counted = rows[is_inside], counted[is_inside]
    return rows.assign(numerator=rows["numerator"] * counted)
