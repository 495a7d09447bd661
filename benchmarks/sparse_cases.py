"""Labelled cases as online services have them: many dimensions, few of the possible leaves, few requests in most of them.

A case is fixed by its seed, which draws everything: 4 to 8 dimensions (some of hundreds of values; some that say the
value of another, as a city its province, or almost, as an operator its data centre), 1,000 to 60,000 leaves of
heavy-tailed traffic, a success rate, failure rate or click rate, a history of one to seven periods whose mean is the
forecast, a drift of everything, values and leaves that stray by themselves, and up to three causes, which strike their
leaves unevenly.
A label is the slice an engineer would name: of slices with the same leaves the one of the fewest dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from cause_cases import NUMBERS, Case

ALIKE = 0.97  # of the requests of both: slices that are one slice
ODD_NAMES = [
    "App Version",
    "省份",
    "data centre",
    "os",
    "réseau",
    "page/api",
    "user-group",
    "model",
    "city",
    "CDN node",
]
PATIENCE = 200
SEEN = 8.0  # standard errors of what a cause does to its own requests: an incident that nobody sees has no label
ALERT = 4.0  # and of what all of them do to the whole


@dataclass(frozen=True)
class World:
    """What a case was drawn as."""

    leaves: int
    measure: str
    causes: int
    layer: int  # the largest number of dimensions of a cause
    drift: float
    dependent: bool
    periods: int
    strays: float
    uneven: float  # how differently a cause strikes its leaves, and the values of another dimension
    share: float  # of the requests, all causes together


def make_sparse_case(seed: int) -> tuple[World, Case]:
    """The case of a seed; drawn again until its causes would have been seen."""
    for attempt in range(1000):
        # What the case is like does not depend on how often it was drawn, unless it cannot be drawn like that.
        like = [seed, 78] if attempt < PATIENCE else [seed, 78, attempt // PATIENCE]
        made = _draw(np.random.default_rng([seed, attempt, 77]), np.random.default_rng(like))
        if made is not None:
            return made
    raise RuntimeError(f"seed {seed}: no case")


def _draw(rng: np.random.Generator, shape: np.random.Generator) -> tuple[World, Case] | None:
    dims = int(shape.integers(4, 9))
    leaves = int(10 ** shape.uniform(3.0, 4.78))
    number = int(shape.choice([0, 1, 2, 3], p=[0.12, 0.44, 0.26, 0.18]))
    measure = str(shape.choice(["success", "failure", "low"], p=[0.5, 0.25, 0.25]))
    periods = int(shape.choice([1, 3, 5, 7]))
    drift = float(shape.choice([0.0, 0.02, 0.05])) * float(shape.choice([-1, 1]))
    strays = float(shape.choice([0.0, 0.02, 0.05]))
    spread = float(shape.choice([0.0, 0.003, 0.02]))
    dependent = bool(shape.random() < 0.6)
    usual = float(1 - 10 ** shape.uniform(-3, -1) if measure != "low" else 10 ** shape.uniform(-2, -0.5))
    codes, texts = _leaves(rng, dims, leaves, dependent)
    volume = np.exp(rng.normal(0, rng.uniform(1.2, 2.0), len(codes)))
    volume *= 10 ** shape.uniform(0.5, 1.3) / np.median(volume)
    size_of_effects = 0.4 if measure != "low" else 0.25
    logit = np.full(len(codes), np.log(usual / (1 - usual))) + rng.normal(0, size_of_effects / 2, len(codes))
    for axis in range(dims):
        values = codes[:, axis].max() + 1
        volume *= np.exp(rng.normal(0, 0.5, values))[codes[:, axis]]
        logit += rng.normal(0, size_of_effects, values)[codes[:, axis]]
    rate = _sigmoid(logit)
    chosen = _choose(rng, codes, volume, number, list(shape.choice([1, 2, 3], 3, p=[0.48, 0.38, 0.14])))
    if chosen is None:
        return None
    fails = measure == "low" and bool(shape.random() < 0.3)  # of a low rate the cause may be a rise
    uneven = float(shape.choice([0.0, 0.3, 0.6]))
    factor, many = np.ones(len(codes)), np.ones(len(codes))
    for mask, _ in chosen:
        fall = float(np.exp(rng.uniform(np.log(0.05), np.log(0.8))))
        if measure == "low":
            fall = max(fall, 0.2)
        other = codes[mask, int(rng.integers(dims))]
        struck = fall * np.exp(rng.normal(0, uneven, len(other)) + rng.normal(0, uneven, other.max() + 1)[other])
        factor[mask] *= 1 + struck * 2 if fails else 1 - np.minimum(struck, 0.98)
        if rng.random() < 0.5:
            many[mask] *= np.exp(rng.normal(0, 0.35))
    sums = np.zeros((2, len(codes)))
    for _ in range(periods):
        d = rng.poisson(_strayed(rng, volume, rng.normal(0, 0.03), 0.2))
        n = rng.binomial(d, _overdispersed(rng, rate, spread))
        sums += n, d
    expected_n, expected_d = sums / periods
    moved = _sigmoid(np.log(rate / (1 - rate)) + drift * (3 if measure == "success" else 1))
    if strays:
        wobble = sum(rng.normal(0, strays, codes[:, axis].max() + 1)[codes[:, axis]] for axis in range(dims))
        moved = _sigmoid(np.log(moved / (1 - moved)) + wobble)
    struck = np.clip(moved * factor, 0, 1)
    d = rng.poisson(_strayed(rng, volume * many, rng.normal(0, 0.04) + drift, 0.2))
    n = rng.binomial(d, _overdispersed(rng, struck, spread))
    if chosen and not _is_seen(chosen, d, moved, struck, spread, periods):
        return None
    if measure == "failure":
        n, expected_n = d - n, expected_d - expected_n
    present = (d > 0) | (expected_d > 0)
    numbers = np.stack([n, d, expected_n, expected_d], axis=1)[present].astype(float)
    names = [str(name) for name in shape.choice(ODD_NAMES, dims, replace=False)]
    columns = {
        name: np.array(text, dtype=object)[codes[present, axis]]
        for axis, (name, text) in enumerate(zip(names, texts, strict=True))
    }
    table = pd.DataFrame({**columns, **dict(zip(NUMBERS, numbers.T, strict=True))})
    causes = [{names[a]: texts[a][v] for a, v in where} for _, where in chosen]
    share = float(volume[np.logical_or.reduce([m for m, _ in chosen])].sum() / volume.sum()) if chosen else 0.0
    layer = max((len(where) for _, where in chosen), default=0)
    world = World(len(table), measure, len(causes), layer, drift, dependent, periods, strays, uneven, share)
    return world, Case(table, names, causes)


def _leaves(rng: np.random.Generator, dims: int, leaves: int, dependent: bool) -> tuple[np.ndarray, list[list[str]]]:
    """Codes of leaves that occur (leaves × dims) and the texts of the values of each dimension."""
    sizes = [int(rng.integers(2, 6)) if rng.random() < 0.4 else int(10 ** rng.uniform(0.8, 1.5)) for _ in range(dims)]
    wide = rng.choice(dims, int(rng.integers(1, 3)), replace=False)
    for axis in wide:
        sizes[axis] = int(10 ** rng.uniform(1.5, 2.48))
    draws = 2 * leaves
    columns = [rng.choice(size, draws, p=_zipf(rng, size)) for size in sizes]
    if dependent:
        order = sorted(range(dims), key=lambda axis: -sizes[axis])
        child, parent, tied, to = order[0], order[2], order[1], order[3]
        of = rng.integers(0, sizes[parent], sizes[child])
        of[: sizes[parent]] = np.arange(min(sizes[parent], sizes[child]))
        columns[parent] = of[columns[child]]
        kind = rng.random()
        if kind < 0.7:  # almost always the same, sometimes any
            usual = rng.integers(0, sizes[to], sizes[tied])
            columns[to] = np.where(rng.random(draws) < 0.95, usual[columns[tied]], columns[to])
    codes = np.unique(np.stack(columns, axis=1), axis=0)
    codes = codes[rng.permutation(len(codes))[:leaves]]
    # The values that occur, numbered anew.
    texts = []
    for axis in range(dims):
        codes[:, axis] = np.unique(codes[:, axis], return_inverse=True)[1]
        count = int(codes[:, axis].max()) + 1
        style = rng.integers(0, 3)
        own = [str(100 + v) if style == 0 else f"值 {v}" if style == 1 else f"v{v}" for v in range(count)]
        for odd in ("", "null", "unknown", "0"):
            if rng.random() < 0.15:
                own[int(rng.integers(count))] = odd
        texts.append(own if len(set(own)) == count else [f"v{v}" for v in range(count)])
    return codes, texts


def _zipf(rng: np.random.Generator, size: int) -> np.ndarray:
    weight = 1 / np.arange(1, size + 1) ** rng.uniform(0.4, 1.2)
    return np.asarray(weight / weight.sum())


def _strayed(rng: np.random.Generator, volume: np.ndarray, drift: float, spread: float) -> np.ndarray:
    return np.asarray(volume * np.exp(drift) * rng.gamma(1 / spread**2, spread**2, len(volume)))


def _overdispersed(rng: np.random.Generator, rate: np.ndarray, spread: float) -> np.ndarray:
    if not spread:
        return rate
    cases = 1 / spread - 1
    inside = np.clip(rate, 1e-6, 1 - 1e-6)
    return np.asarray(rng.beta(inside * cases, (1 - inside) * cases))


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-logit)))


def _is_seen(
    chosen: list[tuple[np.ndarray, list[tuple[int, int]]]],
    d: np.ndarray,
    moved: np.ndarray,
    struck: np.ndarray,
    spread: float,
    periods: int,
) -> bool:
    """Every cause in its own requests beyond those of others, and all of them in the whole."""
    effect = d * (struck - moved)
    noise = d * np.maximum(moved * (1 - moved), struck * (1 - struck)) * (1 + spread * d) * (1 + 1 / periods)
    for i, (mask, _) in enumerate(chosen):
        own = mask & ~np.logical_or.reduce([m for j, (m, _) in enumerate(chosen) if j != i] or [np.zeros_like(mask)])
        if abs(effect[own].sum()) < SEEN * np.sqrt(noise[own].sum() + 1):
            return False
        if abs(effect[own].sum()) < 0.1 * abs(effect.sum()):
            return False
    return bool(abs(effect.sum()) >= ALERT * np.sqrt(noise.sum()))


def _choose(
    rng: np.random.Generator, codes: np.ndarray, volume: np.ndarray, number: int, layers: list[int]
) -> list[tuple[np.ndarray, list[tuple[int, int]]]] | None:
    """Slices of the wanted layers, named as an engineer would."""
    chosen: list[tuple[np.ndarray, list[tuple[int, int]]]] = []
    same = rng.random() < 0.5  # causes of the same dimensions
    axes = np.sort(rng.permutation(codes.shape[1])[: layers[0]])
    for _ in range(300):
        if len(chosen) == number:
            break
        if not chosen or not same:
            axes = np.sort(rng.permutation(codes.shape[1])[: layers[len(chosen)]])
        leaf = codes[rng.choice(len(codes), p=volume / volume.sum() if rng.random() < 0.5 else None)]
        named = _named(codes, volume, axes, leaf)
        if named is None:
            continue
        mask, where = named
        share = volume[mask].sum() / volume.sum()
        if mask.sum() < 5 or not 0.005 <= share <= 0.6:
            continue
        # A cause within another, or most of it, is no cause of its own.
        overlaps = [volume[mask & m].sum() / min(volume[mask].sum(), volume[m].sum()) for m, _ in chosen]
        if max(overlaps, default=0) > 0.4:
            continue
        together = np.logical_or.reduce([mask, *(m for m, _ in chosen)])
        if volume[together].sum() > 0.65 * volume.sum():
            continue
        chosen.append((mask, where))
    return chosen if len(chosen) == number else None


def _named(
    codes: np.ndarray, volume: np.ndarray, axes: np.ndarray, leaf: np.ndarray
) -> tuple[np.ndarray, list[tuple[int, int]]] | None:
    """A slice by the name of the fewest dimensions; None when two names are as short."""
    mask = np.all(codes[:, axes] == leaf[axes], axis=1)
    whole = volume[mask].sum()
    for depth in range(1, len(axes) + 1):
        names = []
        for other in combinations(range(codes.shape[1]), depth):
            # Any slice that is nearly the same leaves holds the commonest values among them.
            typical = [np.bincount(codes[mask, axis], volume[mask]).argmax() for axis in other]
            there = np.all(codes[:, other] == typical, axis=1)
            if volume[there & mask].sum() > ALIKE * max(volume[there].sum(), whole):
                names.append((there, [(int(a), int(v)) for a, v in zip(other, typical, strict=True)]))
        if names:
            return names[0] if len(names) == 1 else None
    return None
