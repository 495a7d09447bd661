"""Why a KPI moved in a week: its causes against the weeks before, for the weekly file.

A KPI comes as sums by week and dimensions of numerator and denominator. A restricted mean is a ratio too: the numerator
is Σ min(hours, 720), where a case that ended without a refund counts 720, and the denominator the cases. So is the
share within an agreed time.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transforms.insight.causes import TOP, Cause, explain
from transforms.insight.decompose import Floats
from transforms.insight.lattice import UNKNOWN, coded, numbered

LEAST_BASELINE = 4
SIGNIFICANCE = 0.002  # over the searches of a KPI: many KPIs are looked at each week
PRIOR_CASES = 1.0
PRIOR_OF_VALUE = 5.0  # cases
LEAST_CASES = 30  # fewer are shown in grey and are never what moved
# Weeks that are looked at together, and the part of the level that each look has: most for what lasts.
LOOKS = ((1, 0.2), (2, 0.3), (3, 0.5))
STILL_OUT = 0.5  # of a move over some weeks: how far the last of them has to be out by itself


class BaselineError(ValueError):
    """Weeks that cannot be compared: the tested one is missing, or there are too few before it."""


def explain_move(
    kpi: str,
    sums: pd.DataFrame,
    dimensions: Sequence[str],
    week: Hashable,
    stages: pd.DataFrame | None = None,
    top: int = TOP,
    significance: float = SIGNIFICANCE,
) -> list[dict[str, Any]]:
    """Ranked causes as in kpis.json: kpi, rank, where, part, stage, contribution, ci_low, ci_high, ruled_out.

    `sums` has the columns week, the dimensions, numerator and denominator: the tested week and its baseline weeks, all
    of them mature. `stages`, for a duration, has the column stage too: per stage the Σ hours and the number of all
    cases of the week, so that the stages' means add up to the whole's. With it a cause says which stage it is
    (part 'stage'). significance: shared by all searches of the KPI, such as those of its stages. Contributions are in
    the unit of the ratio. Empty when nothing explains the move beyond noise.
    Raises BaselineError without the tested week or with fewer than four weeks before it.
    """
    told = _search(sums, dimensions, week, stages, top, significance, _Look())
    return [_cause(kpi, rank, one) for rank, one in enumerate(told[:top], start=1)]


def explain_alone(
    kpi: str,
    sums: pd.DataFrame,
    dimensions: Sequence[str],
    week: pd.Timestamp,
    stages: pd.DataFrame | None = None,
    top: int = TOP,
    significance: float = SIGNIFICANCE,
) -> list[dict[str, Any]]:
    """Groups that moved alone, for a KPI that did not move as a whole; as `explain_move`, and `weeks`.

    Looks at the last one, two and three weeks together, which share the level: of a group of few cases one week says too
    little. The clearest look is told; `weeks` says how many weeks it took. What is over by the last week is not news. A
    changed mix is not looked for: groups grow and shrink.
    """
    looks = []
    for weeks, part in LOOKS:
        if weeks > 1 and sums.loc[sums["week"] <= week - pd.Timedelta(weeks=weeks), "week"].nunique() < LEAST_BASELINE:
            continue  # a young history: too few weeks are left to compare so many with
        look = _Look(weeks, with_mix=False)
        parts = None if stages is None else _together(stages, week, weeks)
        told = _search(_together(sums, week, weeks), dimensions, week, parts, top, significance * part, look)
        told = [one for one in told if weeks == 1 or _is_still_out(one, sums, stages, week, weeks)]
        looks += [(one_of.cause.z, weeks, told) for one_of in told[:1]]
    if not looks:
        return []
    _, weeks, told = max(looks, key=lambda look: look[0])
    return [_cause(kpi, rank, one) | {"weeks": weeks} for rank, one in enumerate(told[:top], start=1)]


@dataclass(frozen=True)
class _Look:
    """How many weeks the tested one stands for, and whether a changed mix is looked for as well."""

    weeks: int = 1
    with_mix: bool = True


def _together(sums: pd.DataFrame, week: pd.Timestamp, weeks: int) -> pd.DataFrame:
    """The last weeks as one, the tested one."""
    is_last = (sums["week"] <= week) & (sums["week"] > week - pd.Timedelta(weeks=weeks))
    return sums.assign(week=sums["week"].mask(is_last, week))


def _is_still_out(one: _Told, sums: pd.DataFrame, stages: pd.DataFrame | None, week: pd.Timestamp, weeks: int) -> bool:
    """Whether the last week by itself is out at least half as far as the weeks together, on the same side."""
    rows = sums if stages is None or one.stage is None else stages[stages["stage"] == one.stage]
    for dimension, value in one.cause.where.items():
        rows = rows[rows[dimension].fillna(UNKNOWN) == value]
    age = (week - rows["week"]).dt.days // 7
    before, together, last = (
        rows.loc[chosen, list(_SIDES)].sum() for chosen in (age >= weeks, age.between(0, weeks - 1), age == 0)
    )
    if not min(before["denominator"], last["denominator"]) > 0:
        return False
    usual, moved, now = (part["numerator"] / part["denominator"] for part in (before, together, last))
    return bool((now - usual) * np.sign(moved - usual) >= STILL_OUT * abs(moved - usual))


def _search(
    sums: pd.DataFrame,
    dimensions: Sequence[str],
    week: Hashable,
    stages: pd.DataFrame | None,
    top: int,
    significance: float,
    look: _Look,
) -> list[_Told]:
    """The causes in the stages, else in the whole; the largest first."""
    parts = [(str(stage), rows) for stage, rows in stages.groupby("stage", sort=True)] if stages is not None else []
    told = []
    for stage, rows in parts:
        if not (rows["week"] == week).any() or rows["week"].nunique() <= LEAST_BASELINE:
            continue  # a stage that hardly any case comes to
        table = expected_tables(rows, dimensions, week, look.weeks)[0]
        found = _causes(table, dimensions, top, "stage", significance / len(parts), stage)
        told += [replace(one, cause=replace(one.cause, where=_shortest(one.cause.where, rows))) for one in found]
    if not told:
        tables = expected_tables(sums, dimensions, week, look.weeks)[: 2 if look.with_mix else 1]
        for part, table in zip(("rate", "mix"), tables, strict=False):
            told += _causes(table, dimensions, top, part, significance / len(tables), None)
    return sorted(told, key=lambda one: -abs(one.cause.contribution))


def _shortest(where: dict[str, str], rows: pd.DataFrame) -> dict[str, str]:
    """The slice without what it need not say: what has no such stage at all need not be left out of it.

    Nothing is inspected that was not sent back: 'market VN and resolution refund' is market VN.
    """
    counted = rows[rows["numerator"] != 0]
    for dimension in list(where):
        others = {name: value for name, value in where.items() if name != dimension}
        inside = [counted[name].fillna(UNKNOWN) == value for name, value in others.items()]
        if inside and (counted[np.logical_and.reduce(inside)][dimension].fillna(UNKNOWN) == where[dimension]).all():
            where = others
    return where


def _cause(kpi: str, rank: int, one: _Told) -> dict[str, Any]:
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


@dataclass(frozen=True)
class _Told:
    cause: Cause
    part: str
    stage: str | None
    ruled_out: list[str]


def _causes(
    table: pd.DataFrame, dimensions: Sequence[str], top: int, part: str, significance: float, stage: str | None
) -> list[_Told]:
    """The causes of one part of the move."""
    move = explain(table, dimensions, top, significance, LEAST_CASES, table.attrs.get("event"))
    return [_Told(cause, part, stage, move.ruled_out) for cause in move.causes]


def expected_tables(
    sums: pd.DataFrame, dimensions: Sequence[str], week: Hashable, together: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two tables for `find_causes`: what changed rates did, and what a changed mix did; their moves add up.

    In between lies the tested week's volume at the rates of the weeks before. Each table brings the noise that its
    numbers had among those weeks: numerators around the rate of their leaf, volumes around their share of the week.
    together: how many weeks the tested one stands for. attrs["event"] of the first: the size of one event, for `explain`.
    """
    codes, labels = coded(sums, dimensions)
    example, leaf = numbered(codes, [len(values) for values in labels])
    leaves = codes[example]
    weekly = sums[["week", *_SIDES]].assign(leaf=leaf).groupby(["leaf", "week"], as_index=False)
    counted = weekly[list(_SIDES)].sum()
    is_tested = counted["week"] == week
    baseline = counted[~is_tested]
    weeks = baseline["week"].nunique()
    if not is_tested.any():
        raise BaselineError(f"week {week} has no rows; it has {weeks} others: give a week that is in the sums")
    if weeks < LEAST_BASELINE:
        raise BaselineError(f"{weeks} weeks to compare {week} with; expected at least {LEAST_BASELINE}")
    n1, d1 = _of_leaves(counted[is_tested], len(leaves))
    n0, d0 = _of_leaves(baseline.groupby("leaf", as_index=False)[list(_SIDES)].sum(), len(leaves)) / weeks
    whole = n0.sum() / d0.sum() if d0.sum() else 0.0
    rate = (n0 * weeks + PRIOR_CASES * _usual(leaves, n0 * weeks, d0 * weeks)) / (d0 * weeks + PRIOR_CASES)
    usual = d0 * d1.sum() / d0.sum() if d0.sum() else d0
    per_case, per_volume, event = _spreads(baseline, rate, d0 / max(d0.sum(), 1e-12), weeks)
    once_more = 1 + together / weeks  # the expectation is a mean of noisy weeks itself
    # Cases that happened not to come are noise as well: a leaf is as uncertain as the larger side of it.
    named = pd.DataFrame(
        {
            dimension: pd.Categorical.from_codes(own, pd.Index(values))
            for dimension, own, values in zip(dimensions, leaves.T, labels, strict=True)
        }
    )
    changed_rate = named.assign(
        actual_numerator=n1,
        actual_denominator=d1,
        expected_numerator=rate * d1,
        expected_denominator=d1,
        variance=per_case * np.maximum(d1, usual) * once_more,
        volume_variance=0.0,
    )
    changed_rate.attrs["event"] = event
    middle = (whole + (rate * d1).sum() / d1.sum()) / 2
    changed_mix = named.assign(
        actual_numerator=rate * d1,
        actual_denominator=d1,
        expected_numerator=rate * d0,
        expected_denominator=d0,
        variance=per_volume * usual * once_more * (rate - middle) ** 2,
        volume_variance=0.0,
    )
    return changed_rate, changed_mix


