"""NPS per customer: an answer counts unless its customer gives another within the next 90 days."""

from __future__ import annotations

from pathlib import Path

import pytest
from given import answer, at

from tests.acceptance.nights import cell, drafted, numbers

DAY_0, AS_OF = "2026-01-05T08:00:00Z", "2027-01-04T00:00:00Z"
# customer: the days of the answers, and those that count
CHAINS = {
    "once": ([0], [0]),
    "twice in a quarter": ([0, 89], [89]),
    "on the last day": ([0, 90], [90]),
    "a day later": ([0, 91], [0, 91]),
    # each is replaced by the next one: of a chain the last one counts
    "every two months": ([0, 60, 120, 180], [180]),
    "a gap": ([0, 60, 200, 210], [60, 210]),
    "not seen yet": ([0, 364], [0]),
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    surveys = [
        answer("nps", 9, at(DAY_0, days=day), response_id=f"{customer} {day}", customer_id=customer)
        for customer, (days, _) in CHAINS.items()
        for day in days
    ]
    surveys += [
        # nobody knows whose: each counts
        *(answer("nps", 0, at(DAY_0, days=day), response_id=f"nobody {day}", customer_id=None) for day in (0, 1)),
        # another question, no answer and a duplicate replace nothing
        answer("nps", 9, at(DAY_0), response_id="kept 0", customer_id="kept", order_id="o1"),
        answer("nps", 0, at(DAY_0, minutes=5), response_id="double", customer_id="kept", order_id="o1"),
        answer("csat", 1, at(DAY_0, days=9), customer_id="kept"),
        answer("nps", None, at(DAY_0, days=9), customer_id="kept"),
        # two at the same moment, about two orders: the one with the greater id
        answer("nps", 9, at(DAY_0), response_id="tie 1", customer_id="tie", order_id="o2"),
        answer("nps", 0, at(DAY_0), response_id="tie 2", customer_id="tie", order_id="o3"),
    ]
    root = tmp_path_factory.mktemp("per_customer")
    return numbers(root / "landing", root / "out", AS_OF, {"surveys": surveys, "orders": []})


@pytest.mark.parametrize("customer", CHAINS)
def test_the_latest_of_ninety_days(out: Path, customer: str) -> None:
    found = drafted(
        out, f"select subject_id from kpis.nps_per_customer where subject_id like '{customer} %' order by 1"
    )
    assert {row["subject_id"] for row in found} == {f"{customer} {day}" for day in CHAINS[customer][1]}


def test_what_does_not_replace(out: Path) -> None:
    found = {row["subject_id"] for row in drafted(out, "select subject_id from kpis.nps_per_customer")}
    assert {"nobody 0", "nobody 1", "kept 0", "tie 2"} <= found
    assert not {"double", "tie 1"} & found


def test_the_score_of_a_week(out: Path) -> None:
    """once, a day later, not seen yet, kept 0 promote; nobody 0, nobody 1 and tie 2 do not."""
    found = cell(out, "nps_per_customer", week="2026-01-05")
    assert (found["numerator"], found["denominator"], found["n"]) == (4 - 3, 7, 7)
    assert found["value"] == pytest.approx(100 / 7)


def test_a_week_is_final_after_ninety_days(out: Path) -> None:
    """Until then a later answer may take the place of one of it."""
    (entry,) = drafted(out, "select window_days from marts.kpi_catalogue where kpi = 'nps_per_customer'")
    assert entry["window_days"] == 90
