"""Orders with a contact in 30 days: from the order to 30 days after, over the orders of the week."""

from __future__ import annotations

from pathlib import Path

import pytest
from given import NEXT_WEEK, WEEK, a_return, at, contact, order, orders

from tests.acceptance.nights import cell, draft, drafted, numbers

ORDERED = "2026-06-02T08:00:00Z"
# what was said: the contact of an order placed at ORDERED, and whether it counts
CONTACTS = {
    "at once": ({"created_at": ORDERED}, True),
    "after thirty days": ({"created_at": at(ORDERED, days=30)}, True),
    "a second later": ({"created_at": at(ORDERED, days=30, seconds=1)}, False),
    "before it": ({"created_at": at(ORDERED, seconds=-1)}, False),
    "outbound": ({"created_at": at(ORDERED, days=1), "direction": "outbound"}, False),
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    placed = {name: order(ORDERED, order_id=name) for name in CONTACTS}
    contacts = [contact(order_id=name, **changes) for name, (changes, _) in CONTACTS.items()]  # type: ignore[arg-type]
    placed |= {name: order(ORDERED, order_id=name) for name in ("twice", "by its return", "customer only", "silent")}
    contacts += [contact(at(ORDERED, days=day), order_id="twice") for day in (1, 2)]
    request = a_return(at(ORDERED, days=3), order_id="by its return")
    contacts += [contact(at(ORDERED, days=4), return_id=request["return_id"])]
    # tiers 3 to 6 are not counted: the customer alone does not name an order
    contacts += [contact(at(ORDERED, days=4), customer_id=placed["customer only"]["customer_id"])]
    late = orders(40, "2026-06-09T08:00:00Z")
    tables = {"orders": [*placed.values(), *late], "returns": [request], "contacts": contacts}
    root = tmp_path_factory.mktemp("order_contact")
    return numbers(root / "landing", root / "out", "2026-07-15T00:00:00Z", tables)


def test_the_window(out: Path) -> None:
    found = cell(out, "order_contact_rate_30d", week=WEEK)
    # at once, after thirty days, twice (once), by its return
    assert (found["numerator"], found["denominator"], found["n"]) == (4, 9, 9)
    assert found["value"] == pytest.approx(4 / 9)


@pytest.mark.parametrize("name", list(CONTACTS))
def test_each_order(out: Path, name: str) -> None:
    (row,) = drafted(
        out, f"select numerator from marts.kpi_rows where kpi = 'order_contact_rate_30d' and subject_id = '{name}'"
    )
    assert row["numerator"] == int(CONTACTS[name][1])


def test_garwoods_limit_at_no_contact(out: Path) -> None:
    found = cell(out, "order_contact_rate_30d", week=NEXT_WEEK)
    assert (found["value"], found["ci_low"], found["n"]) == (0.0, 0.0, 40)
    # -ln(0.025), the exact upper limit of a Poisson mean of which nothing was seen
    assert found["ci_high"] == pytest.approx(3.6888794541139363 / 40, abs=1e-9)


def test_provisional_until_thirty_days_have_passed_for_the_whole_week(out: Path) -> None:
    """The week of 8 June ends when Monday 15 June begins; thirty days on it is 15 July."""
    assert cell(out, "order_contact_rate_30d", week=NEXT_WEEK)["status"] == "final"
    draft(out.parent / "landing", out.parent / "earlier", "2026-07-14T23:59:59Z")
    assert cell(out.parent / "earlier", "order_contact_rate_30d", week=NEXT_WEEK)["status"] == "provisional"
