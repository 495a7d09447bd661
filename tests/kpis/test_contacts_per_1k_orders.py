"""Contacts per 1,000 orders: inbound contacts created in the week over orders placed in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from given import AS_OF, WEEK, Row, a_return, at, contact, order, orders

from tests.acceptance.nights import REPOSITORY, cell, cells, numbers

GOLDEN = json.loads((REPOSITORY / "tests" / "golden" / "contact_rate.json").read_text(encoding="utf-8"))["cases"]
CASES = [c for c in GOLDEN if c["id"] in ("contact_1", "contact_2", "contact_4")]
FIRST, SECOND = order(market="VN"), order(market="TH", category="toys")
RETURN = a_return(order_id=FIRST["order_id"])


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    one, two = FIRST["order_id"], SECOND["order_id"]
    contacts = [
        contact(order_id=one),
        contact(order_id=one, reason_code="payment", channel="phone"),
        contact(return_id=RETURN["return_id"], reason_code="where_is_my_refund"),
        # its return first: the order it names is another one
        contact(return_id=RETURN["return_id"], order_id=two, reason_code="where_is_my_refund"),
        # a return that never arrives does not hide the order
        contact(return_id="r-never-arrives", order_id=two, channel="email"),
        contact(),
        contact(order_id=one, direction="outbound"),
        # one conversation sent again in a later state
        contact(order_id=two, contact_id="t-twice"),
        contact(order_id=two, contact_id="t-twice", updated_at="2026-06-02T12:00:00Z"),
        # a week in which nobody ordered
        contact("2026-06-10T08:00:00Z"),
        # of an order of an earlier week: gross
        contact("2026-06-16T08:00:00Z", order_id=one),
    ]
    placed = [FIRST, SECOND, *orders(2, "2026-06-03T08:00:00Z"), *orders(4, "2026-06-15T00:00:00Z")]
    for number, case in enumerate(CASES):
        monday = at("2026-07-06T00:00:00Z", days=7 * number)
        for times, many in case["inputs"]["orders_by_contacts"].items():
            some: list[Row] = orders(many, at(monday, hours=1))
            placed += some
            contacts += [contact(at(monday, days=1), order_id=o["order_id"]) for o in some for _ in range(int(times))]
    root = tmp_path_factory.mktemp("contacts")
    tables = {"orders": placed, "returns": [RETURN], "contacts": contacts}
    return numbers(root / "landing", root / "out", AS_OF, tables)


def test_inbound_contacts_over_orders(out: Path) -> None:
    found = cell(out, "contacts_per_1k_orders", week=WEEK)
    assert (found["numerator"], found["denominator"], found["n"]) == (7, 4, 4)
    assert found["value"] == 1750.0


def test_an_order_of_an_earlier_week_does_not_count_again(out: Path) -> None:
    found = cell(out, "contacts_per_1k_orders", week="2026-06-15")
    assert (found["numerator"], found["denominator"], found["value"]) == (1, 4, 250.0)


def test_without_orders_there_is_no_rate(out: Path) -> None:
    """NULL, not 0: the contacts are there, the orders are not."""
    found = cell(out, "contacts_per_1k_orders", week="2026-06-08")
    assert (found["numerator"], found["denominator"], found["value"], found["n"]) == (1, 0, None, 0)


def test_the_order_gives_the_dimensions(out: Path) -> None:
    """Through the return first, else the order; contacts of neither are unknown, so that none is lost."""
    markets = {r["dimension_value"]: (r["numerator"], r["denominator"]) for r in _cells(out, "market")}
    assert markets == {"VN": (4, 3), "TH": (2, 1), "unknown": (1, 0)}


def test_a_reason_is_its_contacts_over_all_orders(out: Path) -> None:
    reasons = {
        r["dimension_value"]: (r["numerator"], r["denominator"], r["value"]) for r in _cells(out, "contact_reason")
    }
    assert reasons == {"other": (4, 4, 1000.0), "payment": (1, 4, 250.0), "where_is_my_refund": (2, 4, 500.0)}
    channels = {r["dimension_value"]: (r["numerator"], r["denominator"]) for r in _cells(out, "channel")}
    assert channels == {"chat": (5, 4), "phone": (1, 4), "email": (1, 4)}


@pytest.mark.parametrize("number", range(len(CASES)), ids=[c["id"] for c in CASES])
def test_the_interval_knows_that_contacts_repeat_within_an_order(out: Path, number: int) -> None:
    """The variance of contacts per order, on the log scale below 100 contacts; Garwood's limit at none."""
    expected = CASES[number]["expected"]
    found = cell(out, "contacts_per_1k_orders", week=at("2026-07-06T00:00:00Z", days=7 * number)[:10])
    assert found["numerator"] == expected["sum_c"]
    assert found["n"] == expected["n_orders"]
    if expected["sum_c"] == 0:
        low, high = 0.0, expected["poisson_exact_hi"]
    elif expected["sum_c"] < 100:
        low, high = expected["lo_log"], expected["hi_log"]
    else:
        low, high = expected["lo_wald"], expected["hi_wald"]
    assert found["value"] == pytest.approx(1000 * expected["rate"], abs=1e-9)
    assert found["ci_low"] == pytest.approx(1000 * low, abs=1e-6)
    assert found["ci_high"] == pytest.approx(1000 * high, abs=1e-6)


def _cells(out: Path, dimension: str) -> list[dict[str, object]]:
    return cells(out, "contacts_per_1k_orders", dimension=dimension, week=WEEK)
