"""Counts that are one number by definition, of whatever KPI: to show one of them is to show them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from transforms.leadership.cells import Key, Sum
from transforms.leadership.protect import Flags

Link = tuple[
    Sequence[int], Sequence[int]
]  # the places of cells whose cases, and of those whose numerators, are one number


@dataclass(frozen=True)
class Linked:
    """What links say of the cells of a week.

    `cases` and `counted`: pairs that are equal, as sums of one part. `together`: cells of which all are hidden or none,
    since the cases of one are what is counted of another. `is_told` and `is_counted_told`: the cells whose cases, or
    numerator, a total of another KPI shows: they are no secret.
    """

    cases: list[Sum]
    counted: list[Sum]
    together: list[list[int]]
    is_told: Flags
    is_counted_told: Flags


def read_links(keys: Sequence[Key], links: Sequence[Link], hidden: Flags) -> Linked:
    """`hidden`: the cells that are hidden from the first; what only their totals tell is told by none."""
    found = Linked([], [], [], np.zeros(len(keys), bool), np.zeros(len(keys), bool))
    for cases, numerators in links:
        found.cases.extend((one, [other]) for one, other in combinations(cases, 2))
        found.counted.extend((one, [other]) for one, other in combinations(numerators, 2))
        totals = {place for place in (*cases, *numerators) if keys[place][1] == "all"}
        if cases and numerators and not totals:
            found.together.append(sorted({*cases, *numerators}))
        telling = {keys[place][0] for place in totals if not hidden[place]}
        for places, is_told in ((cases, found.is_told), (numerators, found.is_counted_told)):
            for place in set(places) - totals:
                is_told[place] |= bool(telling - {keys[place][0]})
    return found
