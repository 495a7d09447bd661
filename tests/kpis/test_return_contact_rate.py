"""Returns with a contact: by the return's id, or by its order's from the request to 7 days after full credit."""

from __future__ import annotations

from pathlib import Path

import pytest
from given import WEEK, Row, a_return, at, contact, order, refund

from tests.acceptance.nights import cell, cells, drafted, numbers

ASKED, CREDITED, AS_OF = "2026-06-02T08:00:00Z", "2026-06-10T08:00:00Z", "2026-09-28T00:00:00Z"
# name of a return credited in full at CREDITED: its contact names the order, and whether it counts
BY_ORDER = {
    "when asked": (ASKED, True),
    "before it": (at(ASKED, seconds=-1), False),
    "seven days after": (at(CREDITED, days=7), True),
    "a second later": (at(CREDITED, days=7, seconds=1), False),
    "while waiting": (at(ASKED, days=3), True),
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = [*BY_ORDER, "open", "half paid", "by its id", "outbound", "silent"]
    placed = [order("2026-06-01T08:00:00Z", order_id=f"o {name}", market="VN") for name in names]
    returns = [a_return(ASKED, return_id=name, order_id=f"o {name}") for name in names]
    refunds: list[Row] = [refund(name, CREDITED) for name in names if name not in ("open", "half paid")]
    # a partial refund does not end the wait
    refunds += [refund("half paid", CREDITED, "50.00")]
    contacts = [contact(moment, order_id=f"o {name}") for name, (moment, _) in BY_ORDER.items()]
    contacts += [
        contact(at(CREDITED, days=60), order_id="o open"),
        contact(at(CREDITED, days=60), order_id="o half paid"),
        contact(at(ASKED, days=2), return_id="by its id"),
        contact(at(ASKED, days=2), return_id="outbound", direction="outbound"),
        # after the as-of time nothing has been said
        contact(at(AS_OF, days=1), order_id="o silent"),
        contact(at(AS_OF, days=1), return_id="silent"),
    ]
    tables = {"orders": placed, "returns": returns, "refunds": refunds, "contacts": contacts}
    root = tmp_path_factory.mktemp("return_contact")
    return numbers(root / "landing", root / "out", AS_OF, tables)


@pytest.mark.parametrize("name", list(BY_ORDER))
def test_the_window_of_a_contact_that_names_the_order(out: Path, name: str) -> None:
    assert _counts(out, name) == int(BY_ORDER[name][1])


@pytest.mark.parametrize("name", ["open", "half paid"])
def test_a_return_that_is_not_fully_credited_can_be_asked_about_until_now(out: Path, name: str) -> None:
    assert _counts(out, name) == 1


def test_a_contact_that_names_the_return(out: Path) -> None:
    assert _counts(out, "by its id") == 1
    assert _counts(out, "outbound") == 0
    assert _counts(out, "silent") == 0


def test_returns_are_the_denominator(out: Path) -> None:
    found = cell(out, "return_contact_rate", week=WEEK)
    assert (found["numerator"], found["denominator"], found["n"], found["value"]) == (6, 10, 10, 0.6)
    groups = {
        r["dimension_value"]: r["n"]
        for r in cells(out, "return_contact_rate", dimension="carrier", week=WEEK, statistic="value")
    }
    assert groups == {"jnt": 10}


def _counts(out: Path, name: str) -> object:
    sql = f"select numerator from kpis.return_contact_rate where subject_id = '{name}'"
    (row,) = drafted(out, sql)
    return row["numerator"]