def _of_leaves(counted: pd.DataFrame, leaves: int) -> Floats:
    """Numerators and denominators (2 × leaves) of a table with at most one row per leaf; 0 where it has none."""
    numbers = np.zeros((len(_SIDES), leaves))
    numbers[:, counted["leaf"]] = counted[list(_SIDES)].to_numpy(dtype=np.float64).T
    return numbers


def _usual(leaves: NDArray[np.intp], n: Floats, d: Floats) -> Floats:
    """What a leaf's rate would be if its dimensions acted each for itself: for leaves of which little was seen.

    In proportion where nothing counts below 0, else by addition; never beyond what a dimension's values themselves have.
    """
    whole = n.sum() / d.sum() if d.sum() else 0.0
    is_counted = bool((n >= 0).all()) and whole > 0
    usual = np.full(len(leaves), whole)
    lowest, highest = usual.copy(), usual.copy()
    for codes in leaves.T:
        own = ((np.bincount(codes, n) + PRIOR_OF_VALUE * whole) / (np.bincount(codes, d) + PRIOR_OF_VALUE))[codes]
        usual = usual * own / whole if is_counted else usual + own - whole
        lowest, highest = np.minimum(lowest, own), np.maximum(highest, own)
    return np.asarray(np.clip(usual, lowest, highest))


