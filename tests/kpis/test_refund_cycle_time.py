"""Refund cycle time: from the request to full credit; open refunds are censored, ended ones a competing event."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from given import Row, a_return, at, refund

from tests.acceptance.nights import REPOSITORY, cells, draft, drafted, numbers

# A Thursday evening: an open return of the same week can have waited up to 90 hours.
NOW, ASKED = "2026-06-11T18:00:00Z", "2026-06-08T06:00:00Z"
THIS_WEEK = "2026-06-08"


def golden(name: str) -> dict[str, dict[str, object]]:
    text = (REPOSITORY / "tests" / "golden" / f"{name}.json").read_text(encoding="utf-8")
    return {case["id"]: case for case in json.loads(text)["cases"]}


KM, AJ = golden("km"), golden("aalen_johansen")
# case: durations in hours, and per duration 1 credited, 2 ended without a refund, 0 open
CASES: dict[str, tuple[Sequence[float], Sequence[int]]] = {
    "definition": ((2, 3, 3, 5, 6, 7, 9), (1, 1, 0, 1, 0, 1, 0)),
    "definition ended": ((2, 3, 3, 5, 6, 7, 9), (1, 1, 2, 1, 2, 1, 2)),
    **{name: (KM[name]["inputs"]["t"], KM[name]["inputs"]["event"]) for name in KM if "t" in KM[name]["inputs"]},  # type: ignore[index,operator]
    **{name: (case["inputs"]["t"], case["inputs"]["status"]) for name, case in AJ.items()},  # type: ignore[index]
    "whole hours": ((2.99, 2.99, 3.01), (1, 1, 1)),
}


def records(case: str, durations: Sequence[float], outcomes: Sequence[int]) -> tuple[list[Row], list[Row]]:
    """Returns and refunds of these durations; the case is the return's carrier."""
    returns, refunds = [], []
    for hours, outcome in zip(durations, outcomes, strict=True):
        asked = at(NOW, hours=-hours) if outcome == 0 else ASKED
        ended = at(asked, hours=hours) if outcome == 2 else None
        row = a_return(asked, carrier=case, rejected_at=ended)
        returns.append(row)
        if outcome == 1:
            refunds.append(refund(row["return_id"], at(asked, hours=hours)))
    return returns, refunds


@pytest.fixture(scope="module")
def curves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    returns, refunds = [], []
    for case, (durations, outcomes) in CASES.items():
        some = records(case, durations, outcomes)
        returns += some[0]
        refunds += some[1]
    root = tmp_path_factory.mktemp("curves")
    return numbers(root / "landing", root / "out", NOW, {"returns": returns, "refunds": refunds})


def statistics(out: Path, case: str, week: str = THIS_WEEK) -> dict[str, Row]:
    found = cells(out, "refund_cycle_time", dimension="carrier", dimension_value=case, week=week)
    return {str(row["statistic"]): row for row in found}


def curve(durations: Sequence[float], outcomes: Sequence[int]) -> tuple[list[float], list[float], list[float]]:
    """Times, Kaplan-Meier's 1 - S (ended = censored) and Aalen-Johansen's incidence of credit, by hand."""
    times, km, aj, alive, survival, incidence = [], [], [], 1.0, 1.0, 0.0
    for t in sorted({math.floor(x) for x in durations}):
        here = [o for x, o in zip(durations, outcomes, strict=True) if math.floor(x) == t]
        at_risk = sum(math.floor(x) >= t for x in durations)
        incidence += alive * here.count(1) / at_risk
        survival *= 1 - here.count(1) / at_risk
        alive *= 1 - (here.count(1) + here.count(2)) / at_risk
        times, km, aj = [*times, t], [*km, 1 - survival], [*aj, incidence]
    return times, km, aj


@pytest.mark.parametrize("case", list(CASES))
def test_quantiles(curves: Path, case: str) -> None:
    """The smallest whole hour at which the curve reaches the quantile; NULL when it never does."""
    durations, outcomes = CASES[case]
    times, km, aj = curve(durations, outcomes)
    found = statistics(curves, case)
    for q, name in ((0.25, "p25"), (0.5, "p50"), (0.9, "p90")):
        for prefix, values in (("km_", km), ("", aj)):
            expected = next((t for t, f in zip(times, values, strict=True) if f >= q - 1e-12), None)
            row = found[prefix + name]
            assert row["value"] == expected, f"{prefix}{name}"
            assert (row["status"] == "not_reached") == (expected is None)
            assert row["n"] == len(durations)


