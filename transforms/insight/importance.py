"""Dividing what several overlapping things explain together: shares of R² that add up to it.

Sources: Lindeman, Merenda and Gold 1980, in Grömping 2007 (average over orderings); Johnson 2000 (relative weights).
"""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np


def explained(rxx: np.ndarray, rxy: np.ndarray, chosen: tuple[int, ...]) -> float:
    """R² of the regression on the chosen variables, from correlations."""
    if not chosen:
        return 0.0
    of = list(chosen)
    return float(rxy[of] @ np.linalg.lstsq(rxx[np.ix_(of, of)], rxy[of], rcond=None)[0])


def lmg(rxx: np.ndarray, rxy: np.ndarray) -> np.ndarray:
    """Each variable's gain in R², averaged over all orderings. 2^p regressions: for a dozen variables at most."""
    p = len(rxy)
    every = [s for size in range(p + 1) for s in combinations(range(p), size)]
    r2 = {s: explained(rxx, rxy, s) for s in every}
    gains = np.zeros(p)
    for s in every:
        weight = 1 / (p * comb(p - 1, len(s))) if len(s) < p else 0.0
        for j in set(range(p)) - set(s):
            gains[j] += weight * (r2[tuple(sorted((*s, j)))] - r2[s])
    return gains


def relative_weights(rxx: np.ndarray, rxy: np.ndarray) -> np.ndarray:
    """Johnson's weights: shares by way of the nearest uncorrelated variables. Raises LinAlgError when rxx is singular."""
    values, vectors = np.linalg.eigh(rxx)
    root = vectors @ np.diag(np.sqrt(np.clip(values, 0, None))) @ vectors.T
    weights: np.ndarray = (root**2) @ np.linalg.solve(root, rxy) ** 2
    return weights
