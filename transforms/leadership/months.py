"""Months against weeks: a month less its shown weeks must not give away a hidden week, nor weeks a hidden month."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import inf

import numpy as np

from transforms.leadership.disclosure import CASES_WIDTH, COUNTED_WIDTH, Kind
from transforms.leadership.protect import Table, protect


@dataclass(frozen=True)
class Total:
    """Cases and numerator of a whole week or month."""

    n: float
    numerator: float


def months_to_hide(
    hidden_weeks: Mapping[date, Total | None], months: Mapping[date, Total], small: Collection[date], over: Collection[date],
    kind: Kind,
) -> set[date]:  # fmt: skip
    """The months of a KPI that cannot be shown beside its weeks.

    Hidden are the small ones; the running month once a week of it is hidden, since two issues of it differ by a week;
    those of a stock that are a hidden week; and those less whose shown weeks a hidden week could be worked out. A reader is
    taken to know how many cases of a shown week lie in which month.
    """
    parts = {month: _weeks_of(month, hidden_weeks) for month in months}
    hidden = {month for month in months if month in small or (parts[month] and month not in over)}
    if kind.is_stock:
        hidden |= {month for month in months if any(_shows(month, week) for week in hidden_weeks)}
    hidden |= {near for month in small if not parts.get(month) for near in _neighbours(month) if near in months}
    if not any(parts.values()):
        return hidden
    # A week across two months is two parts: of neither is known how much of the week it has.
    pieces = sorted({(week, month if _crosses(week) else None) for month in months for week in parts[month]}, key=str)
    place = {piece: number for number, piece in enumerate(pieces)} | {
        (month, month): len(pieces) + number for number, month in enumerate(months)
    }
    sums = [
        (place[month, month], [place[week, month if _crosses(week) else None] for week in parts[month]])
        for month in months
        if parts[month]
    ]
    flags = np.array([True] * len(pieces) + [month in hidden for month in months])
    cost = np.array([inf] * len(pieces) + [1.0] * len(months))
    totals = [hidden_weeks[week] if own is None else None for week, own in pieces] + list(months.values())
    for room, width in ((_cases_room, CASES_WIDTH), (_counted_room, COUNTED_WIDTH)):
        bounds = [room(total, kind) if total else (0.0, inf) for total in totals]
        down, up = np.array([low for low, _ in bounds]), np.array([high for _, high in bounds])
        flags, _, _ = protect(Table(down, up, cost, sums), flags, np.zeros(len(flags), bool), width)
    return {month for month in months if flags[place[month, month]]}


def _shows(month: date, week: date) -> bool:
    """Whether a stock's month is one of its weeks: it has the stock of its last Sunday."""
    sunday = week + timedelta(days=6)
    return sunday.replace(day=1) == month != (sunday + timedelta(weeks=1)).replace(day=1)


def _cases_room(total: Total, kind: Kind) -> tuple[float, float]:
    least = max(min(total.n, 1.0), 0.0 if kind.is_open else abs(total.numerator))
    return max(total.n - least, 0.0), inf


def _counted_room(total: Total, kind: Kind) -> tuple[float, float]:
    return total.numerator + (total.n if kind.is_net else 0.0), inf if kind.is_open else total.n - total.numerator


def _weeks_of(month: date, weeks: Collection[date]) -> list[date]:
    end = _next(month)
    return sorted(week for week in weeks if month - timedelta(days=6) <= week < end)


def _crosses(week: date) -> bool:
    return week.month != (week + timedelta(days=6)).month


def _next(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _neighbours(month: date) -> tuple[date, date]:
    return (month - timedelta(days=1)).replace(day=1), _next(month)
