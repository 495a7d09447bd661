"""What a week was to be expected to count, leaf by leaf, and how far it strays by itself: learned from the weeks before."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transforms.insight.decompose import Floats
from transforms.insight.lattice import coded, numbered

LEAST_BASELINE = 4
PRIOR_CASES = 1.0
PRIOR_OF_VALUE = 5.0  # cases
LOUD = 3.0  # times the median
SWEEPS = 3  # over all values and pairs of values
SIDES = ("numerator", "denominator")


class BaselineError(ValueError):
    """Weeks that cannot be compared: the tested one is missing, or there are too few before it."""


def expected_tables(
    sums: pd.DataFrame, dimensions: Sequence[str], week: Hashable, together: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two tables for `find_causes`: what changed rates did, and what a changed mix did; their moves add up.

    In between lies the tested week's volume at the rates of the weeks before. Each table brings the noise that its
    numbers had among those weeks: numerators around the rate of their leaf, volumes around their share of the week.
    together: how many weeks the tested one stands for. attrs["event"] of the first: the size of one event, for `explain`.
    """
    codes, labels = coded(sums, dimensions)
    example, leaf = numbered(codes, [len(values) for values in labels])
    leaves = codes[example]
    weekly = sums[["week", *SIDES]].assign(leaf=leaf).groupby(["leaf", "week"], as_index=False)
    counted = weekly[list(SIDES)].sum()
    is_tested = counted["week"] == week
    baseline = counted[~is_tested]
    weeks = baseline["week"].nunique()
    if not is_tested.any():
        raise BaselineError(f"week {week} has no rows; it has {weeks} others: give a week that is in the sums")
    if weeks < LEAST_BASELINE:
        raise BaselineError(f"{weeks} weeks to compare {week} with; expected at least {LEAST_BASELINE}")
    baseline = _without_loud_weeks(baseline)
    weeks = baseline["week"].nunique()
    n1, d1 = _of_leaves(counted[is_tested], len(leaves))
    n0, d0 = _of_leaves(baseline.groupby("leaf", as_index=False)[list(SIDES)].sum(), len(leaves)) / weeks
    whole = n0.sum() / d0.sum() if d0.sum() else 0.0
    # What is counted of no case, such as a contact that names no order, goes with all of them; it says nothing of the few
    # cases of which all is unknown too.
    is_bare = (d0 == 0) & (d1 == 0)
    n_of_cases = np.where(is_bare, 0.0, n0)
    rate = (n0 * weeks + PRIOR_CASES * _usual(leaves, n_of_cases * weeks, d0 * weeks)) / (d0 * weeks + PRIOR_CASES)
    usual = d0 * d1.sum() / d0.sum() if d0.sum() else d0
    is_of_case = ~is_bare[baseline["leaf"].to_numpy()]
    per_case, per_volume, event = _spreads(baseline[is_of_case], rate, d0 / max(d0.sum(), 1e-12), weeks)
    bare = np.where(is_bare, n0 * d1.sum() / d0.sum() if d0.sum() else n0, 0.0)
    once_more = 1 + together / weeks  # the expectation is a mean of noisy weeks itself
    # Cases that happened not to come are noise as well: a leaf is as uncertain as the larger side of it.
    named = pd.DataFrame(
        {
            dimension: pd.Categorical.from_codes(own, pd.Index(values))
            for dimension, own, values in zip(dimensions, leaves.T, labels, strict=True)
        }
    )
    changed_rate = named.assign(
        actual_numerator=n1,
        actual_denominator=d1,
        expected_numerator=rate * d1 + bare,
        expected_denominator=d1,
        variance=(per_case * np.maximum(d1, usual) + np.abs(bare)) * once_more,
        volume_variance=0.0,
    )
    changed_rate.attrs["event"] = event
    middle = (whole + (rate * d1 + bare).sum() / d1.sum()) / 2
    changed_mix = named.assign(
        actual_numerator=rate * d1 + bare,
        actual_denominator=d1,
        expected_numerator=rate * d0 + np.where(is_bare, n0, 0.0),
        expected_denominator=d0,
        variance=per_volume * usual * once_more * (rate - middle) ** 2,
        volume_variance=0.0,
    )
    return changed_rate, changed_mix


