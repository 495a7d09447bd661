"""The chart of every series of one KPI and statistic, read in the week that is tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
from transforms.insight.recent import RECENT, learn, recent_weeks, visible
from transforms.insight.weeks import ALL, Marked, Weeks, weeks_of

PER = {"per_1k": 1000.0}  # unit -> what a ratio is multiplied by
BOUNDS = {"share": (0.0, np.inf), "rate": (0.0, np.inf), "net_share": (-100.0, 100.0), "duration": (0.0, np.inf)}
ATTRIBUTES = ("share", "rate")  # counted: p' and u', which know their sampling error


@dataclass(frozen=True)
class Kind:
    """How a KPI and statistic is charted."""

    kpi: str
    statistic: str
    kind: str  # share, rate: Laney; anything else: XmR
    per: float
    window_days: int


def readings(rows: pd.DataFrame, of: Kind, marked: Sequence[Marked], warm_up: int, alpha: float) -> pd.DataFrame:
    """One row per series. Beside what find_signals returns: run, near, is_outside (the rules), moved and length (by how much the
    weeks that say most are away from what was expected).
    """
    weeks = weeks_of(rows, of.kpi, of.window_days, marked, warm_up, RECENT)
    if weeks is None:
        keys = rows[["dimension", "dimension_value"]].drop_duplicates().sort_values(["dimension", "dimension_value"])
        return keys.assign(kpi=of.kpi, statistic=of.statistic, kind=of.kind, status="provisional", baseline_weeks=0)
    chart, error = _chart(weeks, of)
    values = np.where(weeks.final, weeks.value, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (values - chart.centre) / error
        in_sigmas = (values - chart.centre)[:, -1] / chart.sigma[:, -1]
    baseline = learn(z, weeks.near, weeks.far, least=float(of.kind in ATTRIBUTES))
    recent = recent_weeks(z, _known(weeks), baseline)
    away = np.stack([values[:, -length:].mean(axis=1) for length in range(1, RECENT + 1)], axis=1) - chart.centre[:, -1:]
    # A segment has to stand out among the others of its KPI.
    is_segment = (weeks.keys["dimension"] != ALL).to_numpy()
    among = np.where(is_segment, max((is_segment & ~np.isnan(recent.p_value)).sum(), 1), 1)
    return weeks.keys.assign(
        kpi=of.kpi,
        statistic=of.statistic,
        kind=of.kind,
        week=weeks.mondays[-1],
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
        smallest_visible_change=visible(alpha / among, baseline, 1) * error[:, -1],
        smallest_lasting_change=visible(alpha / among, baseline, RECENT) * error[:, -1],
        baseline_weeks=baseline.weeks,
        baseline_first=_week(weeks, np.argmax(weeks.near, axis=1)),
        baseline_last=_week(weeks, len(weeks.mondays) - 1 - np.argmax(weeks.near[:, ::-1], axis=1)),
    )


def _chart(weeks: Weeks, of: Kind) -> tuple[Chart, Floats]:
    """The chart in the KPI's unit, per week; and the unit in which a week's distance is measured: the sampling error of
    a share or rate, else 1.
    """
    if of.kind in ATTRIBUTES:
        is_share = of.kind == "share"
        laney = laney_p if is_share else laney_u
        chart = laney(weeks.numerator, weeks.denominator, weeks.near)
        chart = Chart(*(of.per * part for part in (chart.centre, chart.low, chart.high, chart.sigma)), chart.sigma_z)
        return chart, chart.sigma / chart.sigma_z[:, None]
    chart = xmr(in_a_row(weeks.value, weeks.near))
    low, high = BOUNDS.get(of.kind, (-np.inf, np.inf))
    chart = Chart(chart.centre, np.maximum(chart.low, low), np.minimum(chart.high, high), chart.sigma, chart.sigma_z)
    shape = weeks.value.shape
    wide = (np.broadcast_to(part[:, None], shape) for part in (chart.centre, chart.low, chart.high, chart.sigma))
    return Chart(*wide, chart.sigma_z), np.ones(shape)


def _known(weeks: Weeks) -> Flags:
    """Weeks that can stand together with the tested one: final, and no marked one before it."""
    known = weeks.final & ~weeks.marked
    known[:, -1] = weeks.final[:, -1]
    return known


def _week(weeks: Weeks, column: np.ndarray) -> pd.Series:
    """The Monday of a column, where there is a baseline at all."""
    return pd.Series(weeks.mondays[column]).where(pd.Series(weeks.near.any(axis=1)))
