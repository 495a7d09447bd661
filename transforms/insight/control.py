"""Process behaviour charts: XmR, Laney's p' and u', and the three rules that read them.

Arrays are series × weeks (any leading shape, the last axis is time). NaN is a week that is not there: the moving
range is taken between neighbours that are both known.

Sources: Wheeler, Making Sense of Data (2003): XmR, its scaling factors and rules one to three.
Laney, Improved control charts for attributes, Quality Engineering 14:531-537 (2002): p' and u'.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

D2 = 1.128  # the mean range of two normal values in standard deviations, as it is printed: 2 / sqrt(pi)
RANGE_TO_LIMIT = 2.66  # 3 / D2 as it is printed, of the mean moving range
EXACT_RANGE_TO_LIMIT = 1.5 * math.sqrt(math.pi)  # the same, unrounded
MEDIAN_RANGE_TO_LIMIT = 3.145  # of the median moving range
RANGE_LIMIT = 3.268  # of the mean moving range: how large one moving range may be
RUN = 8  # rule two: so many successive weeks on one side of the centre
NEAR, NEAR_OF = 3, 4  # rule three: three of four successive weeks nearer a limit than the centre


@dataclass(frozen=True)
class Chart:
    """Centre and natural limits, one per series (XmR) or one per week (p', u': they follow n)."""

    centre: Floats
    low: Floats
    high: Floats
    sigma: Floats  # a third of the way to a limit, in the unit of the value
    sigma_z: Floats  # Laney's: how much wider than sampling alone (XmR: 1)


def moving_range(x: ArrayLike) -> Floats:
    """Mean absolute difference of successive weeks, per series; NaN where there is none."""
    ranges = np.abs(np.diff(np.asarray(x, float), axis=-1))
    known = ~np.isnan(ranges)
    return _over(np.where(known, ranges, 0).sum(-1), known.sum(-1))


def xmr(baseline: ArrayLike, *, factor: float = RANGE_TO_LIMIT) -> Chart:
    """XmR from the weeks of a baseline: the mean ± factor · mean moving range."""
    x = np.asarray(baseline, float)
    known = ~np.isnan(x)
    centre = _over(np.where(known, x, 0).sum(-1), known.sum(-1))
    width = factor * moving_range(x)
    return Chart(centre, centre - width, centre + width, width / 3, np.ones_like(centre))


def xmr_median(baseline: ArrayLike) -> Chart:
    """XmR from medians, for a baseline with incidents in it: the median ± 3.145 · median moving range."""
    x = np.asarray(baseline, float)
    centre = np.nanmedian(x, axis=-1)
    width = MEDIAN_RANGE_TO_LIMIT * np.nanmedian(np.abs(np.diff(x, axis=-1)), axis=-1)
    return Chart(centre, centre - width, centre + width, width / 3, np.ones_like(centre))


def range_limit(baseline: ArrayLike) -> Floats:
    """Upper limit of a single moving range: 3.268 · mean moving range."""
    return RANGE_LIMIT * moving_range(baseline)


def laney_p(d: ArrayLike, n: ArrayLike, baseline: ArrayLike) -> Chart:
    """p' for shares: d of n in each week; `baseline` marks the weeks that centre and sigma_z are learned from.

    Limits centre ± 3 sigma_z sqrt(centre (1 - centre) / n), for every week that has an n, within 0 and 1.
    """
    return _laney(d, n, baseline, is_share=True)


def laney_u(c: ArrayLike, n: ArrayLike, baseline: ArrayLike) -> Chart:
    """u' for rates: c events over n units in each week; limits centre ± 3 sigma_z sqrt(centre / n), not below 0."""
    return _laney(c, n, baseline, is_share=False)


