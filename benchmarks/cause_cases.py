"""Labelled cases for root-cause search: tables of leaves with actual and expected numerators and denominators.

In the style of the derived data set of Squeeze (ISSRE 2019): heavy-tailed leaf sizes with many tiny and absent leaves,
a forecast that is wrong everywhere, and 1-3 slices of 1-3 dimensions whose leaves all move by the same relative amount
(the generalised ripple effect). A case is fixed by its setting and seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

NUMBERS = ["actual_numerator", "actual_denominator", "expected_numerator", "expected_denominator"]
DIMS = {"region": 10, "product": 12, "partner": 8, "channel": 5}


@dataclass(frozen=True)
class Setting:
    """How a case is made. noise: relative error (standard deviation) of each leaf's forecast."""

    layer: int  # dimensions of a cause
    elements: int  # causes
    noise: float
    kind: str = "numerator"  # or 'ratio' (both sides move, the ratio the most) or 'mix' (the denominator moves)
    counts: bool = False  # binomial and Poisson counts of actual events on top of the forecast's error
    same_cuboid: bool = True  # or every cause has dimensions of its own
    dims: tuple[tuple[str, int], ...] = tuple(DIMS.items())


@dataclass(frozen=True)
class Case:
    """A table and what moved in it."""

    table: pd.DataFrame
    dimensions: list[str]
    causes: list[dict[str, str]]


def make_case(setting: Setting, seed: int) -> Case:
    """One case; the causes are big enough to be seen: 0.5 % of the volume and 4 leaves each."""
    rng = np.random.default_rng([seed, setting.layer, setting.elements, int(setting.noise * 1000), setting.counts])
    names = [name for name, _ in setting.dims]
    sizes = [size for _, size in setting.dims]
    codes = np.stack([axis.ravel() for axis in np.meshgrid(*map(np.arange, sizes), indexing="ij")], axis=1)
    codes = codes[rng.random(len(codes)) > rng.uniform(0.1, 0.5)]
    volume = np.exp(rng.normal(0, 1.0, len(codes)))
    logit = np.full(len(codes), rng.uniform(-3.5, 0.5)) + rng.normal(0, 0.3, len(codes))
    for axis, size in enumerate(sizes):
        volume *= rng.pareto(1.3, size)[codes[:, axis]] + 0.05
        logit += rng.normal(0, 0.4, size)[codes[:, axis]]
    denominator = volume / volume.sum() * 10 ** rng.uniform(4.3, 6.0)
    if setting.counts:
        denominator = rng.poisson(denominator).astype(float)
        codes, denominator, logit = codes[denominator > 0], denominator[denominator > 0], logit[denominator > 0]
    rate = 1 / (1 + np.exp(-logit))
    chosen = _choose(rng, codes, denominator, rate, setting)
    up = bool(rng.random() < 0.5)
    many, bad = np.ones(len(codes)), np.ones(len(codes))
    for mask, _ in chosen:
        moved = rng.uniform(0.25, 0.8)
        factor = 1 + 3 * moved if up else 1 - moved
        if setting.kind == "mix":
            many[mask] *= factor
            continue
        bad[mask] *= factor
        if setting.kind == "ratio":
            many[mask] *= rng.uniform(0.7, 1.1)
    noise = setting.noise
    seen_denominator = denominator * many * (1 + rng.normal(0, noise / 2, len(codes))).clip(0.05)
    seen_rate = np.clip(rate * bad * (1 + rng.normal(0, noise, len(codes))).clip(0.05), 0, 1)
    if setting.counts:
        seen_denominator = rng.poisson(seen_denominator).astype(float)
        seen_numerator = rng.binomial(seen_denominator.astype(int), seen_rate).astype(float)
    else:
        seen_numerator = seen_denominator * seen_rate
    numbers = np.stack([seen_numerator, seen_denominator, denominator * rate, denominator], axis=1)
    labels = {name: [f"{name[0]}{code}" for code in codes[:, axis]] for axis, name in enumerate(names)}
    table = pd.DataFrame({**labels, **dict(zip(NUMBERS, numbers.T, strict=True))})
    causes = [{names[a]: f"{names[a][0]}{v}" for a, v in where} for _, where in chosen]
    return Case(table, names, causes)


def _choose(
    rng: np.random.Generator, codes: np.ndarray, weight: np.ndarray, rate: np.ndarray, setting: Setting
) -> list[tuple[np.ndarray, list[tuple[int, int]]]]:
    """Disjoint slices of the wanted layer, none of which is nearly another's whole."""
    axes = rng.permutation(codes.shape[1])[: setting.layer]
    chosen: list[tuple[np.ndarray, list[tuple[int, int]]]] = []
    taken = np.zeros(len(codes), dtype=bool)
    for _ in range(10_000):
        if len(chosen) == setting.elements:
            break
        if not setting.same_cuboid:
            axes = rng.permutation(codes.shape[1])[: setting.layer]
        leaf = codes[rng.integers(len(codes))]
        mask = np.all(codes[:, axes] == leaf[axes], axis=1)
        share = weight[mask].sum() / weight.sum()
        if (mask & taken).any() or mask.sum() < 4 or not 0.005 <= share <= 0.4:
            continue
        # Volume moves a ratio only where its rate is another.
        whole = (weight * rate).sum() / weight.sum()
        if setting.kind == "mix" and abs((weight * rate)[mask].sum() / weight[mask].sum() / whole - 1) < 0.4:
            continue
        # A parent with hardly anything else in it would be the same slice by another name.
        parents = [np.all(codes[:, np.delete(axes, i)] == leaf[np.delete(axes, i)], axis=1) for i in range(len(axes))]
        if any(weight[mask].sum() > 0.7 * weight[parent].sum() for parent in parents if len(axes) > 1):
            continue
        taken |= mask
        chosen.append((mask, [(int(a), int(leaf[a])) for a in np.sort(axes)]))
    return chosen
