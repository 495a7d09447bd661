"""The chart of every series of one KPI and statistic, read in the week that is tested."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from transforms.insight.control import (
    Chart,
    Flags,
    Floats,
    in_a_row,
    laney_p,
    laney_u,
    near_run,
    outside,
    run_length,
    xmr,
)
from transforms.insight.recent import ALPHA, RECENT, SEGMENTS_ALPHA, learn, recent_weeks, visible
from transforms.insight.weeks import ALL, LEAST_BASELINE, Marked, Weeks, weeks_of

ATTRIBUTES = ("share", "rate")  # counted: p' and u', which know their sampling error
BOUNDS = {"net_share": (-100.0, 100.0), "duration": (0.0, np.inf)}


def readings(rows: pd.DataFrame, kind: str, marked: Sequence[Marked], warm_up: int) -> pd.DataFrame:
    """One row per series of `rows`, which are all charted as one `kind`: Laney's charts for shares and rates, else XmR.

    Beside what find_signals returns: run, near, is_outside (Wheeler's rules); length, of the last weeks that say most,
    and moved, how far they are from what was expected.
    """
    weeks = weeks_of(rows, marked, warm_up, RECENT)
    chart, error = _chart(weeks, kind)
    values = np.where(weeks.final, weeks.value, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (values - chart.centre) / error
        in_sigmas = (values - chart.centre)[:, -1] / chart.sigma[:, -1]
    baseline = learn(z, weeks.near, weeks.far, _least(weeks, chart, kind))
    recent = recent_weeks(z, _known(weeks), baseline)
    means = np.stack([values[:, -length:].mean(axis=1) for length in range(1, RECENT + 1)], axis=1)
    away = means - chart.centre[:, -1:]
    alpha = _alpha(weeks.keys, ~np.isnan(recent.p_value) & (baseline.weeks >= LEAST_BASELINE))
    return weeks.keys.assign(
        kind=kind,
        week=weeks.keys["tested"],
        status=weeks.status,
        n=weeks.n[:, -1],
        value=weeks.value[:, -1],
        expected=chart.centre[:, -1],
        limit_low=chart.low[:, -1],
        limit_high=chart.high[:, -1],
        z=in_sigmas,
        p_value=recent.p_value,
        length=recent.length,
        moved=np.take_along_axis(away, recent.length[:, None] - 1, 1)[:, 0],
        is_outside=outside(values, chart)[:, -1],
        run=run_length(values, chart.centre)[:, -1],
        near=near_run(values, chart)[:, -1],
        smallest_visible_change=visible(alpha, baseline, 1) * error[:, -1],
        smallest_lasting_change=visible(alpha, baseline, RECENT) * error[:, -1],
        baseline_weeks=baseline.weeks,
        baseline_first=_week(weeks, np.argmax(weeks.near, axis=1)),
        baseline_last=_week(weeks, weeks.near.shape[1] - 1 - np.argmax(weeks.near[:, ::-1], axis=1)),
    )


def _chart(weeks: Weeks, kind: str) -> tuple[Chart, Floats]:
    """The chart in the KPI's unit, per week; and in what a week's distance is measured: the sampling error of a share
    or rate, else 1.
    """
    if kind in ATTRIBUTES:
        laney = laney_p if kind == "share" else laney_u
        chart, per = laney(weeks.numerator, weeks.denominator, weeks.near), weeks.keys["per"].to_numpy()[:, None]
        chart = Chart(per * chart.centre, per * chart.low, per * chart.high, per * chart.sigma, chart.sigma_z)
        return chart, chart.sigma / chart.sigma_z[:, None]
    chart = xmr(in_a_row(weeks.value, weeks.near))
    low, high = BOUNDS.get(kind, (-np.inf, np.inf))
    parts = (chart.centre, np.maximum(chart.low, low), np.minimum(chart.high, high), chart.sigma)
    centre, low_limit, high_limit, sigma = (np.broadcast_to(part[:, None], weeks.value.shape) for part in parts)
    return Chart(centre, low_limit, high_limit, sigma, chart.sigma_z), np.ones(weeks.value.shape)


def _least(weeks: Weeks, chart: Chart, kind: str) -> Floats:
    """What sampling alone scatters, in the unit of _chart: a share as itself; a count with a mean below 1 at least as
    a share of that size (each order then has one contact or none), which is less than Poisson's.
    """
    least = {"share": 1.0, "rate": np.sqrt(np.clip(1 - chart.centre[:, -1] / weeks.keys["per"], 0, 1))}
    return np.broadcast_to(np.asarray(least.get(kind, 0.0), float), len(weeks.keys))


def _known(weeks: Weeks) -> Flags:
    """Weeks that can stand together with the tested one: final, and no marked one before it."""
    known = weeks.final & ~weeks.marked
    known[:, -1] = weeks.final[:, -1]
    return known


def _alpha(keys: pd.DataFrame, is_judged: Flags) -> Floats:
    """The p-value a series needs: a segment has to stand out among those of its KPI that are judged."""
    is_segment = keys["dimension"] != ALL
    segments = pd.Series(is_segment & is_judged).groupby([keys["kpi"], keys["statistic"]]).transform("sum")
    return np.asarray((SEGMENTS_ALPHA / segments.clip(lower=1)).where(is_segment, ALPHA), float)


def _week(weeks: Weeks, column: np.ndarray) -> pd.Series:
    """The Monday of a column, where there is a baseline at all."""
    ago = pd.to_timedelta(7 * (weeks.value.shape[1] - 1 - column), unit="D")
    monday: pd.Series = weeks.keys["tested"] - ago
    return monday.where(pd.Series(weeks.near.any(axis=1)))