def test_the_golden_case_of_the_definition(curves: Path) -> None:
    """Seven returns, median 7 hours; the last p90 is not reached because the longest one is still open."""
    found = statistics(curves, "definition")
    assert (found["p50"]["value"], found["km_p50"]["value"]) == (7.0, 7.0)
    assert (found["p90"]["value"], found["p90"]["status"]) == (None, "not_reached")
    # ended instead of open: they compete, so the headline curve never reaches what the other one does
    ended = statistics(curves, "definition ended")
    assert (ended["p50"]["value"], ended["km_p50"]["value"]) == (7.0, 7.0)


@pytest.mark.parametrize("case", [name for name in KM if "q50" in KM[name]["expected"]])  # type: ignore[operator]
def test_kaplan_meier_agrees_with_lifelines(curves: Path, case: str) -> None:
    expected: dict[str, float | None] = KM[case]["expected"]  # type: ignore[assignment]
    found = statistics(curves, case)
    assert found["km_p50"]["value"] == expected["q50"]
    assert found["km_p90"]["value"] == expected["q90"]


def test_intervals_hold_their_value(curves: Path) -> None:
    for case in CASES:
        for name, row in statistics(curves, case).items():
            if row["value"] is None:
                continue
            assert row["ci_low"] is None or row["ci_low"] <= row["value"], (case, name)
            assert row["ci_high"] is None or row["value"] <= row["ci_high"], (case, name)


def test_the_interval_of_the_median_is_log_log(curves: Path) -> None:
    """Freireich's 6-MP: what lifelines and R give for the median."""
    expected: dict[str, float | None] = KM["freireich_6mp"]["expected"]  # type: ignore[assignment]
    found = statistics(curves, "freireich_6mp")["km_p50"]
    assert (found["ci_low"], found["ci_high"]) == (expected["median_ci_lo"], expected["median_ci_hi"])


WHEN = "2026-03-03T08:00:00Z"
LONG_AGO, LATER = "2026-03-02", "2026-09-28T00:00:00Z"
# name: changes to the return, its refunds (days after the request, amount), expected outcome and hours
FATES: dict[str, tuple[Row, list[tuple[float | None, str]], str, float]] = {
    "in one": ({}, [(5, "100.00")], "credited", 120),
    "in three parts": ({}, [(1, "30.00"), (3, "30.00"), (7, "40.00")], "credited", 168),
    "a cent short": ({}, [(1, "50.00"), (2, "49.99")], "credited", 48),
    "two cents short": ({}, [(1, "50.00"), (2, "49.98")], "open", -1),
    "more than approved": ({}, [(1, "150.00"), (9, "5.00")], "credited", 24),
    "no amount": ({"approved_amount": None}, [(4, "1.00"), (9, "99.00")], "credited", 96),
    "amount zero": ({"approved_amount": "0.00"}, [(4, "1.00"), (9, "99.00")], "credited", 96),
    "issued only": ({}, [(None, "100.00")], "open", -1),
    "nothing": ({}, [], "open", -1),
    "credited later": ({}, [(300, "100.00")], "open", -1),
    "second part later": ({}, [(2, "50.00"), (300, "50.00")], "open", -1),
    "rejected": ({"rejected_at": at(WHEN, days=2)}, [], "ended", 48),
    "cancelled": ({"cancelled_at": at(WHEN, days=1)}, [], "ended", 24),
    "expired": ({"expired_at": at(WHEN, days=14)}, [], "ended", 336),
    "ended twice": ({"expired_at": at(WHEN, days=14), "cancelled_at": at(WHEN, days=3)}, [], "ended", 72),
    "rejected later": ({"rejected_at": at(WHEN, days=300)}, [], "open", -1),
    "partly paid, then rejected": ({"rejected_at": at(WHEN, days=6)}, [(2, "50.00")], "ended", 144),
    "paid, then expired": ({"expired_at": at(WHEN, days=14)}, [(2, "100.00")], "credited", 48),
    "rejected, then paid": ({"rejected_at": at(WHEN, days=2)}, [(5, "100.00")], "ended", 48),
    "returnless": ({"resolution": "returnless_refund"}, [(1, "100.00")], "credited", 24),
}
NOT_REFUNDS: dict[str, Row] = {
    "exchange": {"resolution": "exchange"},
    "store credit": {"resolution": "store_credit"},
    "not decided": {"resolution": None},
}


