"""NPS: 100 * (promoters - detractors) / answers, anchored on the answer; its interval is Rocks's adjusted Wald."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from given import AS_OF, NEXT_WEEK, WEEK, answer, answers, at, order

from tests.acceptance.nights import REPOSITORY, cell, cells, drafted, numbers

GOLDEN = json.loads((REPOSITORY / "tests" / "golden" / "nps_ci.json").read_text(encoding="utf-8"))["cases"]
CASES = {c["id"]: c for c in GOLDEN if "adjwald_lo_clipped" in c["expected"] and c["inputs"]["promoters"] < 1000} | {
    "definition": {
        "inputs": {"promoters": 60, "passives": 25, "detractors": 15},
        "expected": {"nps": 45.0, "adjwald_lo_clipped": 29.3, "adjwald_hi_clipped": 58.0},
    }
}
LOW, HIGH = order(market="VN"), order(market="TH", category=None)
TWICE = {"customer_id": "c-twice", "order_id": "o-twice"}
CHAIN = "2026-07-02T08:00:00Z"
THURSDAY = "2026-06-25T08:00:00Z"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    surveys = [
        # WEEK: each class of answer, two of a class at its edges, and surveys that are no answer
        *answers("nps", [10, 9, 8, 7, 6, 0], "2026-06-03T08:00:00Z", order_id=LOW["order_id"]),
        answer("nps", 9, "2026-06-04T08:00:00Z", order_id=HIGH["order_id"], touchpoint="post_contact"),
        answer("nps", 9, "2026-06-04T08:00:00Z", order_id="o-never-arrives", touchpoint=None),
        answer("nps", None, "2026-06-03T08:00:00Z"),
        answer("nps", None, None),
        answer("csat", 5, "2026-06-03T08:00:00Z"),
        answer("ces", 1, "2026-06-03T08:00:00Z"),
        # the edges of the week after next: Monday 00:00 to Sunday 23:59:59 UTC, whatever the offset it is written in
        answer("nps", 0, "2026-06-14T23:59:59Z"),
        answer("nps", 10, "2026-06-15T00:00:00Z"),
        answer("nps", 10, "2026-06-22T06:59:59+07:00"),
        answer("nps", 10, "2026-06-21T18:59:59-05:00"),
        answer("nps", 0, "2026-06-22T00:00:00Z"),
        # an answer later than the as-of time has not happened
        answer("nps", 10, at(AS_OF, days=1)),
        # 2026-06-22: a second response within 10 minutes is a duplicate, and the first counts
        answer("nps", 10, THURSDAY, **TWICE),
        answer("nps", 0, at(THURSDAY, minutes=9), **TWICE),
        answer("nps", 0, at(THURSDAY, minutes=40), **TWICE),
        answer("nps", 0, at(THURSDAY, minutes=1), **TWICE | {"touchpoint": "post_refund"}),
        answer("nps", 0, at(THURSDAY, minutes=1), **TWICE | {"order_id": "o-other"}),
        answer("nps", 0, at(THURSDAY, minutes=1), **TWICE | {"customer_id": "c-other"}),
        answer("csat", 5, at(THURSDAY, minutes=1), **TWICE),
    ]
    # 2026-06-29: a chain in which each answer is eight minutes after the one before
    chain = {"customer_id": "c-chain", "order_id": "o-chain"}
    surveys += [
        answer("nps", 9, at(CHAIN, minutes=8 * step), response_id=f"chain {step}", **chain) for step in range(5)
    ]
    for number, case in enumerate(CASES.values()):
        parts = case["inputs"]
        scores = [9] * parts["promoters"] + [7] * parts["passives"] + [3] * parts["detractors"]
        surveys += answers("nps", scores, at("2026-07-06T10:00:00Z", days=7 * number))
    root = tmp_path_factory.mktemp("nps")
    return numbers(root / "landing", root / "out", AS_OF, {"orders": [LOW, HIGH], "surveys": surveys})


def test_promoters_passives_and_detractors(out: Path) -> None:
    """9-10 promote, 7-8 are passive and count among the answers, 0-6 detract; no score is no answer."""
    found = cell(out, "nps", dimension="market", dimension_value="VN", week=WEEK)
    assert (found["value"], found["numerator"], found["denominator"], found["n"]) == (0.0, 0, 6, 6)
    found = cell(out, "nps", week=WEEK)
    assert (found["value"], found["numerator"], found["denominator"], found["n"]) == (25.0, 2, 8, 8)


def test_dimensions_come_from_the_order(out: Path) -> None:
    """A missing value, and an order that never arrives, are the group unknown."""
    groups = {r["dimension_value"]: r["n"] for r in cells(out, "nps", dimension="market", week=WEEK)}
    assert groups == {"VN": 6, "TH": 1, "unknown": 1}
    groups = {r["dimension_value"]: r["n"] for r in cells(out, "nps", dimension="category", week=WEEK)}
    assert groups == {"beauty": 6, "unknown": 2}
    groups = {r["dimension_value"]: r["n"] for r in cells(out, "nps", dimension="touchpoint", week=WEEK)}
    assert groups == {"post_delivery": 6, "post_contact": 1, "unknown": 1}


def test_pairs_of_dimensions(out: Path) -> None:
    groups = {r["dimension_value"]: r["n"] for r in cells(out, "nps", dimension="market × category", week=WEEK)}
    assert groups == {"VN × beauty": 6, "TH × unknown": 1, "unknown × unknown": 1}


def test_a_week_runs_from_monday_to_sunday_in_utc(out: Path) -> None:
    assert cell(out, "nps", week=NEXT_WEEK)["n"] == 1
    found = cell(out, "nps", week="2026-06-15")
    assert (found["n"], found["value"]) == (3, 100.0)


def test_a_second_response_within_ten_minutes_is_a_duplicate(out: Path) -> None:
    """Of the same customer, order, survey type and touchpoint; one that differs in any is an answer of its own."""
    found = cell(out, "nps", week="2026-06-22")
    # the first, the one after 40 minutes, another touchpoint, another order, another customer, and the Monday's
    assert (found["n"], found["numerator"]) == (6, 1 - 5)


def test_a_duplicate_is_held_against_the_answer_that_counts(out: Path) -> None:
    """At 0, 8, 16, 24 and 32 minutes: 8 repeats 0, 16 is an answer again, 24 repeats it, and 32 is one again."""
    counted = drafted(out, "select subject_id from kpis.nps where subject_id like 'chain %' order by 1")
    assert [row["subject_id"] for row in counted] == ["chain 0", "chain 2", "chain 4"]


def test_what_has_not_happened_is_not_seen(out: Path) -> None:
    days = drafted(out, "select max(day) as last from marts.kpi_daily where kpi = 'nps' and n > 0")
    assert str(days[0]["last"]) < AS_OF


@pytest.mark.parametrize("number", range(len(CASES)), ids=list(CASES))
def test_the_interval_is_adjusted_wald(out: Path, number: int) -> None:
    """Golden cases; the point stays the raw value, the interval is clipped to -100 to 100."""
    expected = list(CASES.values())[number]["expected"]
    found = cell(out, "nps", week=at("2026-07-06T00:00:00Z", days=7 * number)[:10])
    assert found["value"] == pytest.approx(expected["nps"])
    within = 0.05 if expected["adjwald_lo_clipped"] == 29.3 else 1e-9
    assert found["ci_low"] == pytest.approx(expected["adjwald_lo_clipped"], abs=within)
    assert found["ci_high"] == pytest.approx(expected["adjwald_hi_clipped"], abs=within)
