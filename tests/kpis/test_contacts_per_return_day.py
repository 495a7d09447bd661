"""Contacts per waiting day: contacts made during a stage over the days spent in it; each contact once."""

from __future__ import annotations

from pathlib import Path

import pytest
from given import WEEK, a_return, at, contact, order, refund

from tests.acceptance.nights import cell, cells, draft, drafted, numbers

ASKED, AS_OF = "2026-06-02T08:00:00Z", "2026-09-28T00:00:00Z"
PLACED = order("2026-05-20T08:00:00Z", order_id="o", customer_id="c", market="TH")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One return of ten days (approve 1, ship 2, transit 3, inspect 1, issue 1, credit 2), and one open beside it."""
    whole = a_return(ASKED, return_id="r", order_id="o") | {
        "approved_at": at(ASKED, days=1),
        "first_scan_at": at(ASKED, days=3),
        "received_at": at(ASKED, days=6),
        "inspected_at": at(ASKED, days=7),
    }
    other = order("2026-05-20T08:00:00Z", order_id="o2", customer_id="c2", market="TH")
    second = a_return(at(ASKED, days=4), return_id="r2", order_id="o", cancelled_at=at(ASKED, days=9))
    quiet = a_return(ASKED, return_id="quiet", order_id="o2", rejected_at=at(ASKED, days=2))
    contacts = [
        # by the return, by its order, and again by a customer who has to
        contact(at(ASKED, hours=1), return_id="r"),
        contact(at(ASKED, hours=2), order_id="o"),
        contact(at(ASKED, days=8), return_id="r"),
        # both of the order's returns wait then: the one requested last is meant, unless the first is named
        contact(at(ASKED, days=5), order_id="o"),
        contact(at(ASKED, days=5), return_id="r", order_id="o"),
        # at the very end of a stage the next one has begun
        contact(at(ASKED, days=1), return_id="r"),
        # before the request, after the settlement, sent by the company, about nothing: no wait
        contact(at(ASKED, seconds=-1), order_id="o"),
        contact(at(ASKED, days=10), return_id="r"),
        contact(at(ASKED, days=2), return_id="r", direction="outbound"),
        contact(at(ASKED, days=2), customer_id="c"),
    ]
    root = tmp_path_factory.mktemp("waiting")
    tables = {"orders": [PLACED, other], "returns": [whole, second, quiet], "contacts": contacts}
    return numbers(
        root / "landing",
        root / "out",
        AS_OF,
        tables | {"refunds": [refund("r", at(ASKED, days=10), issued_at=at(ASKED, days=8))]},
    )


def test_contacts_over_the_days_of_each_stage(out: Path) -> None:
    """n: how many waits were looked at; the value is per day, the denominator in seconds, so that sums are exact."""
    found = {row["dimension_value"]: row for row in cells(out, "contacts_per_return_day", dimension="stage", week=WEEK)}
    counted = {name: (row["numerator"], row["denominator"] / 86_400, row["n"]) for name, row in found.items()}
    assert counted == {
        "approve": (3, 1 + 5 + 2, 3),
        "ship": (1, 2, 1),
        "transit": (1, 3, 1),
        "inspect": (0, 1, 1),
        "issue": (0, 1, 1),
        "credit": (1, 2, 1),
    }
    assert found["approve"]["value"] == pytest.approx(3 / 8)
    assert found["transit"]["value"] == pytest.approx(1 / 3)
    assert found["inspect"]["value"] == 0


def test_all_stages_together(out: Path) -> None:
    found = cell(out, "contacts_per_return_day", week=WEEK)
    assert (found["numerator"], found["denominator"] / 86_400, found["n"]) == (6, 17, 8)
    assert found["value"] == pytest.approx(6 / 17)


def test_a_contact_is_in_one_stage_of_one_return(out: Path) -> None:
    """The fan-out of contacts by an order's returns would count a contact twice."""
    rows = drafted(out, "select subject_id, numerator from kpis.contacts_per_return_day where numerator > 0 order by 1")
    assert {row["subject_id"]: row["numerator"] for row in rows} == {
        "r approve": 2,
        "r ship": 1,
        "r transit": 1,
        "r credit": 1,
        "r2 approve": 1,
    }


def test_an_interval_of_none_is_garwoods_per_day(out: Path) -> None:
    found = cell(out, "contacts_per_return_day", dimension="stage", dimension_value="inspect", week=WEEK)
    assert (found["ci_low"], found["ci_high"]) == (0, pytest.approx(3.688879454113936))


def test_contacts_of_one_order_are_one_unit(out: Path) -> None:
    """All six are of order o: the interval takes them for one cluster of six, not for six."""
    found = cell(out, "contacts_per_return_day", week=WEEK)
    seconds, total, squares = found["denominator"], 6, 36
    variance = (squares - total**2 / seconds) / (seconds - 1)
    spread = 1.959963984540054 * (variance / seconds) ** 0.5 / (total / seconds)
    assert found["ci_high"] == pytest.approx(6 / 17 * 2.718281828459045**spread, rel=1e-9)


def test_a_final_week_does_not_move_while_a_return_stays_open(tmp_path: Path) -> None:
    """A return is followed for 44 days: one that is never paid would add a day to its week every night."""
    never = a_return(ASKED, return_id="never", order_id="o", approved_at=at(ASKED, days=4))
    asked = [contact(at(ASKED, days=days), return_id="never") for days in (1, 43, 45)]
    tables = {
        "orders": [PLACED],
        "returns": [never],
        "contacts": asked,
        "refunds": [refund("other", at(ASKED, days=2))],
    }
    first = numbers(tmp_path / "landing", tmp_path / "first", at(WEEK, days=7 + 44), tables)
    draft(tmp_path / "landing", tmp_path / "later", AS_OF)
    for out in (first, tmp_path / "later"):
        found = {r["dimension_value"]: r for r in cells(out, "contacts_per_return_day", dimension="stage", week=WEEK)}
        assert {stage: (r["numerator"], r["denominator"] / 86_400) for stage, r in found.items()} == {
            "approve": (1, 4),
            "ship": (1, 40),
        }
        assert {r["status"] for r in found.values()} == {"low_n"}
