"""Did an action work: its slice against slices nobody touched, before and after (difference in differences).

The level before is that of the 26 weeks that end six weeks before the start: the weeks that made somebody act are not
part of it, so the return from a spike to normal is no effect. Without untouched slices the slice's own course is carried
on instead (interrupted series). Weeks whose value may still move are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from transforms.insight.contrasts import (
    Contrast,
    Floats,
    Weeks,
    contrast,
    correlation,
    half_width,
    is_steep,
    middle,
)
from transforms.models import PAIR

BEFORE, RUN_IN, AFTER = 26, 6, 13  # weeks; an effect is that of the first quarter
PLACEBO_AFTER = 8
FEWEST_BEFORE, FEWEST_AFTER = 8, 4
FEWEST_CONTROLS = 2
FEWEST_PLACEBOS, PRIOR_PLACEBOS = 6, 8
MOST_WEEKS = 0.75  # share of the weeks in which an untouched slice must be there
NO_NOISE = 1e-9  # a standard error that is only rounding, as a share of the effect
LASTING = 0.5  # share of the effect that the later half of the weeks after must still show
MATURE = ("final", "low_n")
NO_SLICE = ("unknown",)  # not one thing that can be acted on or compared with

Record = dict[str, Any]


@dataclass(frozen=True)
class Window:
    """Which rows of a panel are before, run-in and after; the week in which the action started is in none."""

    before: Weeks
    run_in: Weeks
    after: Weeks


@dataclass(frozen=True)
class Panel:
    """Mature weeks × slices of one KPI, dimension and statistic; column 0 is the slice that was acted on."""

    weeks: pd.DatetimeIndex
    values: Floats
    sizes: Floats
    is_relative: bool  # a common shock moves every slice by the same share of its level, not by the same amount


def measure_effects(
    weekly: pd.DataFrame, actions: Iterable[Mapping[str, Any]], catalogue: Iterable[Mapping[str, Any]]
) -> list[Record]:
    """The effect of every action, in the order given.

    weekly: rows of kpi_weekly. actions: rows of the ledger (see `ledger_of_actions`). catalogue: rows of kpi_catalogue.
    Effects are in the unit of kpi_weekly.value, negative = it fell. verdict: worked | no_evidence | harmed | too_early;
    `because` says how it was reached; effect and interval are None where there is none.
    """
    known = {row["kpi"]: row for row in catalogue}
    entered = list(actions)
    return [_measure(weekly, action, known[action["kpi"]], entered) for action in entered]


def _measure(
    weekly: pd.DataFrame, action: Mapping[str, Any], kpi: Mapping[str, Any], others: Sequence[Mapping[str, Any]]
) -> Record:
    statistic = "restricted_mean" if kpi["kind"] == "duration" else "value"
    head = {key: action[key] for key in ("id", "what", "kpi", "where", "status", "owner")}
    head |= {"started": action["started"].isoformat() if action["started"] else None, "statistic": statistic}
    empty = dict.fromkeys(("effect", "ci_low", "ci_high", "method", "expected", "observed"))
    base = head | empty | {"unit": kpi["unit"], "weeks_before": 0, "weeks_after": 0, "controls": 0}
    if action["started"] is None:
        return base | {"verdict": "too_early", "because": "it has not started"}
    dimension, slice_ = cell_of(action["where"], list(kpi["dimensions"]))
    panel = _panel(weekly, kpi, statistic, dimension, slice_, _touched(action, others, dimension))
    if panel is None:
        name = f"{dimension} {slice_}" if slice_ != "all" else "all"
        return base | {"verdict": "too_early", "because": f"no settled week of {name} has been published"}
    window = _window(panel, action["started"])
    counted = {"weeks_before": int(window.before.sum()), "weeks_after": int(window.after.sum())}
    if counted["weeks_after"] < FEWEST_AFTER:
        said = f"{counted['weeks_after']} of {FEWEST_AFTER} settled weeks since the start"
        return base | counted | {"verdict": "too_early", "because": said}
    if counted["weeks_before"] < FEWEST_BEFORE:
        said = f"{counted['weeks_before']} of {FEWEST_BEFORE} settled weeks before its run-in: no level to compare with"
        return base | counted | {"verdict": "no_evidence", "because": said}
    return base | counted | _judge(_comparable(panel, window), window, kpi["better"])


def cell_of(where: Mapping[str, str], dimensions: Sequence[str]) -> tuple[str, str]:
    """dimension and dimension_value of kpi_weekly for {'market': 'VN', 'carrier': 'jnt'}; ('all', 'all') for {}."""
    names = [name for name in dimensions if name in where]
    return (PAIR.join(names), PAIR.join(where[name] for name in names)) if names else ("all", "all")


def _touched(action: Mapping[str, Any], others: Sequence[Mapping[str, Any]], dimension: str) -> list[dict[str, str]]:
    """Where other actions started around the same time, as far as it shows in this dimension."""
    names, around = set(dimension.split(PAIR)), timedelta(weeks=BEFORE + RUN_IN)
    started = [
        other["where"]
        for other in others
        if other["started"] and other["id"] != action["id"] and abs(other["started"] - action["started"]) <= around
    ]
    return [shown for where in started if (shown := {name: v for name, v in where.items() if name in names})]


def _panel(
    weekly: pd.DataFrame,
    kpi: Mapping[str, Any],
    statistic: str,
    dimension: str,
    slice_: str,
    touched: Sequence[Mapping[str, str]],
) -> Panel | None:
    kept = (weekly["kpi"] == kpi["kpi"]) & (weekly["statistic"] == statistic) & (weekly["dimension"] == dimension)
    rows = weekly[kept & weekly["status"].isin(MATURE) & weekly["value"].notna() & (weekly["n"] > 0)]
    names = dimension.split(PAIR)
    others = [name for name in rows["dimension_value"].unique() if name != slice_]
    parts = {name: dict(zip(names, name.split(PAIR), strict=False)) for name in others}
    free = [
        name
        for name in sorted(others)
        if not set(NO_SLICE) & set(parts[name].values()) and not any(w.items() <= parts[name].items() for w in touched)
    ]
    if slice_ not in set(rows["dimension_value"]):
        return None
    rows = rows[rows["dimension_value"].isin([slice_, *free])].assign(week=pd.to_datetime(rows["week"]))
    values = rows.pivot(index="week", columns="dimension_value", values="value")[[slice_, *free]]
    sizes = rows.pivot(index="week", columns="dimension_value", values="n")[[slice_, *free]]
    settled = values[slice_].notna().to_numpy()
    weeks = pd.DatetimeIndex(values.index[settled])
    return Panel(weeks, values.to_numpy(float)[settled], sizes.to_numpy(float)[settled], kpi["unit"] != "points")


def _window(panel: Panel, started: date) -> Window:
    monday = pd.Timestamp(started - timedelta(days=started.weekday()))
    first = monday if started.weekday() == 0 else monday + pd.Timedelta(weeks=1)
    distance = np.asarray((panel.weeks - monday).days) // 7
    after = np.flatnonzero(panel.weeks >= first)[:AFTER]
    return Window(
        (distance < -RUN_IN) & (distance >= -RUN_IN - BEFORE),
        (distance < 0) & (distance >= -RUN_IN),
        np.isin(np.arange(len(distance)), after),
    )


def _comparable(panel: Panel, window: Window) -> Panel:
    """The panel with those untouched slices only that were there in most weeks before and in most after."""
    known = ~np.isnan(panel.values)
    there = (known[window.before].mean(axis=0) >= MOST_WEEKS) & (known[window.after].mean(axis=0) >= MOST_WEEKS)
    return Panel(panel.weeks, panel.values[:, there], panel.sizes[:, there], panel.is_relative)


def _judge(panel: Panel, window: Window, better: str) -> Record:
    controls = panel.values.shape[1] - 1
    has_controls = controls >= FEWEST_CONTROLS
    columns = range(controls + 1) if has_controls else range(1)
    series = np.column_stack([_against(panel, window.before, column, has_controls) for column in columns])
    sizes, seen = panel.sizes[:, : series.shape[1]], ~np.isnan(series[:, 0])
    window = Window(window.before & seen, window.run_in & seen, window.after & seen)
    rho = correlation(series, sizes, window.before)
    found = _contrast(series[:, 0], sizes[:, 0], window.before, window.after, rho, has_controls)
    widen = _placebos(series, sizes, window, rho) if has_controls else 1.0
    half = half_width(found) * widen
    low, high = found.effect - half, found.effect + half
    observed = float(np.average(panel.values[window.after, 0], weights=panel.sizes[window.after, 0]))
    verdict, because = _verdict(found, low, high, window, sizes[:, 0], better)
    return {
        "effect": found.effect,
        "ci_low": low,
        "ci_high": high,
        "expected": observed - found.effect,
        "observed": observed,
        "controls": controls if has_controls else 0,
        "method": "difference_in_differences" if has_controls else "interrupted_series",
        "verdict": verdict,
        "because": because,
    }


def _against(panel: Panel, before: Weeks, column: int, has_controls: bool) -> Floats:
    """A slice's series without what moved the other untouched slices; never compared with the slice acted on."""
    own: Floats = panel.values[:, column]
    if not has_controls:
        return own
    rest = [other for other in range(1, panel.values.shape[1]) if other != column]
    size = panel.sizes[:, rest]
    weights = np.broadcast_to(np.nanmean(size[before], axis=0), size.shape)
    level = _levels(panel, before)[rest]
    level_own = float(_levels(panel, before)[column])
    if panel.is_relative and level_own > 0 and (level > 0).all():
        return own - level_own * (middle(panel.values[:, rest] / level, weights) - 1)
    return own - middle(panel.values[:, rest] - level, weights)


