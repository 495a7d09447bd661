"""Why a KPI moved in a week: its causes against the weeks before, for the weekly file.

A KPI comes as sums by week and dimensions of numerator and denominator. A restricted mean is a ratio too: the numerator
is Σ min(hours, 720), where a case that ended without a refund counts 720, and the denominator the cases. So is the
share within an agreed time.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from transforms.insight.causes import TOP, Cause, explain

LEAST_BASELINE = 4
SIGNIFICANCE = 0.002  # over the searches of a KPI: many KPIs are looked at each week
PRIOR_CASES = 1.0
PRIOR_OF_VALUE = 5.0  # cases
LEAST_CASES = 30  # fewer are shown in grey and are never what moved


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
    (part 'stage'). significance: shared by all searches of the KPI, such as those of its stages. Contributions are in the unit of the ratio. Empty when nothing explains the move beyond noise.
    Raises BaselineError without the tested week or with fewer than four weeks before it.
    """
    parts = [(str(stage), rows) for stage, rows in stages.groupby("stage", sort=True)] if stages is not None else []
    told = [
        one
        for stage, rows in parts
        for one in _causes(rows, dimensions, week, top, "rate", significance / len(parts), stage)
    ]
    if not told:
        both = [(part, significance / 2) for part in ("rate", "mix")]
        told = [one for part, each in both for one in _causes(sums, dimensions, week, top, part, each, None)]
    told.sort(key=lambda one: -abs(one.cause.contribution))
    return [
        {
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
        for rank, one in enumerate(told[:top], start=1)
    ]


@dataclass(frozen=True)
class _Told:
    cause: Cause
    part: str
    stage: str | None
    ruled_out: list[str]


def _causes(
    sums: pd.DataFrame,
    dimensions: Sequence[str],
    week: Hashable,
    top: int,
    part: str,
    significance: float,
    stage: str | None,
) -> list[_Told]:
    """The causes of one part of the move."""
    rate, mix = expected_tables(sums, dimensions, week)
    table = mix if part == "mix" else rate
    move = explain(table, dimensions, top, significance, LEAST_CASES)
    return [_Told(cause, "stage" if stage else part, stage, move.ruled_out) for cause in move.causes]


def expected_tables(sums: pd.DataFrame, dimensions: Sequence[str], week: Hashable) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two tables for `find_causes`: what changed rates did, and what a changed mix did; their moves add up.

    In between lies the tested week's volume at the rates of the weeks before. Each table brings the noise that its
    numbers had among those weeks: numerators around the rate of their leaf, volumes around their share of the week.
    """
    keys = list(dimensions)
    weekly = sums.fillna(dict.fromkeys(keys, "unknown")).groupby([*keys, "week"], as_index=False)
    counted = weekly[["numerator", "denominator"]].sum()
    is_tested = counted["week"] == week
    baseline = counted[~is_tested]
    weeks = baseline["week"].nunique()
    if not is_tested.any():
        raise BaselineError(f"week {week} has no rows; it has {weeks} others: give a week that is in the sums")
    if weeks < LEAST_BASELINE:
        raise BaselineError(f"{weeks} weeks to compare {week} with; expected at least {LEAST_BASELINE}")
    tested = counted[is_tested].set_index(keys)[["numerator", "denominator"]].astype(float)
    before = baseline.groupby(keys)[["numerator", "denominator"]].sum().astype(float) / weeks
    both = tested.join(before, how="outer", lsuffix="_actual", rsuffix="_before").fillna(0.0).reset_index()
    n1, d1, n0, d0 = (both[f"{name}_{when}"] for when in ("actual", "before") for name in ("numerator", "denominator"))
    whole = n0.sum() / d0.sum() if d0.sum() else 0.0
    rate = (n0 * weeks + PRIOR_CASES * _usual(both, keys, n0 * weeks, d0 * weeks)) / (d0 * weeks + PRIOR_CASES)
    usual = d0 * d1.sum() / d0.sum() if d0.sum() else d0
    per_case, per_volume = _spreads(baseline, both[keys].assign(rate=rate, share=d0 / max(d0.sum(), 1e-12)), weeks)
    once_more = 1 + 1 / weeks  # the expectation is a mean of noisy weeks itself
    # Cases that happened not to come are noise as well: a leaf is as uncertain as the larger side of it.
    changed_rate = both[keys].assign(
        actual_numerator=n1,
        actual_denominator=d1,
        expected_numerator=rate * d1,
        expected_denominator=d1,
        variance=per_case * np.maximum(d1, usual) * once_more,
        volume_variance=0.0,
    )
    middle = (whole + (rate * d1).sum() / d1.sum()) / 2
    changed_mix = both[keys].assign(
        actual_numerator=rate * d1,
        actual_denominator=d1,
        expected_numerator=rate * d0,
        expected_denominator=d0,
        variance=per_volume * usual * once_more * (rate - middle) ** 2,
        volume_variance=0.0,
    )
    return changed_rate, changed_mix


def _usual(leaves: pd.DataFrame, keys: Sequence[str], n: pd.Series[float], d: pd.Series[float]) -> pd.Series[float]:
    """What a leaf's rate would be if its dimensions acted each for itself: for leaves of which little was seen.

    In proportion where nothing counts below 0, else by addition; never beyond what a dimension's values themselves have.
    """
    whole = n.sum() / d.sum() if d.sum() else 0.0
    is_counted = bool((n >= 0).all()) and whole > 0
    usual = pd.Series(whole, index=leaves.index)
    lowest, highest = usual.copy(), usual.copy()
    for key in keys:
        sums = pd.DataFrame({"n": n, "d": d}).groupby(leaves[key]).transform("sum")
        own = (sums["n"] + PRIOR_OF_VALUE * whole) / (sums["d"] + PRIOR_OF_VALUE)
        usual = usual * own / whole if is_counted else usual + own - whole
        lowest, highest = lowest.clip(upper=own), highest.clip(lower=own)
    return usual.clip(lowest, highest)


def _spreads(baseline: pd.DataFrame, leaves: pd.DataFrame, weeks: int) -> tuple[pd.Series[float], float]:
    """The variance of a numerator per case, for each leaf, and of a volume per case, from the baseline weeks.

    Counts vary with their rate; other numerators (scores, hours) have one variance. Floors: a count and a volume vary
    at least as counts do.
    """
    keys = [column for column in leaves.columns if column not in ("rate", "share")]
    are_counts = bool((baseline["numerator"] >= 0).all() and (baseline["numerator"] % 1 == 0).all())
    by_itself = leaves["rate"] * (1 - leaves["rate"].clip(upper=0.9)) if are_counts else leaves["rate"] * 0 + 1.0
    seen = baseline.merge(leaves.assign(by_itself=by_itself), on=keys, how="left")
    freedom = (weeks - 1) / weeks  # a leaf's own mean was taken out of its weeks
    squares = ((seen["numerator"] - seen["rate"] * seen["denominator"]) ** 2).sum()
    likely = (seen["by_itself"] * seen["denominator"]).sum() * freedom
    spread = float(squares / likely) if likely > 0 else 1.0
    week_size = seen.groupby("week")["denominator"].transform("sum")
    usual = seen["share"] * week_size
    volume_spread = float(((seen["denominator"] - usual) ** 2).sum() / max(usual.sum() * freedom, 1e-12))
    return by_itself * (max(spread, 1.0) if are_counts else spread), max(volume_spread, 1.0)