def _laney(count: ArrayLike, n: ArrayLike, baseline: ArrayLike, *, is_share: bool) -> Chart:
    d, units = np.asarray(count, float), np.asarray(n, float)
    used = np.asarray(baseline, bool) & (units > 0) & ~np.isnan(d)
    events, over = np.where(used, d, 0).sum(-1), np.where(used, units, 0).sum(-1)
    centre = _over(events, over)[..., None]
    # A share that was always 0 or always 1 would have no sampling error at all: half an event more on either side.
    spread = _over(np.clip(events, 0.5, over - 0.5 if is_share else None), over)[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        sampling = np.sqrt(spread * (1 - spread if is_share else 1) / units)
        z = (d / units - centre) / sampling
    # Baseline weeks stand side by side, whatever lies between them.
    sigma_z = np.maximum(moving_range(in_a_row(z, used)) / D2, 1)[..., None]
    width = 3 * sigma_z * sampling
    low, high = np.maximum(centre - width, 0), centre + width
    high = np.minimum(high, 1) if is_share else high
    return Chart(np.broadcast_to(centre, d.shape), low, high, sigma_z * sampling, sigma_z[..., 0])


def in_a_row(x: Floats, kept: Flags) -> Floats:
    """The kept weeks moved to the end, in their order; NaN before them."""
    order = np.argsort(kept, axis=-1, kind="stable")
    return np.asarray(np.where(np.take_along_axis(kept, order, -1), np.take_along_axis(x, order, -1), np.nan))


def outside(x: ArrayLike, chart: Chart) -> Flags:
    """Rule one: a week outside the limits."""
    values = np.asarray(x, float)
    return np.asarray((values > _wide(chart.high, values)) | (values < _wide(chart.low, values)))


def run_length(x: ArrayLike, centre: ArrayLike) -> NDArray[np.int64]:
    """Successive weeks on this week's side of the centre, this one counted. On the centre, or unknown: 0."""
    values = np.asarray(x, float)
    side = np.nan_to_num(np.sign(values - _wide(np.asarray(centre, float), values)))
    length = np.zeros(values.shape, np.int64)
    for week in range(values.shape[-1]):  # a step of all series at once
        same = (side[..., week] == side[..., week - 1]) if week else np.zeros(values.shape[:-1], bool)
        length[..., week] = np.where(side[..., week] == 0, 0, 1 + same * length[..., week - 1])
    return length


def long_run(x: ArrayLike, centre: ArrayLike) -> Flags:
    """Rule two: eight successive weeks, or more, on one side of the centre."""
    return np.asarray(run_length(x, centre) >= RUN)


def near_limit(x: ArrayLike, chart: Chart) -> Flags:
    """Rule three: this week and at least two of the three before it are nearer the same limit than the centre."""
    return near_run(x, chart) > 0


def near_run(x: ArrayLike, chart: Chart) -> NDArray[np.int64]:
    """Where rule three holds, how many weeks ago its first week was, this one counted (3 or 4); else 0."""
    values = np.asarray(x, float)
    centre = _wide(chart.centre, values)
    found = np.zeros(values.shape, np.int64)
    half = 1.5 * _wide(chart.sigma, values)  # not of high - centre: a limit that stops at 0 or 1 has not come nearer
    for side in (-1, 1):
        near = side * (values - centre) > half
        back = np.stack([_earlier(near, lag) for lag in range(NEAR_OF)])
        holds = near & (back.sum(0) >= NEAR)
        found = np.where(holds, np.where(back[NEAR_OF - 1], NEAR_OF, NEAR), found)
    return found


def _earlier(flags: Flags, lag: int) -> Flags:
    moved = np.zeros_like(flags)
    moved[..., lag:] = flags[..., : flags.shape[-1] - lag]
    return moved


def _wide(of_series: Floats, values: Floats) -> Floats:
    """One number per series beside its weeks; what is per week already stays."""
    return np.asarray(of_series[..., None] if of_series.ndim < values.ndim else of_series)


def _over(numerator: Floats, denominator: ArrayLike) -> Floats:
    below = np.asarray(denominator, float)
    return np.asarray(np.divide(numerator, below, out=np.full(np.shape(numerator), np.nan), where=below > 0))