def _levels(panel: Panel, before: Weeks) -> Floats:
    """Each slice's value over all weeks before: sum over sum."""
    level: Floats = np.nansum((panel.values * panel.sizes)[before], axis=0) / np.nansum(panel.sizes[before], axis=0)
    return level


def _contrast(values: Floats, sizes: Floats, before: Weeks, after: Weeks, rho: float, has_controls: bool) -> Contrast:
    """Against a level; against a course where nothing else tells it, or where the slice was already under way."""
    known = ~np.isnan(values)
    before, after = before & known, after & known
    trend = not has_controls or is_steep(values, sizes, before, rho)
    return contrast(values, sizes, before, after, rho, trend=trend)


def _placebos(series: Floats, sizes: Floats, window: Window, rho: float) -> float:
    """How much wider than computed the interval must be, from actions that never happened.

    The untouched slices at the true date, and every slice at a date before it, should score like the noise that the
    model knows (median |score| that of its t distribution). What they score beyond it is noise that it does not know.
    """
    weeks = np.flatnonzero(window.before)
    earlier, later = np.zeros_like(window.before), np.zeros_like(window.before)
    later[weeks[-PLACEBO_AFTER:]], earlier[weeks[: -PLACEBO_AFTER - RUN_IN]] = True, True
    there = range(1, series.shape[1])
    found = [_contrast(series[:, j], sizes[:, j], window.before, window.after, rho, True) for j in there]
    if earlier.sum() >= FEWEST_BEFORE:
        known = ~np.isnan(series)
        found += [
            contrast(series[:, j], sizes[:, j], earlier & known[:, j], later & known[:, j], rho, trend=False)
            for j in range(series.shape[1])
        ]
    noise = [abs(one.score) / float(stats.t.ppf(0.75, one.freedom)) for one in found if one.error > 0]
    if len(noise) < FEWEST_PLACEBOS:
        return 1.0
    # A median of few scores is itself uncertain: it is drawn towards what the model says, as if by 8 more placebos.
    return max(1.0, float((PRIOR_PLACEBOS + len(noise) * np.median(noise)) / (PRIOR_PLACEBOS + len(noise))))


