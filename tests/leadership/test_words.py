"""Numbers as a reader meets them."""

from __future__ import annotations

from datetime import date

import pytest

from transforms.leadership.words import (
    better_of,
    days_of_week,
    display_unit,
    figure,
    interval,
    listed,
    statistic_words,
    worded,
)


@pytest.mark.parametrize(
    ("value", "unit", "want"),
    [
        (0.1234, "share", "12.3%"),
        (0.00042, "share", "0.04%"),
        (0.0, "share", "0.0%"),
        (-12.34, "points", "−12.3"),
        (-0.01, "points", "0.0"),
        (1234.56, "per_1k", "1,234.6"),
        (48.0, "hours", "48.0 h"),
        (148.8, "days", "6.2 d"),
        (2.3, "days", "0.10 d"),
        (-1.2, "days", "−0.05 d"),
        (0.0, "days", "0.0 d"),
        (None, "share", "–"),
    ],
)
def test_figure(value: float | None, unit: str, want: str) -> None:
    assert figure(value, unit) == want


def test_in_a_sentence() -> None:
    assert worded(41.2, "points") == "41.2 points"
    assert worded(148.8, "days") == "6.2 days"
    assert worded(0.5, "share") == "50.0%"
    assert interval(144.0, 148.8, "days") == "6.0 to 6.2 d"
    assert interval(None, 0.5, "share") == "– to 50.0%"
    assert interval(None, None, "share") == "–"


def test_hours_are_read_in_days_once_any_is_long() -> None:
    assert display_unit("hours", [10.0, None, 72.0]) == "hours"
    assert display_unit("hours", [10.0, 72.5]) == "days"
    assert display_unit("points", [100.0]) == "points"
    assert display_unit("hours", []) == "hours"


def test_a_share_credited_by_a_day_should_be_high() -> None:
    assert better_of("lower", "hours", "credited_by_day_7") == "higher"
    assert better_of("lower", "hours", "p90") == "lower"
    assert statistic_words("credited_by_day_7") == "credited within 7 days"
    assert statistic_words("km_p50") == "median, if paid at all"
    assert statistic_words("something_new") == "something_new"


def test_lists_and_dates() -> None:
    assert [listed([]), listed(["a"]), listed(["a", "b", "c"])] == ["–", "a", "a, b and c"]
    assert days_of_week(date(2026, 11, 16)) == "16 to 22 November 2026"
    assert days_of_week(date(2026, 9, 28)) == "28 September to 4 October 2026"
    assert days_of_week(date(2025, 12, 29)) == "29 December 2025 to 4 January 2026"
