"""Frames as plain records, with the figures that may not be shown taken out.

Every part of the weekly file takes its rows from here, so none can show what another hides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from transforms.leadership.cells import Key
from transforms.leadership.disclosure import SMALLEST_SHOWN
from transforms.leadership.frames import PRIOR_YEAR, Frames, months_before
from transforms.models import PAIR

if TYPE_CHECKING:
    import pandas as pd

Record = dict[str, Any]

MEASURED = ("value", "ci_low", "ci_high", "numerator", "denominator")
# The same words for both reasons: which of them holds would say something about the number.
TOO_FEW = f"fewer than {SMALLEST_SHOWN} cases, or would give such a number away: shown to analysts only"
# column -> the period it comes from
_PRIOR_WEEKS: Mapping[str, Callable[[date], date]] = {
    "prior_value": lambda week: week - timedelta(weeks=1),
    "prior_year_value": lambda week: week - PRIOR_YEAR,
}
_PRIOR_MONTHS: Mapping[str, Callable[[date], date]] = {
    "prior_value": lambda month: months_before(month, 1),
    "prior_year_value": lambda month: months_before(month, 12),
}
Test = Callable[[Key, date], bool]


def records(frame: pd.DataFrame) -> list[Record]:
    """The frame's rows as dicts of Python values: missing is None, DATE a date, lists are lists."""
    names = [str(name) for name in frame.columns]
    columns = [_plain_column(frame.iloc[:, place]) for place in range(len(names))]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def weekly_rows(frames: Frames) -> list[Record]:
    """The weeks of everything together, fit for the file's audience. Not to be changed: every part shares them."""
    hidden = frames.hidden
    if "weekly" not in frames.shown:
        rows = records(frames.weekly)
        frames.shown["weekly"] = _shown(rows, "week", hidden.hides, hidden.blanks, _PRIOR_WEEKS)
    return frames.shown["weekly"]


def monthly_rows(frames: Frames) -> list[Record]:
    """The months of everything together, fit for the file's audience. Not to be changed."""
    hidden = frames.hidden
    if "monthly" not in frames.shown:
        rows = records(frames.monthly)
        frames.shown["monthly"] = _shown(rows, "month", hidden.hides_month, hidden.blanks_month, _PRIOR_MONTHS)
    return frames.shown["monthly"]


def week_rows(frames: Frames) -> list[Record]:
    """Every row of the week, single dimensions and pairs, fit for the file's audience. Not to be changed."""
    hidden = frames.hidden
    if "week" not in frames.shown:
        rows = [row for row in records(frames.week_rows) if (row["kpi"], row["dimension"]) not in hidden.tables]
        frames.shown["week"] = _shown(rows, "week", hidden.hides, hidden.blanks, _PRIOR_WEEKS)
    return frames.shown["week"]


def segment_rows(frames: Frames) -> list[Record]:
    """The week's rows of one dimension."""
    return [row for row in week_rows(frames) if row["dimension"] != "all" and PAIR not in row["dimension"]]


def whole_number(value: Any) -> int | None:
    """A count that pandas may have turned into a float on its way."""
    return None if value is None else int(value)


def _shown(
    rows: Iterable[Record], period: str, hides: Test, blanks: Test, priors: Mapping[str, Callable[[date], date]]
) -> list[Record]:
    """Withheld and hidden figures are None, with the reason in `note`; so is a prior value of a hidden row."""

    def without_hidden(row: Record) -> Record:
        key = (row["kpi"], row["dimension"], row["dimension_value"])
        bare = {column: None for column, back in priors.items() if blanks(key, back(row[period]))}
        if row["status"] == "withheld":
            return row | bare | dict.fromkeys(MEASURED) | ({"n": None} if hides(key, row[period]) else {})
        if hides(key, row[period]):
            return row | bare | dict.fromkeys((*MEASURED, "n")) | {"status": "suppressed", "note": TOO_FEW}
        return row | bare

    return [without_hidden(row) for row in rows]


def _plain_column(column: pd.Series) -> list[Any]:
    """Texts, numbers and moments, most columns, as a whole: value by value is slow for a million of them."""
    import pandas as pd

    if isinstance(column.dtype, pd.StringDtype):
        return column.astype(object).where(column.notna(), None).tolist()
    if column.dtype in (float, int):
        return [None if value != value else value for value in column.tolist()]
    if column.dtype.kind == "M":
        places, moments = pd.factorize(column)
        plain = [*map(_plain, moments.astype(object)), None]  # missing is -1, the last
        return [plain[place] for place in places]
    return [_plain(value) for value in column.astype(object)]


def _plain(value: Any) -> Any:
    if value is None or type(value) is str:
        return value
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