def _verdict(found: Contrast, low: float, high: float, window: Window, sizes: Floats, better: str) -> tuple[str, str]:
    """The verdict and why.

    Beside an interval without 0 it takes two things that a spike which ends by itself does not have: the weeks after lie
    beyond what any two weeks of the run-in had reached already, and their later half still shows the effect.
    """
    if found.error <= NO_NOISE * abs(found.effect):
        return "no_evidence", "its weeks do not vary: there is no noise to compare with"
    if low <= 0 <= high:
        return "no_evidence", "the interval holds 0"
    sign = np.sign(found.effect)
    pairs = _two_weeks(found.residuals[window.run_in], sizes[window.run_in])
    if len(pairs) and (pairs * sign).max() >= found.effect * sign:
        return "no_evidence", "two weeks before the start had already reached that level"
    late = np.flatnonzero(window.after)[int(window.after.sum()) // 2 :]
    if float(np.average(found.residuals[late], weights=sizes[late])) * sign < LASTING * found.effect * sign:
        return "no_evidence", "it did not last: the later weeks no longer show it"
    is_better = (sign > 0) == (better == "higher")
    return ("worked" if is_better else "harmed"), "the interval leaves out 0, and the effect lasts"


def _two_weeks(values: Floats, sizes: Floats) -> Floats:
    joint: Floats = (values[1:] * sizes[1:] + values[:-1] * sizes[:-1]) / (sizes[1:] + sizes[:-1])
    return joint
