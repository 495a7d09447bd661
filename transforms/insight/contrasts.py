"""What one weekly series did after a date, against what it did before, with the noise it has.

A series is one value and one size (cases) per week. A week's variance is s² · (mean size / its size), so a week of few
cases counts less; weeks are correlated as ρ^distance, so that a slow wave is not taken for many independent weeks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Weeks = NDArray[np.bool_]

MAX_CORRELATION = 0.9
STEEP = 3.0  # standard errors from which a slope before the date is carried on after it


@dataclass(frozen=True)
class Contrast:
    """After minus what was to be expected from before, in the units of the series."""

    effect: float
    error: float  # standard error
    freedom: float  # degrees of freedom of the error (Satterthwaite)
    residuals: Floats  # of every week, against the expectation

    @property
    def score(self) -> float:
        """The effect in standard errors."""
        return self.effect / self.error


def contrast(values: Floats, sizes: Floats, before: Weeks, after: Weeks, rho: float, *, trend: bool) -> Contrast:
    """Generalised contrast of the weeks `after` with a level (and slope, with `trend`) fitted to the weeks `before`.

    Weeks in neither take no part. The effect is a weighted sum l'y of the weeks, so its variance is l'Σl exactly;
    s² comes from the weeks before alone, and its degrees of freedom from Satterthwaite (1946).
    """
    weeks = np.arange(len(values), dtype=float)
    design = np.column_stack([np.ones_like(weeks), weeks - weeks[before].mean()])[:, : 2 if trend else 1]
    size = np.where(sizes > 0, sizes, np.nan)
    weight = size[before] / size[before].mean()
    x = design[before]
    solve = np.linalg.solve((x * weight[:, None]).T @ x, (x * weight[:, None]).T)  # coefficients = solve @ y
    share = size[after] / size[after].sum()
    onto = share @ design[after] @ solve
    spread = _covariance(weeks, size, size[before].mean(), rho)
    chosen = np.concatenate([np.flatnonzero(before), np.flatnonzero(after)])
    weights = np.concatenate([-onto, share])
    maker = np.eye(int(before.sum())) - x @ solve
    mixed = maker.T @ (weight[:, None] * maker) @ spread[np.ix_(before, before)]
    fitted = design @ (solve @ values[before])
    residuals = values - fitted
    scale = float(residuals[before] @ (weight * residuals[before]) / np.trace(mixed))
    variance = scale * float(weights @ spread[np.ix_(chosen, chosen)] @ weights)
    freedom = float(np.trace(mixed) ** 2 / np.trace(mixed @ mixed))
    return Contrast(float(share @ residuals[after]), max(variance, 0.0) ** 0.5, max(freedom, 1.0), residuals)


def correlation(series: Floats, sizes: Floats, before: Weeks) -> float:
    """Correlation of neighbouring weeks before the date, pooled over the columns: 0 to 0.9.

    NaN: a week that is not known. A short series makes it too small, by about (1 + 3ρ) / T (Kendall 1954): that is put back.
    """
    parts, weight = series[before], sizes[before] / np.nanmean(sizes[before], axis=0)
    level = np.nansum(parts * weight, axis=0) / np.nansum(np.where(np.isnan(parts), 0.0, weight), axis=0)
    noise = (parts - level) * np.sqrt(weight)
    noise = np.nan_to_num(noise / np.maximum(np.sqrt(np.nanmean(noise**2, axis=0)), np.finfo(float).tiny))
    rho = float((noise[1:] * noise[:-1]).sum() / max((noise**2).sum(), np.finfo(float).tiny))
    return float(np.clip(rho + (1 + 3 * rho) / len(parts), 0.0, MAX_CORRELATION))


def is_steep(values: Floats, sizes: Floats, before: Weeks, rho: float) -> bool:
    """Whether the series was already under way before the date: its second half differs from what its first half says."""
    weeks = np.flatnonzero(before)
    half = len(weeks) // 2
    if half < 4:
        return False
    first, second = np.zeros_like(before), np.zeros_like(before)
    first[weeks[:half]], second[weeks[half:]] = True, True
    found = contrast(values, sizes, first, second, rho, trend=False)
    return found.error > 0 and abs(found.score) > STEEP


def middle(values: Floats, weights: Floats) -> Floats:
    """Weighted median of every row: one slice with an incident of its own does not move it. NaN takes no part, and is the answer for a row without values."""
    known = ~np.isnan(values)
    order = np.argsort(np.where(known, values, np.inf), axis=1)
    ordered = np.take_along_axis(np.where(known, values, 0.0), order, axis=1)
    share = np.take_along_axis(np.where(known, weights, 0.0), order, axis=1)
    share = share / np.maximum(share.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    place = share.cumsum(axis=1) - share / 2
    right = np.minimum((place < 0.5).sum(axis=1), known.sum(axis=1) - 1)
    left = np.maximum(right - 1, 0)
    rows = np.arange(len(values))
    gap = place[rows, right] - place[rows, left]
    part = np.where(gap > 0, (0.5 - place[rows, left]) / np.where(gap > 0, gap, 1.0), 1.0).clip(0.0, 1.0)
    mixed: Floats = ordered[rows, left] + part * (ordered[rows, right] - ordered[rows, left])
    return np.where(known.any(axis=1), mixed, np.nan)


def half_width(found: Contrast, level: float = 0.95) -> float:
    """Half the width of the interval."""
    return float(stats.t.ppf((1 + level) / 2, found.freedom)) * found.error


def _covariance(weeks: Floats, size: Floats, mean_size: float, rho: float) -> Floats:
    deviation = np.sqrt(mean_size / size)
    joint: Floats = rho ** np.abs(weeks[:, None] - weeks[None, :]) * deviation[:, None] * deviation[None, :]
    return joint
