"""Frames as plain records, with the figures that may not be shown taken out.

Every part of the weekly file takes its rows from here, so none can show what another hides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from transforms.leadership.frames import PRIOR_YEAR, SMALLEST_SHOWN, Frames, months_before

if TYPE_CHECKING:
    import pandas as pd

Record = dict[str, Any]

MEASURED = ("value", "ci_low", "ci_high", "numerator", "denominator")
TOO_FEW = f"fewer than {SMALLEST_SHOWN} cases: shown to analysts only"
# column -> the period it comes from
_PRIOR_WEEKS: Mapping[str, Callable[[date], date]] = {
    "prior_value": lambda week: week - timedelta(weeks=1),
    "prior_year_value": lambda week: week - PRIOR_YEAR,
}
_PRIOR_MONTHS: Mapping[str, Callable[[date], date]] = {
    "prior_value": lambda month: months_before(month, 1),
    "prior_year_value": lambda month: months_before(month, 12),
}
_KEY = ("kpi", "dimension", "dimension_value", "statistic")


def records(frame: pd.DataFrame) -> list[Record]:
    """The frame's rows as dicts of Python values: missing is None, DATE a date, lists are lists."""
    columns = [str(name) for name in frame.columns]
    return [
        dict(zip(columns, map(_plain, row), strict=True))
        for row in frame.astype(object).itertuples(index=False, name=None)
    ]


def weekly_rows(frames: Frames) -> list[Record]:
    """The weeks of everything together, fit to leave the analysts' circle."""
    return _shown(records(frames.weekly), records(frames.hidden_weeks), "week", _PRIOR_WEEKS)


def monthly_rows(frames: Frames) -> list[Record]:
    """The months of everything together, fit to leave the analysts' circle."""
    return _shown(records(frames.monthly), records(frames.hidden_months), "month", _PRIOR_MONTHS)


def week_rows(frames: Frames) -> list[Record]:
    """Every row of the week, single dimensions and pairs, fit to leave the analysts' circle."""
    return _shown(records(frames.week_rows), records(frames.hidden_weeks), "week", _PRIOR_WEEKS)


def segment_rows(frames: Frames) -> list[Record]:
    """The week's rows of one dimension."""
    return [row for row in week_rows(frames) if row["dimension"] != "all" and "×" not in row["dimension"]]


def whole_number(value: Any) -> int | None:
    """A count that pandas may have turned into a float on its way."""
    return None if value is None else int(value)


def _shown(
    rows: Iterable[Record], hidden: Iterable[Record], period: str, priors: Mapping[str, Callable[[date], date]]
) -> list[Record]:
    """Withheld and too small figures are None, with the reason in `note`; so is a prior value of a hidden row."""
    gone = {(*(row[name] for name in _KEY), row[period]) for row in hidden}

    def without_hidden_priors(row: Record) -> Record:
        key = tuple(row[name] for name in _KEY)
        return row | {column: None for column, back in priors.items() if (*key, back(row[period])) in gone}

    return [without_hidden_priors(_without_hidden(row)) for row in rows]


def _without_hidden(row: Record) -> Record:
    n = row["n"]
    if row["status"] == "withheld":
        return row | dict.fromkeys(MEASURED)
    if row["status"] == "suppressed" or (n is not None and 0 < n < SMALLEST_SHOWN):
        return row | dict.fromkeys(MEASURED) | {"status": "suppressed", "note": TOO_FEW}
    return row


def _plain(value: Any) -> Any:
    if value is None or type(value) is str:  # most cells; the rest of the function is slow for a million of them
        return value
    if type(value) is float:
        return None if value != value else value
    if isinstance(value, datetime):  # pandas' NaT too
        moment = value.to_pydatetime() if hasattr(value, "to_pydatetime") else value
        if moment != moment:
            return None
        return moment.date() if moment.tzinfo is None and moment.time() == datetime.min.time() else moment
    if isinstance(value, str | date | Mapping):
        return value
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        value = value.tolist()
    if isinstance(value, float) and value != value:
        return None
    return None if _is_missing(value) else value


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return value is pd.NA or value is pd.NaT