@pytest.fixture(scope="module")
def fates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    returns: list[Row] = []
    refunds: list[Row] = []
    for name, (changes, paid, _, _) in FATES.items():
        returns.append(a_return(WHEN, return_id=name) | changes)
        refunds += [refund(name, at(WHEN, days=days) if days is not None else None, amount) for days, amount in paid]
    for name, changes in NOT_REFUNDS.items():
        returns.append(a_return(WHEN, return_id=name) | changes)
        refunds.append(refund(name, at(WHEN, days=1)))
    # a refund of no return, and one of a return that never arrives
    refunds += [refund(None, at(WHEN, days=1)), refund("never", at(WHEN, days=1))]
    # shares by day and the restricted mean, of a week of its own
    for number, hours in enumerate((10, 71, 74, 167, 170, 335, 338, 1000)):
        returns.append(a_return("2026-04-07T00:00:00Z", return_id=f"day {number}", carrier="days"))
        refunds.append(refund(f"day {number}", at("2026-04-07T00:00:00Z", hours=hours)))
    root = tmp_path_factory.mktemp("fates")
    return numbers(root / "landing", root / "out", LATER, {"returns": returns, "refunds": refunds})


@pytest.mark.parametrize("name", list(FATES))
def test_a_returns_fate(fates: Path, name: str) -> None:
    """Whichever comes first counts; an open one has lasted until the as-of time."""
    _, _, outcome, hours = FATES[name]
    (row,) = drafted(fates, f"select outcome, duration_hours from kpis.refund_cycle_time where subject_id = '{name}'")
    waited = 24 * 208 + 16  # from WHEN to LATER
    assert row["outcome"] == outcome
    assert row["duration_hours"] == pytest.approx(hours if hours >= 0 else waited)


@pytest.mark.parametrize("name", list(NOT_REFUNDS))
def test_only_refunds_count(fates: Path, name: str) -> None:
    assert drafted(fates, f"from kpis.refund_cycle_time where subject_id = '{name}'") == []


def test_every_return_is_in_exactly_once(fates: Path) -> None:
    (row,) = drafted(fates, "select count(*) as n, count(distinct subject_id) as ids from kpis.refund_cycle_time")
    assert row == {"n": len(FATES) + 8, "ids": len(FATES) + 8}
    (total,) = cells(fates, "refund_cycle_time", week=LONG_AGO, statistic="p50")
    assert total["n"] == len(FATES)


def test_shares_credited_by_a_day(fates: Path) -> None:
    found = statistics(fates, "days", "2026-04-06")
    assert found["credited_by_day_3"]["value"] == pytest.approx(2 / 8)
    assert found["credited_by_day_7"]["value"] == pytest.approx(4 / 8)
    assert found["credited_by_day_14"]["value"] == pytest.approx(6 / 8)


def test_the_restricted_mean_is_over_thirty_days(fates: Path) -> None:
    """Hours waited within the first 720 after the request."""
    found = statistics(fates, "days", "2026-04-06")
    assert found["restricted_mean"]["value"] == pytest.approx((10 + 71 + 74 + 167 + 170 + 335 + 338 + 720) / 8, abs=0.5)


def test_a_credit_before_the_request_is_never_clamped(tmp_path: Path) -> None:
    """`Negative durations are quarantined with a reason`: it is in no number, and it is not lost without a word."""
    returns = [a_return(WHEN, return_id="good"), a_return(WHEN, return_id="backwards")]
    refunds = [refund("good", at(WHEN, days=2)), refund("backwards", at(WHEN, days=-2))]
    out = numbers(tmp_path / "landing", tmp_path / "out", LATER, {"returns": returns, "refunds": refunds})
    (row,) = cells(out, "refund_cycle_time", week=LONG_AGO, statistic="p50")
    assert (row["value"], row["n"]) == (48.0, 1)
    quarantined = drafted(out, "select source, reason from ledger.quarantine")
    assert len(quarantined) == 1, "the return with a negative duration is in no number and in no quarantine"


def test_a_young_week_is_provisional_and_not_biased(tmp_path: Path) -> None:
    """Half of a week's refunds are open: its median waits for them instead of reading the closed ones alone."""
    returns = [a_return(ASKED, return_id=f"r{number}") for number in range(40)]
    refunds = [refund(f"r{number}", at(ASKED, hours=10 + number)) for number in range(15)]
    tables = {"returns": returns, "refunds": refunds}
    out = numbers(tmp_path / "landing", tmp_path / "out", NOW, tables)
    (median,) = cells(out, "refund_cycle_time", week=THIS_WEEK, statistic="p50")
    assert (median["value"], median["status"]) == (None, "not_reached")
    (quarter,) = cells(out, "refund_cycle_time", week=THIS_WEEK, statistic="p25")
    assert (quarter["value"], quarter["status"]) == (19.0, "provisional")
    draft(tmp_path / "landing", tmp_path / "much later", "2026-09-28")
    (quarter,) = cells(tmp_path / "much later", "refund_cycle_time", week=THIS_WEEK, statistic="p25")
    assert (quarter["value"], quarter["status"]) == (19.0, "final")
