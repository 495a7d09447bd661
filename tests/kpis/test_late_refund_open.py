"""Open late refunds: a stock at the end of each week, with ageing groups; a count, compared as the weeks stood."""

from __future__ import annotations

from pathlib import Path

import pytest
from given import Row, a_return, refund

from tests.acceptance.nights import cell, cells, draft, drafted, numbers

# A Wednesday noon: the week of Monday 2026-06-29 is not over.
AS_OF = "2026-07-01T12:00:00Z"
SUNDAYS = ["2026-05-31", "2026-06-07", "2026-06-14", "2026-06-21", "2026-06-28"]


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fourteen days are agreed."""
    asked = {
        "open": "2026-05-20T08:00:00Z",
        # due on Sunday evening: late at its end
        "due on a sunday": "2026-05-31T20:00:00Z",
        # due in the afternoon of the as-of day: not late at noon
        "due today": "2026-06-17T13:00:00Z",
        "paid late": "2026-05-20T08:00:00Z",
        "paid in time": "2026-05-20T08:00:00Z",
        "rejected late": "2026-05-20T08:00:00Z",
        "half paid": "2026-05-20T08:00:00Z",
        "exchange": "2026-05-20T08:00:00Z",
    }
    returns = [a_return(moment, return_id=name, resolution="refund") for name, moment in asked.items()]
    returns[5] |= {"rejected_at": "2026-06-10T08:00:00Z"}
    returns[7] |= {"resolution": "exchange"}
    refunds: list[Row] = [
        refund("paid late", "2026-06-10T08:00:00Z"),
        refund("paid in time", "2026-06-01T08:00:00Z"),
        refund("half paid", "2026-06-01T08:00:00Z", "50.00"),
    ]
    root = tmp_path_factory.mktemp("late")
    numbers(root / "landing", root / "out", AS_OF, {"returns": returns, "refunds": refunds})
    return root / "landing"


@pytest.fixture(scope="module")
def out(landing: Path) -> Path:
    return landing.parent / "out"


def stock(out: Path, week: str) -> tuple[float, int]:
    found = cell(out, "late_refund_open", week=week)
    return found["value"], found["n"]


def test_a_week_has_the_stock_at_its_end(out: Path) -> None:
    """Late and all open ones: the five of May 20 are due on June 3, one is paid in time, two settle on June 10."""
    found = {str(row["week"]): (row["value"], row["n"]) for row in cells(out, "late_refund_open")}
    assert found == {
        "2026-05-18": (0, 5),
        "2026-05-25": (0, 6),
        "2026-06-01": (4, 5),
        "2026-06-08": (3, 3),
        "2026-06-15": (3, 4),
        "2026-06-22": (3, 4),
        "2026-06-29": (3, 4),
    }


def test_a_count_has_no_denominator_and_no_interval(out: Path) -> None:
    found = cell(out, "late_refund_open", week="2026-06-01")
    assert (found["value"], found["numerator"], found["denominator"]) == (4, 4, None)
    assert (found["ci_low"], found["ci_high"]) == (None, None)
    assert found["prior_value"] == 0


def test_a_month_has_its_last_stock_not_the_sum_of_its_sundays(out: Path) -> None:
    rows = drafted(out, "from marts.kpi_monthly where kpi = 'late_refund_open' and dimension = 'all' order by month")
    assert [(str(row["month"]), row["value"], row["n"]) for row in rows] == [
        ("2026-05-01", 0, 6),
        ("2026-06-01", 3, 4),
        ("2026-07-01", 3, 4),
    ]


def test_days_are_sundays_and_the_last_day_seen(out: Path) -> None:
    days = drafted(
        out, "select day from marts.kpi_daily where kpi = 'late_refund_open' and dimension = 'all' order by 1"
    )
    assert [str(row["day"]) for row in days] == ["2026-05-24", *SUNDAYS, "2026-07-01"]


def test_ageing_groups_add_up(out: Path) -> None:
    """How long the late ones had been late; each group is a part of all open refunds."""
    found = {
        (str(row["week"]), row["dimension_value"]): (row["value"], row["n"])
        for row in cells(out, "late_refund_open", dimension="overdue")
        if row["value"]
    }
    assert found == {
        ("2026-06-01", "0-7 days"): (4, 5),
        ("2026-06-08", "0-7 days"): (1, 3),
        ("2026-06-08", "8-14 days"): (2, 3),
        ("2026-06-15", "0-7 days"): (1, 4),
        ("2026-06-15", "15-30 days"): (2, 4),
        ("2026-06-22", "8-14 days"): (1, 4),
        ("2026-06-22", "15-30 days"): (2, 4),
        ("2026-06-29", "15-30 days"): (3, 4),
    }


def test_a_past_week_does_not_change_when_a_refund_is_paid(landing: Path) -> None:
    """The stock of a week is the same whether it is counted then or later."""
    draft(landing, landing.parent / "earlier", "2026-06-08T00:00:00Z")
    assert stock(landing.parent / "earlier", "2026-06-01") == stock(landing.parent / "out", "2026-06-01")
    found = cell(landing.parent / "earlier", "late_refund_open", week="2026-06-01")
    assert found["status"] == "low_n"
    assert cell(landing.parent / "out", "late_refund_open", week="2026-06-29")["status"] == "provisional"
