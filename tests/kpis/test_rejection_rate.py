"""Rejection rate: rejected over decided returns, anchored on the request; no decision is neither."""

from __future__ import annotations

from pathlib import Path

import pytest
from given import AS_OF, WEEK, a_return, at, order

from tests.acceptance.nights import cell, cells, numbers

ASKED = "2026-06-02T08:00:00Z"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    placed = order("2026-05-28T08:00:00Z", market="TH")
    returns = [
        a_return(ASKED, approved_at=at(ASKED, days=1), order_id=placed["order_id"]),
        a_return(ASKED, rejected_at=at(ASKED, days=1), order_id=placed["order_id"]),
        # approved, and rejected when the goods had been seen
        a_return(ASKED, approved_at=at(ASKED, days=1), rejected_at=at(ASKED, days=9), reason_code=None),
        # approved, then cancelled: a decision was taken
        a_return(ASKED, approved_at=at(ASKED, days=1), cancelled_at=at(ASKED, days=2)),
        # no decision: cancelled, expired, waiting, or decided after the as-of time
        a_return(ASKED, cancelled_at=at(ASKED, days=1)),
        a_return(ASKED, expired_at=at(ASKED, days=20)),
        a_return(ASKED),
        a_return(ASKED, rejected_at=at(AS_OF, days=1)),
        a_return("2026-06-08T00:00:00Z", rejected_at="2026-06-09T00:00:00Z"),
    ]
    root = tmp_path_factory.mktemp("rejection")
    return numbers(root / "landing", root / "out", AS_OF, {"orders": [placed], "returns": returns})


def test_rejected_over_decided(out: Path) -> None:
    found = cell(out, "rejection_rate", week=WEEK)
    assert (found["numerator"], found["denominator"], found["n"], found["value"]) == (2, 4, 4, 0.5)


def test_the_week_is_that_of_the_request(out: Path) -> None:
    assert cell(out, "rejection_rate", week="2026-06-08")["value"] == 1.0


def test_unknown_groups_are_kept(out: Path) -> None:
    """A return without a reason, or whose order never arrives, is a group, so that the groups add up."""
    groups = {r["dimension_value"]: r["n"] for r in cells(out, "rejection_rate", dimension="reason_code", week=WEEK)}
    assert groups == {"damaged": 3, "unknown": 1}
    groups = {r["dimension_value"]: r["n"] for r in cells(out, "rejection_rate", dimension="market", week=WEEK)}
    assert groups == {"TH": 2, "unknown": 2}
