"""Is it signal or noise? For every KPI and segment: the week tested, what was to be expected, and a verdict.

A *signal* is sure (the last weeks against the 26 before them, at a false alarm rate of 0.4 % a week), stands out
among the segments that were looked at, is large enough to act on, and is about a value that cannot move any more. A
*watch* has one of Wheeler's rules, or a part of that. Everything else is *noise*: no action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from transforms.insight.control import NEAR, NEAR_OF, RUN
from transforms.insight.fdr import adjusted_in_groups
from transforms.insight.readings import readings
from transforms.insight.recent import ALPHA, SEGMENTS_ALPHA
from transforms.insight.weeks import ALL, LEAST_BASELINE, SERIES, WARM_UP, Marked, tested_weeks

FALSE_DISCOVERIES = 0.1  # among the segments of one KPI, week and dimension
DURATIONS = ("restricted_mean",)
# The smallest change worth acting on: half a point of a net share, a hundredth of whatever else is expected. Low on
# purpose: it keeps out what nobody would act on. Who wants more, says so.
LEAST_POINTS, LEAST_PART = 0.5, 0.01
MIX = "mix"  # each part is a share of the whole
SIGNAL, WATCH, NOISE, CANNOT_TELL = "signal", "watch", "noise", "cannot_tell"
COLUMNS = (
    "kpi", "statistic", "dimension", "dimension_value", "week", "status", "n", "value", "expected", "limit_low",
    "limit_high", "z", "p_value", "q_value", "rule", "run_weeks", "verdict", "reason", "smallest_visible_change",
    "smallest_lasting_change", "baseline_weeks", "baseline_first", "baseline_last",
)  # fmt: skip

READ = ("kind", "alpha", "is_outside", "run", "near", "length", "moved")  # what readings says beside these


def find_signals(
    weekly: pd.DataFrame,
    catalogue: pd.DataFrame,
    week: date,
    *,
    marked: Sequence[Marked] = (),
    smallest_change: Mapping[str, float] | None = None,
    durations: Sequence[str] = DURATIONS,
    warm_up: int = WARM_UP,
) -> pd.DataFrame:
    """One row per KPI, statistic and segment of `weekly` (columns of kpi_weekly; 61 weeks and its windows are of use).

    Tested is each KPI's newest week up to `week` (a Monday) that is settled. `marked` weeks are in no baseline.
    `smallest_change`: kpi -> the smallest change worth acting on, in its unit. `durations`: which statistics of a
    duration are tested; a share credited by a day is charted as a share. `warm_up`: first weeks of the history that
    are in no baseline.

    Columns: kpi, statistic, dimension, dimension_value; week (NaT: none is settled), status, n, value; expected,
    limit_low, limit_high in the KPI's unit; z (the limits are at ±3); p_value, of the last one to three weeks
    together; q_value (corrected within KPI, week and dimension); rule (what fired, in words, or ''); run_weeks (since
    how many weeks, this one counted); verdict; reason (why it cannot be told, or ''); the smallest change that would be
    a signal: smallest_visible_change of this week alone, smallest_lasting_change if all of the last three weeks had
    it; baseline_weeks, baseline_first, baseline_last.
    """
    rows = _tested_rows(weekly, catalogue, week, durations)
    if rows.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    settled = rows[rows["tested"].notna()]
    told = [readings(part, str(kind), marked, warm_up) for kind, part in settled.groupby("charted")]
    unsettled = rows[rows["tested"].isna()].drop_duplicates(SERIES)
    told.append(unsettled[[*SERIES, "kind", "alpha"]].assign(status="provisional", baseline_weeks=0))
    found = pd.concat([part for part in told if len(part)], ignore_index=True)
    return _judged(found.reindex(columns=list(dict.fromkeys([*COLUMNS, *READ]))), smallest_change or {})


def _tested_rows(weekly: pd.DataFrame, catalogue: pd.DataFrame, week: date, durations: Sequence[str]) -> pd.DataFrame:
    """The rows of statistics that are tested, with how they are charted and the week that is tested."""
    kinds = catalogue[["kpi", "kind", "unit", "per", "window_days"]]
    rows = weekly.assign(week=pd.to_datetime(weekly["week"])).merge(kinds, on="kpi")
    rows = rows[~_is_whole_of_parts(rows, catalogue)]
    is_tested = rows["statistic"].isin(durations).where(rows["kind"] == "duration", rows["statistic"] == "value")
    rows = rows[is_tested & (rows["week"] <= pd.Timestamp(week))]
    is_headline = (rows["dimension"] == ALL) | (rows["kind"] == MIX)  # the parts of a mix are its headline, together
    rows = rows.assign(
        alpha=np.where(is_headline, ALPHA, SEGMENTS_ALPHA),
        charted=rows["kind"].mask((rows["kind"] == MIX) | rows["statistic"].str.startswith("credited_by_day"), "share"),
        per=rows["per"].astype(float),
        window_days=rows["window_days"].fillna(0).astype(int),
    )
    return rows.assign(tested=tested_weeks(rows))


def _is_whole_of_parts(rows: pd.DataFrame, catalogue: pd.DataFrame) -> pd.Series:
    """Rows of a mix that are no part of it: the shares of all parts, which are 1 of every group."""
    mixes = catalogue[catalogue["kind"] == MIX]
    if mixes.empty:
        return pd.Series(False, rows.index)
    parts = mixes.explode("numerator_dimensions")
    is_part = (rows["kpi"] + " " + rows["dimension"]).isin(parts["kpi"] + " " + parts["numerator_dimensions"])
    return (rows["kind"] == MIX) & ~is_part


def _judged(found: pd.DataFrame, smallest_change: Mapping[str, float]) -> pd.DataFrame:
    """Rules in words, corrections, size, verdict."""
    found["week"] = pd.to_datetime(found["week"])
    found["reason"] = _reason(found)
    can = found["reason"] == ""
    found["p_value"] = found["p_value"].where(can)
    found["q_value"] = adjusted_in_groups(found["p_value"], _labels(found, "kpi", "statistic", "dimension"))
    segment = found["dimension"] != ALL
    among_all = adjusted_in_groups(found["p_value"].where(segment), _labels(found, "kpi", "statistic"))
    is_sure = found["p_value"].mask(segment, pd.Series(among_all, found.index)) <= found["alpha"]
    found["rule"], found["run_weeks"] = _rule(found, is_sure)
    least = (LEAST_PART * found["expected"].abs()).where(found["kind"] != "net_share", LEAST_POINTS)
    floor = found["kpi"].map(dict(smallest_change)).fillna(least)
    is_discovery = found["q_value"] <= FALSE_DISCOVERIES
    is_signal = is_sure & is_discovery & (found["moved"].abs() >= floor)
    is_watch = (found["rule"] != "") | (segment & is_discovery)
    found["verdict"] = np.select([~can, is_signal, is_watch], [CANNOT_TELL, SIGNAL, WATCH], NOISE)
    for column in ("smallest_visible_change", "smallest_lasting_change"):
        visible = found[column].mask(found[column] < floor, floor)
        found[column] = visible.where(found["baseline_weeks"] >= LEAST_BASELINE)
    return found[list(COLUMNS)].sort_values(["kpi", "statistic", "dimension", "dimension_value"], ignore_index=True)


def _reason(found: pd.DataFrame) -> pd.Series:
    """Why a series cannot be judged, or ''."""
    weeks = found["baseline_weeks"].astype(int).astype(str)
    cases: list[tuple[pd.Series, str | pd.Series]] = [
        (found["week"].isna(), "no week is settled yet"),
        (found["status"].isna(), "nothing was counted in this week"),
        (found["status"] == "low_n", "fewer than 30 cases in this week"),
        (found["status"] == "not_reached", "the value does not exist yet"),
        (found["status"] == "withheld", "it is withheld"),
        (found["status"] != "final", "the value may still move"),
        (found["baseline_weeks"] < LEAST_BASELINE, weeks + f" final weeks before it, {LEAST_BASELINE} are needed"),
        (found["p_value"].isna(), "the weeks before it never varied"),
    ]
    reason = pd.Series("", found.index)
    for holds, said in reversed(cases):  # the first that holds is said
        reason = reason.mask(holds, said)
    return reason


def _rule(found: pd.DataFrame, is_sure: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Wheeler's rules that hold, in words, else the weeks together; and for how many weeks."""
    can = found["reason"] == ""
    run, near = found["run"].fillna(0).astype(int), found["near"].fillna(0).astype(int)
    outside, length = can & found["is_outside"].eq(True), found["length"].fillna(0).astype(int)
    rules: list[tuple[pd.Series, str | pd.Series]] = [
        (outside, "outside the limits"),
        (can & (run >= RUN), run.astype(str) + " weeks on one side"),
        (can & (near > 0), f"{NEAR} of {NEAR_OF} weeks nearer a limit than the centre"),
    ]
    words = pd.Series("", found.index)
    for holds, said in rules:
        words = words.mask(holds, (words + "; ").str.removeprefix("; ") + said)
    alone = can & is_sure & (words == "")
    together = (length.astype(str) + " weeks together").mask(length == 1, "this week against the weeks before")
    words = words.mask(alone, together)
    weeks = np.select([run.ge(RUN) & can, near.gt(0) & can, outside, alone], [run, near, 1, length], 0)
    return words, pd.Series(weeks, found.index)


def _labels(found: pd.DataFrame, *columns: str) -> pd.Series:
    return found.groupby(list(columns), sort=False).ngroup()
