"""Refunds within the agreed time: credited by then, of all requested at least that long ago; terms by market and day."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from given import AS_OF, WEEK, Row, a_return, at, order, refund

from flows.night import Night
from flows.settings import load
from tests.acceptance.nights import REPOSITORY, cell, cells, deliver, draft, drafted, moment, numbers

DAY_0 = "2026-06-01T00:00:00Z"
(CASE,) = json.loads((REPOSITORY / "tests" / "golden" / "sla_censored.json").read_text(encoding="utf-8"))["cases"]


def shares(out: Path, **where: object) -> tuple[float, float]:
    found = cell(out, "refund_sla_rate", **where)
    return found["numerator"], found["denominator"]


@pytest.fixture(scope="module")
def golden_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden requests, a day being a day; the agreed time is a setting of 10 days."""
    returns: list[Row] = []
    refunds: list[Row] = []
    for row in CASE["inputs"]["rows"]:
        ended = at(DAY_0, days=row["rejected"]) if row["rejected"] is not None else None
        one = a_return(at(DAY_0, days=row["req"]), rejected_at=ended, carrier="golden")
        returns.append(one)
        if row["credited"] is not None:
            refunds.append(refund(one["return_id"], at(DAY_0, days=row["credited"])))
    root = tmp_path_factory.mktemp("sla")
    deliver(root / "landing", "returns/returns.csv", returns)
    deliver(root / "landing", "refunds/refunds.csv", refunds)
    now = at(DAY_0, days=CASE["inputs"]["as_of"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPERIENCE_KPIS_SLA", json.dumps([{"days": CASE["inputs"]["sla"]}]))
        draft(root / "landing", root / "out", now)
    return root / "out"


def test_the_golden_case(golden_out: Path) -> None:
    """Open and rejected requests count once their time is over, and none before: 20 of 44, not 0.65, 0.37 or 0.52."""
    (found,) = drafted(golden_out, "select sum(numerator) as k, sum(denominator) as n from kpis.refund_sla_rate")
    expected = CASE["expected"]
    assert (found["k"], found["n"]) == (expected["k_within"], expected["n_matured"])
    month = drafted(golden_out, "from marts.kpi_monthly where kpi = 'refund_sla_rate' and dimension = 'all'")
    assert month[0]["value"] == pytest.approx(expected["matured_rate"], abs=1e-9)
    assert month[0]["ci_low"] == pytest.approx(expected["wilson_lo"], abs=1e-9)
    assert month[0]["ci_high"] == pytest.approx(expected["wilson_hi"], abs=1e-9)
    wrong = {expected[name] for name in ("naive_closed_only", "naive_all_opened", "biased_outcome_known")}
    assert month[0]["value"] not in wrong


def test_a_week_is_final_when_its_agreed_time_is_over(golden_out: Path) -> None:
    """As of 30 days with 10 of them agreed: requests of the days 0 to 13 are settled, the next week is not over."""
    status = {str(r["week"]): r["status"] for r in cells(golden_out, "refund_sla_rate")}
    assert status == {"2026-06-01": "low_n", "2026-06-08": "low_n", "2026-06-15": "provisional"}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """14 days unless told; 7 in TH from Wednesday 2026-06-03 on, 3 from the 5th; 20 in ID for ever."""
    sla = """
[[sla]]
market = "TH"
days = 7
valid_from = 2026-06-03
[[sla]]
market = "TH"
days = 3
valid_from = 2026-06-05
[[sla]]
market = "ID"
days = 20
"""
    placed = {market: order("2026-05-20T08:00:00Z", market=market) for market in ("VN", "TH", "ID")}
    returns, refunds = [], []
    for market, asked, hours in [
        ("VN", "2026-06-02", 14 * 24),
        ("VN", "2026-06-02", 14 * 24 + 0.001),
        ("TH", "2026-06-02", 8 * 24),
        ("TH", "2026-06-03", 8 * 24),
        ("TH", "2026-06-04", 5 * 24),
        ("TH", "2026-06-05", 5 * 24),
        ("ID", "2026-06-05", 19 * 24),
    ]:
        one = a_return(at(asked), order_id=placed[market]["order_id"], return_id=f"{market} {asked} {hours}")
        returns.append(one)
        refunds.append(refund(one["return_id"], at(asked, hours=hours)))
    root = tmp_path_factory.mktemp("terms")
    (root / "settings.toml").write_text(sla, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPERIENCE_KPIS_CONFIG", str(root / "settings.toml"))
        tables = {"orders": list(placed.values()), "returns": returns, "refunds": refunds}
        return numbers(root / "landing", root / "out", AS_OF, tables)


def test_terms_hold_from_their_day_on(out: Path) -> None:
    """A return is promised what was agreed when it was requested."""
    rows = drafted(out, "select subject_id, numerator from kpis.refund_sla_rate")
    kept = {str(row["subject_id"]).rpartition(" ")[0] for row in rows if row["numerator"]}
    assert kept == {"VN 2026-06-02", "TH 2026-06-02", "TH 2026-06-04", "ID 2026-06-05"}
    assert shares(out, week=WEEK) == (4, 7)
    terms = drafted(out, "select distinct market, requested_on, sla_days from facts.refund_cases order by all")
    assert {(t["market"], str(t["requested_on"])): t["sla_days"] for t in terms} == {
        ("VN", "2026-06-02"): 14,
        ("TH", "2026-06-02"): 14,
        ("TH", "2026-06-03"): 7,
        ("TH", "2026-06-04"): 7,
        ("TH", "2026-06-05"): 3,
        ("ID", "2026-06-05"): 20,
    }


def test_the_longest_term_decides_when_a_week_is_final(out: Path) -> None:
    """The catalogue, and `explain` after it, say what the figures are judged by: a setting, which no header knows."""
    (entry,) = drafted(out, "from marts.kpi_catalogue where kpi = 'refund_sla_rate'")
    assert (entry["window_days"], entry["statistic_window_days"]) == (20, [20])
    assert entry["maturity"] == "final 20 days after the period's end"


def test_a_term_that_makes_no_sense_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for term in ({"days": 0}, {"days": 7, "markt": "TH"}, {"market": "TH"}, {"days": 7, "valid_from": "soon"}):
        monkeypatch.setenv("EXPERIENCE_KPIS_SLA", json.dumps([term]))
        with pytest.raises(ValueError, match="sla"):
            load(landing=tmp_path)


def test_a_later_line_for_the_same_market_and_day_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terms = [{"market": "TH", "days": days, "valid_from": "2026-01-01"} for days in (7, 9)]
    monkeypatch.setenv("EXPERIENCE_KPIS_SLA", json.dumps(terms))
    (tmp_path / "landing").mkdir()
    with Night(load(landing=tmp_path / "landing", out=tmp_path / "out"), moment(AS_OF)) as night:
        found = night.warehouse.rows("from run.sla order by market nulls first")
    assert found == [(None, 14, date(1, 1, 1)), ("TH", 9, date(2026, 1, 1))]
