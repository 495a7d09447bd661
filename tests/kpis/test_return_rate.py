"""Return rate: delivered orders with at least one return over delivered orders, by the day of the order."""

from __future__ import annotations

from pathlib import Path

import pytest
from given import NEXT_WEEK, WEEK, a_return, at, order, orders

from tests.acceptance.nights import cell, cells, draft, numbers

AS_OF = "2026-07-29T00:00:00Z"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    placed = [
        order(order_id="once"),
        order(order_id="twice"),
        order(order_id="kept", market="TH"),
        order(order_id="cancelled", delivered_at=None, cancelled_at="2026-06-03T08:00:00Z"),
        order(order_id="on its way", delivered_at=None),
        # events after the as-of time have not happened
        order(order_id="delivered later", delivered_at=at(AS_OF, days=1)),
        order(order_id="returned later"),
        *orders(40, "2026-06-09T08:00:00Z"),
    ]
    returns = [
        a_return(order_id="once", resolution="exchange"),
        *(a_return(order_id="twice") for _ in range(2)),
        a_return(order_id="on its way"),
        a_return(at(AS_OF, days=1), order_id="returned later"),
        a_return(order_id="never arrives"),
    ]
    root = tmp_path_factory.mktemp("return_rate")
    return numbers(root / "landing", root / "out", AS_OF, {"orders": placed, "returns": returns})


def test_delivered_orders_only(out: Path) -> None:
    """An order counts once, however many returns it has and however they end."""
    found = cell(out, "return_rate", week=WEEK)
    assert (found["numerator"], found["denominator"], found["n"], found["value"]) == (2, 4, 4, 0.5)
    markets = {
        r["dimension_value"]: (r["numerator"], r["n"]) for r in cells(out, "return_rate", dimension="market", week=WEEK)
    }
    assert markets == {"VN": (2, 3), "TH": (0, 1)}


def test_provisional_for_forty_four_days(out: Path) -> None:
    """The week of 8 June ends when 15 June begins; 44 days on it is 29 July."""
    assert cell(out, "return_rate", week=NEXT_WEEK)["status"] == "final"
    draft(out.parent / "landing", out.parent / "earlier", "2026-07-28T23:59:59Z")
    assert cell(out.parent / "earlier", "return_rate", week=NEXT_WEEK)["status"] == "provisional"
