"""The chart of every series of one KPI and statistic, read in the week that is tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

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
from transforms.insight.recent import LENGTHS, RECENT, learn, recent_weeks, visible
from transforms.insight.weeks import ALL, LEAST_BASELINE, Marked, Weeks, weeks_of

STOCK, SHARE = "count", "share"
# Times a p-value: what flows in grows with the business, and too little of it seems to stay (Kendall 1954).
STOCK_CAUTION = 1.75
ATTRIBUTES = (SHARE, "rate")  # counted: p' and u', which know their sampling error
BOUNDS = {"net_share": (-100.0, 100.0), "duration": (0.0, np.inf)}


def readings(rows: pd.DataFrame, kind: str, marked: Sequence[Marked], warm_up: int) -> pd.DataFrame:
    """One row per series of `rows`, which are all charted as one `kind`: Laney's charts for shares and rates, else XmR.

    A stock (kind count) carries over from week to week, and may grow for good: what is charted is what came on top of the
    part of the week before that usually stays (Alwan and Roberts 1988, the residuals' chart), and what was expected is
    that part and what usually comes.

    Beside what find_signals returns: run, near, is_outside (Wheeler's rules); length, of the last weeks that say most,
    and moved, how far they are from what was expected.
    """
    whole = weeks_of(rows, marked, warm_up, RECENT)
    nothing = np.zeros((len(whole.keys), RECENT))
    weeks, stayed, slope = _on_top(whole) if kind == STOCK else (whole, nothing[:, 0], nothing)
    chart, error = _chart(weeks, kind)
    values = np.where(weeks.final, weeks.value, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = _in_errors(weeks, chart) if kind == SHARE else (values - chart.centre) / error
        in_sigmas = (values - chart.centre)[:, -1] / chart.sigma[:, -1]
    baseline = learn(z, weeks.near, weeks.far, _least(weeks, chart, kind), slope)
    recent = recent_weeks(z, _known(weeks), baseline)
    means = np.stack([values[:, -length:].mean(axis=1) for length in range(1, RECENT + 1)], axis=1)
    away = means - chart.centre[:, -1:]
    expected, low, high = (stayed + part[:, -1] for part in (chart.centre, chart.low, chart.high))
    caution = STOCK_CAUTION if kind == STOCK else 1.0
    alpha = _alpha(weeks.keys, ~np.isnan(recent.p_value) & (baseline.weeks >= LEAST_BASELINE))
    return weeks.keys.assign(
        kind=kind,
        week=weeks.keys["tested"],
        status=weeks.status,
        n=weeks.n[:, -1],
        value=whole.value[:, -1],
        expected=expected,
        limit_low=np.maximum(low, 0) if kind == STOCK else low,
        limit_high=high,
        z=in_sigmas,
        p_value=np.minimum(caution * recent.p_value, 1),
        length=recent.length,
        moved=np.take_along_axis(away, recent.length[:, None] - 1, 1)[:, 0],
        is_outside=outside(values, chart)[:, -1],
        run=run_length(values, chart.centre)[:, -1],
        near=near_run(values, chart)[:, -1],
        smallest_visible_change=visible(alpha / caution, baseline, 1) * error[:, -1],
        smallest_lasting_change=visible(alpha / caution, baseline, RECENT) * error[:, -1],
        baseline_weeks=baseline.weeks,
        baseline_first=_week(weeks, np.argmax(weeks.near, axis=1)),
        baseline_last=_week(weeks, weeks.near.shape[1] - 1 - np.argmax(weeks.near[:, ::-1], axis=1)),
    )


def _chart(weeks: Weeks, kind: str) -> tuple[Chart, Floats]:
    """The chart in the KPI's unit, per week; and in what a week's distance is measured: the sampling error of a share
    or rate, else 1.
    """
    if kind in ATTRIBUTES:
        laney = laney_p if kind == SHARE else laney_u
        chart, per = laney(weeks.numerator, weeks.denominator, weeks.near), weeks.keys["per"].to_numpy()[:, None]
        chart = Chart(per * chart.centre, per * chart.low, per * chart.high, per * chart.sigma, chart.sigma_z)
        return chart, chart.sigma / chart.sigma_z[:, None]
    chart = xmr(in_a_row(weeks.value, weeks.near))
    low, high = BOUNDS.get(kind, (-np.inf, np.inf))
    parts = (chart.centre, np.maximum(chart.low, low), np.minimum(chart.high, high), chart.sigma)
    centre, low_limit, high_limit, sigma = (np.broadcast_to(part[:, None], weeks.value.shape) for part in parts)
    return Chart(centre, low_limit, high_limit, sigma, chart.sigma_z), np.ones(weeks.value.shape)


def _in_errors(weeks: Weeks, chart: Chart) -> Floats:
    """How far a share is from the centre, in sampling errors: on the scale of arcsines, where those of a rare share are as
    even as others (Anscombe 1948). By itself a rare share that is wild is further up than down, and reads as moved.
    """
    share = (weeks.numerator + 0.375) / (weeks.denominator + 0.75)
    centre = chart.centre / weeks.keys["per"].to_numpy()[:, None]
    away = np.arcsin(np.sqrt(np.clip(share, 0, 1))) - np.arcsin(np.sqrt(np.clip(centre, 0, 1)))
    return np.where(weeks.final, 2 * np.sqrt(weeks.denominator + 0.5) * away, np.nan)


def _on_top(weeks: Weeks) -> tuple[Weeks, Floats, Floats]:
    """What came on top of what usually stays of the week before: least squares over the baseline says which part stays.

    Beside it what stayed in the week tested, and, series × RECENT, the variance that the estimate adds to the mean of the
    last 1, 2, 3 weeks, in variances of a week: the further the weeks before them are from those of the baseline, the more.
    """
    before = np.concatenate([np.full((len(weeks.keys), 1), np.nan), weeks.value[:, :-1]], axis=1)
    both = weeks.final.copy()
    both[:, 1:] &= weeks.final[:, :-1] & ~weeks.marked[:, :-1]
    both[:, :1] = False
    used = (weeks.near | weeks.far) & both
    count = used.sum(axis=1)
    x, y = np.where(used, before, 0), np.where(used, weeks.value, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        together = (x * y).sum(axis=1) - x.sum(axis=1) * y.sum(axis=1) / count
        scatter = (x**2).sum(axis=1) - x.sum(axis=1) ** 2 / count
        stays = np.clip(np.nan_to_num(together / scatter), 0, 1)
        near = weeks.near & both
        usual = np.where(near, before, 0).sum(axis=1) / near.sum(axis=1)
        away = np.stack([before[:, -length:].mean(axis=1) - usual for length in LENGTHS], axis=1)
        slope = np.nan_to_num(away**2 / scatter[:, None], posinf=0)
    stayed = stays[:, None] * before
    on_top = replace(weeks, value=weeks.value - stayed, final=both, near=near, far=weeks.far & both)
    return on_top, stayed[:, -1], slope


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
    return np.asarray(keys["alpha"] / segments.clip(lower=1).where(is_segment, 1), float)


def _week(weeks: Weeks, column: np.ndarray) -> pd.Series:
    """The Monday of a column, where there is a baseline at all."""
    ago = pd.to_timedelta(7 * (weeks.value.shape[1] - 1 - column), unit="D")
    monday: pd.Series = weeks.keys["tested"] - ago
    return monday.where(pd.Series(weeks.near.any(axis=1)))
