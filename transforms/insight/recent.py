"""Have the last weeks moved? A test of the last one, two and three weeks together against the weeks before them.

Complements Wheeler's three rules, which with limits from 26 weeks raise a false alarm in one quarter of six. Here the
means of the last 1, 2 and 3 weeks are each held against the baseline by Student's t, and the three share one false
alarm rate: as many lasting shifts are found within three weeks, at a fifth of the false alarms (benchmarks/signals.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from transforms.insight.control import Flags, Floats

# False alarms that are allowed a week: for a KPI's headline, and for all of its segments together. About one quarter of
# 13 weeks in thirty has a false signal in the headline, one in a hundred in some segment: at most one in twenty.
ALPHA, SEGMENTS_ALPHA = 0.004, 0.001
# How much of the false alarm rate each length may use: most for what lasts, little for a single week, which has to
# stand out by itself.
LENGTHS = (1, 2, 3)
PART = np.array([0.1, 0.25, 0.65])
RECENT = len(LENGTHS)


@dataclass(frozen=True)
class Baseline:
    """Level and spread of a series, learned from weeks before the recent ones. One entry per series."""

    level: Floats
    spread: Floats
    df: Floats  # degrees of freedom of the spread
    weeks: NDArray[np.int64]  # of the level
    least: Floats  # the spread cannot be smaller; 0 where that is not known
    slope: Floats  # series × LENGTHS: what an estimate of the part that stays adds to a mean's variance, in spreads²


@dataclass(frozen=True)
class Recent:
    """What the last weeks say. One entry per series."""

    p_value: Floats  # two-sided, of the three lengths together; NaN where nothing can be said
    length: NDArray[np.int64]  # of the length that says most


def learn(z: Floats, near: Flags, far: Flags, least: Floats, slope: Floats) -> Baseline:
    """From `z` (series × weeks): the level of the `near` weeks; the spread about their means of `near` and `far`.

    The older half year knows how much weeks scatter, not where the level is now.
    """
    level, squares, weeks = _scatter(z, near)
    _, more_squares, more_weeks = _scatter(z, far)
    df = np.maximum(weeks - 1, 0) + np.maximum(more_weeks - 1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt((squares + more_squares) / df)
    return Baseline(level, spread, df.astype(float), weeks, least, slope)


def recent_weeks(z: Floats, known: Flags, baseline: Baseline) -> Recent:
    """The last weeks of `z` (series × weeks; the last is the one tested) against the baseline.

    A length counts while all of its weeks are `known`, and while the last week itself is still out, by a standard
    deviation or more on the same side: what is over is not news.
    """
    now = z[:, -1] - baseline.level
    is_out = np.abs(now) >= np.maximum(baseline.spread, baseline.least)
    p = np.full((len(z), len(LENGTHS)), np.nan)
    for column, length in enumerate(LENGTHS[: z.shape[1]]):
        moved = z[:, -length:].mean(axis=1) - baseline.level
        said = is_out & (np.sign(moved) == np.sign(now)) if length > 1 else np.ones(len(z), bool)
        said &= known[:, -length:].all(axis=1)
        p[:, column] = np.where(said, _p_value(moved, length, baseline) / PART[column], np.nan)
    told = ~np.isnan(p[:, 0])
    best = np.argmin(np.where(np.isnan(p), np.inf, p), axis=1)
    least = np.take_along_axis(p, best[:, None], 1)[:, 0]
    return Recent(np.where(told, np.minimum(least, 1), np.nan), np.array(LENGTHS)[best])


def visible(p_value: float | Floats, baseline: Baseline, length: int) -> Floats:
    """The smallest distance from the level that reaches `p_value` when the last `length` weeks all have it."""
    tail = np.asarray(p_value) * PART[length - 1] / 2
    needed = np.maximum(stats.t.isf(tail, baseline.df) * baseline.spread, stats.norm.isf(tail) * baseline.least)
    return np.asarray(needed * _error(length, baseline))


def _p_value(moved: Floats, length: int, baseline: Baseline) -> Floats:
    """Student's t; never surer than sampling error alone would be."""
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.abs(moved) / _error(length, baseline)
        p = 2 * stats.t.sf(distance / baseline.spread, baseline.df)
        sampling = 2 * stats.norm.sf(distance / baseline.least)
    # Nothing is known of what never varied, and has no sampling error: no distance is near or far.
    p = np.where(baseline.spread + baseline.least > 0, p, np.nan)
    return np.where(baseline.least > 0, np.maximum(p, sampling), p)


def _error(length: int, baseline: Baseline) -> Floats:
    """Of the mean of `length` weeks and of the level, in spreads."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.sqrt(1 / length + 1 / baseline.weeks + baseline.slope[:, length - 1]))


def _scatter(z: Floats, used: Flags) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Mean, sum of squares about it, and number of the weeks used."""
    weeks = used.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(used, z, 0).sum(axis=1) / weeks
    squares = np.where(used, (z - mean[:, None]) ** 2, 0).sum(axis=1)
    return mean, squares, weeks
