"""Intervals of a share, of the difference of two shares, and of the difference of two NPS; for whole columns at once.

Sources: Wilson 1927; Newcombe 1998, method 10; Rocks 2016, arXiv 1601.07235 (adjusted Wald for NPS).
"""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

Z = float(norm.ppf(0.975))
Array = np.ndarray


def wilson(x: Array, n: Array) -> tuple[Array, Array]:
    """Interval of x / n; NaN where n is 0."""
    n1 = np.maximum(n, 1)
    p = x / n1
    middle = (p + Z**2 / (2 * n1)) / (1 + Z**2 / n1)
    half = Z / (1 + Z**2 / n1) * np.sqrt(p * (1 - p) / n1 + Z**2 / (4 * n1**2))
    return np.where(n > 0, np.maximum(middle - half, 0), np.nan), np.where(n > 0, np.minimum(middle + half, 1), np.nan)


def newcombe(x: Array, n: Array, x0: Array, n0: Array) -> tuple[Array, Array, Array]:
    """x / n − x0 / n0 and its interval; NaN where either n is 0."""
    known = (n > 0) & (n0 > 0)
    p, p0 = x / np.maximum(n, 1), x0 / np.maximum(n0, 1)
    (low, high), (low0, high0) = wilson(x, n), wilson(x0, n0)
    down = np.sqrt((p - low) ** 2 + (high0 - p0) ** 2)
    up = np.sqrt((high - p) ** 2 + (p0 - low0) ** 2)
    difference, below, above = (np.where(known, v, np.nan) for v in (p - p0, p - p0 - down, p - p0 + up))
    return difference, below, above


def nps_difference(counts: Array, counts0: Array) -> tuple[Array, Array, Array]:
    """First NPS minus second, in points, and its interval; NaN where either has no answers.

    counts: rows × (promoters, passives, detractors). The difference is the raw one; the interval is centred on the
    adjusted estimates and their summed variances.
    """
    raw = [100 * (c[:, 0] - c[:, 2]) / np.maximum(c.sum(axis=1), 1) for c in (counts, counts0)]
    known = (counts.sum(axis=1) > 0) & (counts0.sum(axis=1) > 0)
    adjusted = [c + np.array([0.75, 1.5, 0.75]) for c in (counts, counts0)]
    sizes = [c.sum(axis=1) for c in adjusted]
    means = [(c[:, 0] - c[:, 2]) / n for c, n in zip(adjusted, sizes, strict=True)]
    spreads = [((c[:, 0] + c[:, 2]) / n - m**2) / n for c, n, m in zip(adjusted, sizes, means, strict=True)]
    middle, half = 100 * (means[0] - means[1]), 100 * Z * np.sqrt(spreads[0] + spreads[1])
    low, high = np.maximum(middle - half, -200), np.minimum(middle + half, 200)
    difference, below, above = (np.where(known, v, np.nan) for v in (raw[0] - raw[1], low, high))
    return difference, below, above