def _without_loud_weeks(baseline: pd.DataFrame) -> pd.DataFrame:
    """The weeks to compare with, without those in which counts strayed from their leaves' rates far more than usual.

    An earlier incident would be taken for noise, and hide the next one. Of hours and scores every week stays: a few long
    cases make a week loud in which nothing happened.
    """
    n, d = (baseline[name] for name in SIDES)
    if not bool((n >= 0).all() and (n % 1 == 0).all()):
        return baseline
    of_leaf = baseline.groupby("leaf")[list(SIDES)].transform("sum")
    likely = d * (of_leaf["numerator"] / of_leaf["denominator"].where(of_leaf["denominator"] > 0)).fillna(0.0)
    sums = pd.DataFrame({"week": baseline["week"], "squares": (n - likely) ** 2, "likely": likely})
    of_week = sums[likely > 0].groupby("week").sum()
    loudness = of_week["squares"] / of_week["likely"]
    quiet = loudness.index[loudness <= LOUD * loudness.median()]
    return baseline[baseline["week"].isin(quiet)] if len(quiet) >= LEAST_BASELINE else baseline


def _of_leaves(counted: pd.DataFrame, leaves: int) -> Floats:
    """Numerators and denominators (2 × leaves) of a table with at most one row per leaf; 0 where it has none."""
    numbers = np.zeros((len(SIDES), leaves))
    numbers[:, counted["leaf"]] = counted[list(SIDES)].to_numpy(dtype=np.float64).T
    return numbers


def _usual(leaves: NDArray[np.intp], n: Floats, d: Floats) -> Floats:
    """What a leaf's rate would be by all values and pairs of values that it has: for leaves of which little was seen.

    Fitted one after the other until they agree (iterative proportional fitting; by addition where something counts below
    0). Values alone would not do: what was never sent back has no carrier and is paid at once, or is never paid.
    """
    whole = n.sum() / d.sum() if d.sum() else 0.0
    is_counted = bool((n >= 0).all()) and whole > 0
    usual = np.full(len(leaves), whole)
    groups = [group for depth in (1, 2) for group in _groups(leaves, depth)]
    counted = [(np.bincount(group, n), np.bincount(group, d)) for group in groups]
    lowest, highest = usual.copy(), usual.copy()
    for group, (n_of, d_of) in zip(groups, counted, strict=True):
        own = ((n_of + PRIOR_OF_VALUE * whole) / (d_of + PRIOR_OF_VALUE))[group]
        lowest, highest = np.minimum(lowest, own), np.maximum(highest, own)
    for _ in range(SWEEPS):
        for group, (n_of, d_of) in zip(groups, counted, strict=True):
            expected = np.bincount(group, usual * d)
            if is_counted:
                prior = PRIOR_OF_VALUE * np.divide(expected, d_of, out=np.full_like(expected, whole), where=d_of > 0)
                usual = usual * ((n_of + prior) / (expected + prior))[group]
            else:
                usual = usual + ((n_of - expected) / (d_of + PRIOR_OF_VALUE))[group]
    return np.asarray(np.clip(usual, lowest, highest))


def _groups(leaves: NDArray[np.intp], depth: int) -> list[NDArray[np.intp]]:
    """For each set of so many dimensions the number of the group that each leaf is in."""
    sizes = leaves.max(axis=0) + 1 if len(leaves) else np.zeros(leaves.shape[1], dtype=np.intp)
    return [
        numbered(leaves[:, list(axes)], [int(size) for size in sizes[list(axes)]])[1]
        for axes in combinations(range(leaves.shape[1]), depth)
    ]


def _spreads(baseline: pd.DataFrame, rate: Floats, share: Floats, weeks: int) -> tuple[Floats, float, float]:
    """The variance of a numerator per case, for each leaf, and of a volume per case, from the baseline weeks; and how
    large the numerator of one event is, which says how far a sum of few of them strays: the third moment over the second.

    rate, share: of each leaf. Counts vary with their rate; other numerators (scores, hours) have one variance. Floors:
    a count and a volume vary at least as counts do.
    """
    leaf, n, d = (baseline[name].to_numpy() for name in ("leaf", *SIDES))
    are_counts = bool((n >= 0).all() and (n % 1 == 0).all())
    by_itself = rate * (1 - np.minimum(rate, 0.9)) if are_counts else np.ones(len(rate))
    freedom = (weeks - 1) / weeks  # a leaf's own mean was taken out of its weeks
    strayed = n - rate[leaf] * d
    squares = (strayed**2).sum()
    event = max(float((strayed**3).sum() / squares) if squares > 0 else 0.0, 1.0 if are_counts else 0.0)
    likely = (by_itself[leaf] * d).sum() * freedom
    spread = float(squares / likely) if likely > 0 else 1.0
    of_week, _ = pd.factorize(baseline["week"])
    usual = share[leaf] * np.bincount(of_week, d)[of_week]
    volume_spread = float(((d - usual) ** 2).sum() / max(usual.sum() * freedom, 1e-12))
    return by_itself * (max(spread, 1.0) if are_counts else spread), max(volume_spread, 1.0), event
