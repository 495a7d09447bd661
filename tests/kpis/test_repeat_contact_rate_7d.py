"""Repeated contacts: the same customer, matter and reason again within 7 days of the resolution."""

from __future__ import annotations

from pathlib import Path

import pytest
from given import Row, a_return, at, contact, order

from tests.acceptance.nights import cell, cells, drafted, numbers

FIRST, AS_OF = "2026-06-02T08:00:00Z", "2026-06-29T00:00:00Z"
SOLVED = at(FIRST, days=2)
# name: what the second contact changes of the first, and whether it repeats it
SECOND = {
    "same": ({"created_at": at(SOLVED, days=1)}, True),
    "on the last second": ({"created_at": at(SOLVED, days=7)}, True),
    "a second later": ({"created_at": at(SOLVED, days=7, seconds=1)}, False),
    "before it was resolved": ({"created_at": at(FIRST, days=1)}, False),
    "other reason": ({"created_at": at(SOLVED, days=1), "reason_code": "payment"}, False),
    "other customer": ({"created_at": at(SOLVED, days=1), "customer_id": "c-other"}, False),
    "other order": ({"created_at": at(SOLVED, days=1), "order_id": "o-other"}, False),
    "outbound": ({"created_at": at(SOLVED, days=1), "direction": "outbound"}, False),
    "other channel": ({"created_at": at(SOLVED, days=1), "channel": "phone"}, True),
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    contacts: list[Row] = []
    for name, (changes, _) in SECOND.items():
        first = contact(FIRST, contact_id=name, order_id=f"o {name}", customer_id=f"c {name}", resolved_at=SOLVED)
        contacts += [first, first | {"contact_id": f"{name} 2", "resolved_at": None} | changes]
    placed = order("2026-05-20T08:00:00Z", order_id="o r", customer_id="c r")
    back = a_return("2026-05-30T08:00:00Z", return_id="r", order_id="o r")
    contacts += [
        # one names the return, the other its order: one matter
        contact(FIRST, contact_id="return", customer_id="c r", return_id="r"),
        contact(at(FIRST, days=7), contact_id="return 2", customer_id="c r", order_id="o r"),
        # a return that never arrives is a matter too
        contact(FIRST, contact_id="gone", customer_id="c g", return_id="r-gone"),
        contact(at(FIRST, days=6), contact_id="gone 2", customer_id="c g", return_id="r-gone"),
        # nothing is named: nobody knows
        contact(FIRST, contact_id="loose", customer_id="c l"),
        contact(at(FIRST, days=1), contact_id="loose 2", customer_id="c l"),
        # too young to be counted, by a second
        contact(at(AS_OF, days=-7), contact_id="old enough"),
        contact(at(AS_OF, days=-7, seconds=1), contact_id="too young"),
    ]
    root = tmp_path_factory.mktemp("repeat")
    tables = {"orders": [placed], "returns": [back], "contacts": contacts}
    return numbers(root / "landing", root / "out", AS_OF, tables)


def counted(out: Path) -> dict[str, int]:
    rows = drafted(out, "select subject_id, numerator from kpis.repeat_contact_rate_7d")
    return {row["subject_id"]: row["numerator"] for row in rows}


@pytest.mark.parametrize("name", SECOND)
def test_what_repeats_a_contact(out: Path, name: str) -> None:
    assert counted(out)[name] == int(SECOND[name][1])


def test_the_matter_is_the_order_or_the_return(out: Path) -> None:
    found = counted(out)
    assert (found["return"], found["gone"], found["loose"]) == (1, 1, 0)
    # the last one of a matter is followed by nothing
    assert (found["return 2"], found["gone 2"], found["same 2"]) == (0, 0, 0)


def test_contacts_at_least_seven_days_old(out: Path) -> None:
    found = counted(out)
    assert "old enough" in found
    assert "too young" not in found
    assert "outbound 2" not in found


def test_the_share_of_a_week(out: Path) -> None:
    found = cell(out, "repeat_contact_rate_7d", week="2026-06-01")
    repeated = sum(is_repeat for _, is_repeat in SECOND.values()) + 2
    # nine first contacts, six inbound second ones of that week, and return, gone, loose and loose 2
    assert (found["numerator"], found["denominator"], found["n"]) == (repeated, 9 + 6 + 4, 19)
    groups = cells(out, "repeat_contact_rate_7d", dimension="channel", week="2026-06-01")
    assert sum(row["n"] for row in groups) == found["n"]
