"""Who answered against who was asked: post-stratified NPS, raking, and what weighting costs in sample size.

Sources: Holt and Smith 1979 (post-stratification); Deming and Stephan 1940 (raking, or iterative proportional
fitting); Kish 1965 (effective sample size).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

Z = float(norm.ppf(0.975))


@dataclass(frozen=True)
class Weighted:
    """NPS in points with its standard error, raw and post-stratified. None: it cannot be told.

    `covered` is the share of the population in strata with an answer; below 1 there is no weighted value, because a
    part of the population said nothing.
    """

    raw: float | None
    raw_se: float | None
    value: float | None
    se: float | None
    low: float | None
    high: float | None
    n: int
    n_eff: float | None
    design_effect: float | None
    covered: float

    @property
    def differs(self) -> bool:
        """The weighted value lies more than a standard error from the raw one: who answers is not who was asked."""
        return None not in (self.raw, self.value, self.se) and abs(self.value - self.raw) > self.se  # type: ignore[operator]


def post_stratified(strata: pd.DataFrame) -> Weighted:
    """NPS with each stratum at its share of the population.

    strata: one row per stratum with `population` (any unit), `promoters`, `passives`, `detractors` (answers).
    """
    counts = strata[["promoters", "passives", "detractors"]].to_numpy(float)
    population = strata["population"].to_numpy(float)
    n = counts.sum(axis=1)
    total, answered = float(n.sum()), n > 0
    covered = float(population[answered].sum() / population.sum()) if population.sum() else 0.0
    if not total:
        return Weighted(None, None, None, None, None, None, 0, None, None, covered)
    mean, variance = _net(counts.sum(axis=0))
    raw, raw_se = 100 * mean, 100 * float(np.sqrt(variance / total))
    if bool((~answered & (population > 0)).any()):
        return Weighted(raw, raw_se, None, None, None, None, int(total), None, None, covered)
    counts, n, share = counts[answered], n[answered], population[answered] / population[answered].sum()
    each = np.array([_net(row) for row in counts])
    value = 100 * float(share @ each[:, 0])
    # One answer alone shows no spread: it is given that of all answers.
    spread = np.where(n > 1, each[:, 1] * n / np.maximum(n - 1, 1), variance)
    se = 100 * float(np.sqrt((share**2 * spread / n).sum()))
    n_eff = kish(share / n, n)
    low, high = max(-100.0, value - Z * se), min(100.0, value + Z * se)
    return Weighted(raw, raw_se, value, se, low, high, int(total), n_eff, total / n_eff, covered)


def _net(counts: np.ndarray) -> tuple[float, float]:
    """Mean and variance of +1, 0, -1 in the given numbers."""
    n = counts.sum()
    mean = (counts[0] - counts[2]) / n
    return float(mean), float((counts[0] + counts[2]) / n - mean**2)


def kish(weights: np.ndarray, repeats: np.ndarray | None = None) -> float:
    """Effective sample size (sum w)² / sum w²; `repeats`: how many answers have each weight (default one)."""
    times = np.ones_like(weights) if repeats is None else repeats
    return float((times * weights).sum() ** 2 / (times * weights**2).sum())


@dataclass(frozen=True)
class Raked:
    """The table fitted to both margins, the weight of an answer in each cell (0 where nobody answered)."""

    cells: np.ndarray
    weights: np.ndarray
    n_eff: float
    iterations: int


def rake(
    answers: np.ndarray, rows: np.ndarray, columns: np.ndarray, *, tolerance: float = 1e-12, at_most: int = 1000
) -> Raked:
    """Iterative proportional fitting of a table of answers to the margins of the population.

    Raises ValueError when the margins' sums differ, a margin has no answers, or it does not converge.
    """
    if not np.isclose(rows.sum(), columns.sum()):
        raise ValueError(f"the margins add up to {rows.sum():g} and {columns.sum():g}: they must be of one population")
    if (answers.sum(axis=1)[rows > 0] == 0).any() or (answers.sum(axis=0)[columns > 0] == 0).any():
        raise ValueError("a group of the population has no answers: put it together with a neighbour first")
    cells = answers.astype(float)
    for iteration in range(1, at_most + 1):
        cells = cells * _ratio(rows, cells.sum(axis=1))[:, None]
        cells = cells * _ratio(columns, cells.sum(axis=0))[None, :]
        if np.abs(cells.sum(axis=1) - rows).max() < tolerance * max(1.0, float(rows.max())):
            weights = _ratio(cells, answers.astype(float))
            return Raked(cells, weights, kish(weights, answers), iteration)
    raise ValueError(f"no fit within {at_most} rounds: the margins contradict the empty cells")


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    share: np.ndarray = np.divide(above, below, out=np.zeros_like(above, dtype=float), where=below > 0)
    return share
