"""Values to date beside a week whose total is hidden."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from transforms.leadership.hidden import Hidden
from transforms.leadership.to_date import values_to_date

WEEK = date(2026, 5, 11)  # ends on 17 May
SPANS = ("month", "quarter", "year")


def told(hidden_week: date | None) -> set[str]:
    """The spans of NPS that are told in WEEK, when the total of another week is hidden."""
    rows = [
        {"kpi": "nps", "statistic": "value", "span": span, "is_prior": False, "value": 30.0, "days": 10, "n": 500}
        for span in SPANS
    ]

    def fetch(sql: str, parameters: list[Any]) -> pd.DataFrame:
        return pd.DataFrame(rows)

    cells = frozenset() if hidden_week is None else frozenset({(("nps", "all", "all"), hidden_week)})
    frames: Any = SimpleNamespace(audience="leadership", hidden=Hidden(cells=cells))
    found = values_to_date(fetch, frames, WEEK, set()).get(("nps", "value"), {})
    return {name.removesuffix("_to_date") for name in found}


@pytest.mark.parametrize(
    ("hidden_week", "spans"),
    [
        (None, {"month", "quarter", "year"}),
        (WEEK, set()),
        (date(2026, 4, 27), set()),  # its last days are in May
        (date(2026, 4, 20), {"month"}),
        (date(2026, 3, 30), {"month"}),  # its last days are in the quarter
        (date(2026, 2, 2), {"month", "quarter"}),
        (date(2025, 12, 29), {"month", "quarter"}),
        (date(2025, 5, 12), set()),  # the year before
        (date(2025, 7, 7), {"month", "quarter", "year"}),
        (WEEK + timedelta(weeks=1), {"month", "quarter", "year"}),
    ],
)
def test_a_span_with_a_hidden_week_is_not_told_and_others_are(hidden_week: date | None, spans: set[str]) -> None:
    assert told(hidden_week) == spans
