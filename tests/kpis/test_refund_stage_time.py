"""Refund time by stage: stages add up to the whole wait to the second, whatever is known of the way."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from given import Row, a_return, at, order, refund
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.acceptance.nights import cells, drafted, moment, numbers
from transforms.models import HORIZONS

ASKED, AS_OF = "2026-06-02T08:00:00Z", "2026-07-06T00:00:00Z"
STEPS = ("approved_at", "first_scan_at", "received_at", "inspected_at")


def steps(*days: float | None) -> Row:
    return {name: None if day is None else at(ASKED, days=day) for name, day in zip(STEPS, days, strict=False)}


# return: (what is known, its refunds as (issued, credited, amount), and its stages in days with their outcomes)
CASES: dict[str, tuple[Row, list[tuple[float, float | None, str]], list[tuple[str, str, float, str]]]] = {
    "whole way": (
        steps(1, 3, 6, 7),
        [(9, 12, "100.00")],
        [("approve", "seller", 1, "credited"), ("ship", "customer", 2, "credited"), ("transit", "carrier", 3, "credited"),
         ("inspect", "warehouse", 1, "credited"), ("issue", "platform", 2, "credited"), ("credit", "bank", 3, "credited")],
    ),
    "returnless": (
        {"resolution": "returnless_refund"} | steps(1),
        [(2, 4, "100.00")],
        [("approve", "seller", 1, "credited"), ("issue", "platform", 1, "credited"), ("credit", "bank", 2, "credited")],
    ),
    "no scan, no approval": (
        steps(None, None, 6, 7),
        [(9, 12, "100.00")],
        [("transit", "carrier", 6, "credited"), ("inspect", "warehouse", 1, "credited"),
         ("issue", "platform", 2, "credited"), ("credit", "bank", 3, "credited")],
    ),
    "money at the scan": (
        steps(1, 3, 6, 7),
        [(4, 5, "100.00")],
        [("approve", "seller", 1, "credited"), ("ship", "customer", 2, "credited"),
         ("issue", "platform", 1, "credited"), ("credit", "bank", 1, "credited")],
    ),
    "two refunds": (
        steps(1, 3, 6, 7),
        [(8, 9, "60.00"), (12, 14, "40.00")],
        [("approve", "seller", 1, "credited"), ("ship", "customer", 2, "credited"), ("transit", "carrier", 3, "credited"),
         ("inspect", "warehouse", 1, "credited"), ("issue", "platform", 5, "credited"), ("credit", "bank", 2, "credited")],
    ),
    "on its way back": (
        steps(1, 3),
        [],
        [("approve", "seller", 1, "credited"), ("ship", "customer", 2, "credited"), ("transit", "carrier", 30 + 16 / 24, "open")],
    ),
    "nothing known": (steps(), [], [("approve", "seller", 33 + 16 / 24, "open")]),
    "half paid, rest not sent": (
        steps(1, 3, 6, 7),
        [(8, 9, "60.00")],
        [("approve", "seller", 1, "credited"), ("ship", "customer", 2, "credited"), ("transit", "carrier", 3, "credited"),
         ("inspect", "warehouse", 1, "credited"), ("issue", "platform", 26 + 16 / 24, "open")],
    ),
    "sent, not arrived": (
        steps(1, 3, 6, 7),
        [(8, None, "100.00")],
        [("approve", "seller", 1, "credited"), ("ship", "customer", 2, "credited"), ("transit", "carrier", 3, "credited"),
         ("inspect", "warehouse", 1, "credited"), ("issue", "platform", 1, "credited"), ("credit", "bank", 25 + 16 / 24, "open")],
    ),
    "rejected at once": ({"rejected_at": at(ASKED, days=2)} | steps(), [], [("approve", "seller", 2, "ended")]),
    "expired": (
        {"expired_at": at(ASKED, days=15)} | steps(1),
        [],
        [("approve", "seller", 1, "credited"), ("ship", "customer", 14, "ended")],
    ),
    "rejected when seen": (
        {"rejected_at": at(ASKED, days=8)} | steps(1, 3, 6, 7),
        [],
        [("approve", "seller", 1, "credited"), ("ship", "customer", 2, "credited"), ("transit", "carrier", 3, "credited"),
         ("inspect", "warehouse", 1, "credited"), ("issue", "platform", 1, "ended")],
    ),
    # a step after the as-of time has not happened
    "scanned tomorrow": (
        steps(1, 40),
        [],
        [("approve", "seller", 1, "credited"), ("ship", "customer", 32 + 16 / 24, "open")],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    placed = order("2026-05-20T08:00:00Z", fulfilment="seller")
    returns = [
        a_return(ASKED, return_id=name, order_id=placed["order_id"]) | known for name, (known, _, _) in CASES.items()
    ]
    refunds = [
        refund(name, None if credited is None else at(ASKED, days=credited), amount, issued_at=at(ASKED, days=issued))
        for name, (_, paid, _) in CASES.items()
        for issued, credited, amount in paid
    ]
    root = tmp_path_factory.mktemp("stages")
    tables = {"orders": [placed], "returns": returns, "refunds": refunds}
    return numbers(root / "landing", root / "out", AS_OF, tables)


@pytest.mark.parametrize("name", CASES)
def test_stages(out: Path, name: str) -> None:
    rows = drafted(
        out, f"select * from facts.refund_stages where return_id = '{name}' order by started_at, finished_at"
    )
    found = [
        (r["stage"], r["clock_owner"], (r["finished_at"] - r["started_at"]).total_seconds(), r["outcome"]) for r in rows
    ]
    assert found == [(stage, owner, pytest.approx(86400 * d), outcome) for stage, owner, d, outcome in CASES[name][2]]


def test_a_missing_step_is_not_zero_hours(out: Path) -> None:
    """What has no time, was skipped or has not begun has no row, and is in no quantile."""
    rows = drafted(out, "select * from kpis.refund_stage_time where duration_hours <= 0")
    assert rows == []
    counted = {
        row["dimension_value"]: row["n"] for row in cells(out, "refund_stage_time", dimension="stage", statistic="p50")
    }
    expected: dict[str, int] = {}
    for _, _, stages in CASES.values():
        for stage, *_ in stages:
            expected[stage] = expected.get(stage, 0) + 1
    assert counted == expected


def test_an_open_stage_is_censored(out: Path) -> None:
    """Six returns got as far as the credit: the one that waits for it counts, and keeps the curve from its end."""
    found = {r["statistic"]: r for r in cells(out, "refund_stage_time", dimension="stage", dimension_value="credit")}
    assert found["p50"]["n"] == 6
    assert found["p50"]["numerator"] == 5
    assert found["p90"]["value"] is None


def test_stages_of_every_group_and_of_the_clock(out: Path) -> None:
    """No group pools the stages: every cut but the whole is of the stage, alone or in a pair."""
    dimensions = {
        r["dimension"]
        for r in drafted(out, "select distinct dimension from marts.kpi_weekly where kpi = 'refund_stage_time'")
    }
    assert {"stage", "market × stage", "stage × clock_owner"} <= dimensions
    assert [d for d in dimensions if "stage" not in d.split(" × ")] == ["all"]
    pairs = [r["dimension_value"] for r in cells(out, "refund_stage_time", dimension="stage × clock_owner")]
    owners = {pair.split(" × ")[1] for pair in pairs}
    assert owners == {"seller", "customer", "carrier", "warehouse", "platform", "bank"}


DAY = 86_400
GAP = st.sampled_from([0, 1, 60, DAY]) | st.integers(0, 9 * DAY)


@st.composite
def histories(draw: Any) -> list[dict[str, Any]]:
    """Twenty to forty returns: any steps missing, one to three refunds at any time after the request, an end or none."""
    found = []
    for number in range(draw(st.integers(20, 40))):
        now, row = 0, {"return_id": f"r{number}", "resolution": draw(st.sampled_from(["refund", "returnless_refund"]))}
        for name in STEPS:
            now += draw(GAP)
            row[name] = now if draw(st.integers(0, 3)) else None
        row["ended"] = draw(GAP) * 3 if draw(st.integers(0, 4)) == 0 else None
        row["refunds"] = [
            (
                start := draw(GAP) * 3,
                start + draw(GAP) if draw(st.booleans()) else None,
                draw(st.sampled_from(["100", "50"])),
            )
            for _ in range(draw(st.integers(0, 3)))
        ]
        found.append(row)
    return found


@settings(max_examples=3, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
          suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
@given(histories())
def test_the_stages_of_a_random_history_add_up_to_its_total(
    tmp_path_factory: pytest.TempPathFactory, past: list[dict[str, Any]]
) -> None:
    later = lambda seconds: None if seconds is None else at(ASKED, seconds=seconds)  # noqa: E731
    returns = [
        a_return(ASKED, return_id=row["return_id"], resolution=row["resolution"], cancelled_at=later(row["ended"]))
        | {name: later(row[name]) for name in STEPS}
        for row in past
    ]
    refunds = [
        refund(row["return_id"], later(credited), amount, issued_at=later(issued))
        for row in past
        for issued, credited, amount in row["refunds"]
    ]
    root = tmp_path_factory.mktemp("history")
    # Files need a header even when no refund was drawn.
    refunds = refunds or [refund("of nobody", None)]
    out = numbers(root / "landing", root / "out", AS_OF, {"returns": returns, "refunds": refunds})
    assert drafted(out, "from ledger.quarantine") == []
    rows = drafted(out, "from facts.refund_stages order by return_id, started_at, finished_at")
    totals = {row["return_id"]: row for row in drafted(out, "from facts.refund_cases")}
    assert {row["return_id"] for row in rows} == set(totals) == {row["return_id"] for row in past}
    for name, total in totals.items():
        stages = [row for row in rows if row["return_id"] == name]
        assert (
            sum((s["finished_at"] - s["started_at"] for s in stages), timedelta())
            == total["settled_at"] - total["requested_at"]
        )
        assert all(s["finished_at"] >= s["started_at"] for s in stages)
        # unfinished is the last one alone, and it has the outcome of its return
        unfinished = [s["outcome"] for s in stages if s["outcome"] != "credited"]
        assert unfinished == ([] if total["outcome"] == "credited" else [total["outcome"]])
        assert max(s["finished_at"] for s in stages) <= moment(AS_OF).replace(tzinfo=None)
        if total["is_returnless"]:
            assert not {s["stage"] for s in stages} & {"ship", "transit", "inspect"}
    # Of the first days of each return, too, the hours of the stages are those of the whole.
    for days in HORIZONS:
        hours = drafted(
            out,
            f"select kpi, sum(hours_in_{days}_days) as h from sums.slices_of_week group by kpi having h is not null",
        )
        of = {row["kpi"]: row["h"] for row in hours}
        assert of["refund_stage_time"] == pytest.approx(of["refund_cycle_time"], rel=1e-9)
        waited = [row["settled_at"] - row["requested_at"] for row in totals.values()]
        least = sum((min(one, timedelta(days=days)) for one in waited), timedelta())
        assert of["refund_cycle_time"] == pytest.approx(least / timedelta(hours=1), rel=1e-9)
