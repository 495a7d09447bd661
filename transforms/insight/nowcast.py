"""Where a young cohort will end up: the final value of a share from what is counted so far, with a 90 % interval.

Method: the cases of a cohort that are not counted yet at an age are counted later with a probability that past cohorts
tell. Its variation between cohorts, beyond chance, is estimated by moments (as in a quasi-binomial model; DerSimonian and
Laird 1986), so that the interval knows that weeks differ. The base can grow too, as orders are delivered: it is
completed by chain ladder (Mack 1993). What is still to come is taken to be beta-distributed with these moments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, norm, t

Numbers = NDArray[np.float64]
FEWEST_COHORTS = 6
LEVEL = 0.90


@dataclass(frozen=True)
class Nowcast:
    """Per slice: the final value (a fraction), its interval, and the final sums expected. NaN: not enough is known."""

    value: Numbers
    low: Numbers
    high: Numbers
    numerator: Numbers
    denominator: Numbers


@dataclass(frozen=True)
class Past:
    """Past cohorts, slices × cohorts: counted and base when they were as old, and in the end."""

    counted: Numbers
    base: Numbers
    final_counted: Numbers
    final_base: Numbers


def expect(counted: Numbers, base: Numbers, past: Past) -> Nowcast:
    """Nowcast cohorts of one age, one per slice: `counted` of `base` cases so far, given past ones at the same age."""
    with np.errstate(divide="ignore", invalid="ignore"):
        growth, growth_variance = _growth(past)
        total = base * growth
        waiting = np.maximum(total - counted, 0)
        chance, variance, cohorts = _chance(past)
        value = (counted + waiting * chance) / total
        # Of the share that is still to come: chance itself, its variation, and how far the base is from known.
        moved = counted * (1 - chance) / waiting
        # Variances from few cohorts are uncertain themselves: the wider quantile of Student's t, as a factor.
        tail = (1 - LEVEL) / 2
        wider = (t.ppf(1 - tail, np.maximum(cohorts - 1, 1)) / norm.ppf(1 - tail)) ** 2
        spread = chance * (1 - chance) / waiting + wider * (variance + moved * moved * growth_variance)
        size = chance * (1 - chance) / np.minimum(spread, 0.99 * chance * (1 - chance)) - 1
        least, most, most_from_none = (
            np.where(waiting > 0, np.rint(waiting * beta.ppf(p, chance * size, (1 - chance) * size)), 0)
            for p in (tail, 1 - tail, LEVEL)
        )
        # Cases are whole: an end between two counts is moved to the nearer one. Where "none more" is within, nothing lies
        # below, and the whole of what may be missed lies above.
        low = np.minimum((counted + least) / total, value)
        high = np.maximum((counted + np.where(least > 0, most, most_from_none)) / total, value)
        unknown = (cohorts < FEWEST_COHORTS) | ~(total > 0)
    figures = (value, low, high, counted + waiting * chance, total)
    return Nowcast(*(np.where(unknown, np.nan, figure) for figure in figures))


def _growth(past: Past) -> tuple[Numbers, Numbers]:
    """By how much the base still grows, and the squared relative deviation of that from cohort to cohort."""
    all_then, all_final = past.base.sum(1), past.final_base.sum(1)
    share = all_then / all_final
    known = past.final_base > 0
    deviation = np.where(known, past.base / past.final_base - share[:, None], 0)
    weight = past.final_base / all_final[:, None]
    cohorts = known.sum(1)
    return all_final / all_then, (weight * deviation**2).sum(1) / share**2 * cohorts / np.maximum(cohorts - 1, 1)


def _chance(past: Past) -> tuple[Numbers, Numbers, NDArray[np.int64]]:
    """The chance of a waiting case to be counted later, its variance for a new cohort, and how many cohorts told it.

    Half a case is added to each side: where none came late so far, one still may.
    """
    waiting = past.final_base - past.counted
    later = past.final_counted - past.counted
    cohorts = (waiting > 0).sum(1)
    all_waiting = waiting.sum(1)
    chance = (later.sum(1) + 0.5) / (all_waiting + 1)
    deviation = np.where(waiting > 0, later / waiting - chance[:, None], 0)
    binomial = chance * (1 - chance)
    squares = (waiting**2).sum(1) / all_waiting
    between = ((waiting * deviation**2).sum(1) - (cohorts - 1) * binomial) / (all_waiting - squares)
    between = np.maximum(between, 0)
    return chance, between * (1 + squares / all_waiting) + binomial / all_waiting, cohorts