def _spreads(baseline: pd.DataFrame, rate: Floats, share: Floats, weeks: int) -> tuple[Floats, float, float]:
    """The variance of a numerator per case, for each leaf, and of a volume per case, from the baseline weeks; and how
    large the numerator of one event is, which says how far a sum of few of them strays: the third moment over the second.

    rate, share: of each leaf. Counts vary with their rate; other numerators (scores, hours) have one variance. Floors:
    a count and a volume vary at least as counts do.
    """
    leaf, n, d = (baseline[name].to_numpy() for name in ("leaf", *_SIDES))
    are_counts = bool((n >= 0).all() and (n % 1 == 0).all())
    by_itself = rate * (1 - np.minimum(rate, 0.9)) if are_counts else np.ones(len(rate))
    freedom = (weeks - 1) / weeks  # a leaf's own mean was taken out of its weeks
    strayed = n - rate[leaf] * d
    squares = (strayed**2).sum()
    event = max(float((strayed**3).sum() / squares) if squares > 0 else 0.0, 1.0 if are_counts else 0.0)
    likely = (by_itself[leaf] * d).sum() * freedom
    spread = float(squares / likely) if likely > 0 else 1.0
    of_week, _ = pd.factorize(baseline["week"])
    usual = share[leaf] * np.bincount(of_week, d)[of_week]
    volume_spread = float(((d - usual) ** 2).sum() / max(usual.sum() * freedom, 1e-12))
    return by_itself * (max(spread, 1.0) if are_counts else spread), max(volume_spread, 1.0), event


_SIDES = ("numerator", "denominator")
