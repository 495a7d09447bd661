"""Values from the first of the month, quarter and year to the end of a week, and of as many days a year before."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

from transforms.leadership.disclosure import SMALLEST_SHOWN
from transforms.leadership.few import hidden_totals
from transforms.leadership.frames import Frames, read_sql
from transforms.leadership.records import Record, records

if TYPE_CHECKING:
    from transforms.leadership.frames import Fetch

Spans = dict[tuple[str, str], Record]


def values_to_date(fetch: Fetch, frames: Frames, week: date, tables: Collection[str]) -> Spans:
    """(kpi, statistic) -> {month_to_date, quarter_to_date, year_to_date}, each {value, prior_year_value, days} or None.

    Ratios are added up from their days. Durations are those of kpi_to_date, which has the latest weeks only: the curve of
    older ones is not published. Nothing of fewer cases than may be shown, and of no span, in this year or the one before,
    that holds a week whose total is hidden: what is left of the span would tell it.
    """
    hidden = hidden_totals(frames.hidden)
    found: Spans = {}
    for row in _rows(fetch, week, tables):
        is_few = (row["n"] or 0) < SMALLEST_SHOWN and frames.audience != "analysts"
        if is_few or any(kpi == row["kpi"] and _holds(row["span"], week, at) for kpi, at in hidden):
            continue
        spans = found.setdefault((row["kpi"], row["statistic"]), {})
        span = spans.setdefault(f"{row['span']}_to_date", {"value": None, "prior_year_value": None, "days": 0})
        span |= {"prior_year_value": row["value"]} if row["is_prior"] else {"value": row["value"], "days": row["days"]}
    return found


def _holds(span: str, week: date, other: date) -> bool:
    """Whether days of the other week lie in the span that ends with the week, or in that of the year before."""
    end = week + timedelta(days=6)
    first = date(end.year, {"month": end.month, "quarter": (end.month - 1) // 3 * 3 + 1, "year": 1}[span], 1)
    # The year before, whether or not it had a 29 February.
    spans = [(first, end), (first - timedelta(days=366), end - timedelta(days=365))]
    return any(other <= last and other + timedelta(days=6) >= start for start, last in spans)


def _rows(fetch: Fetch, week: date, tables: Collection[str]) -> Iterator[Record]:
    yield from records(fetch(read_sql("to_date"), [week + timedelta(days=6)]))
    if "kpi_to_date" in tables:
        yield from records(fetch(read_sql("durations_to_date"), [week]))
