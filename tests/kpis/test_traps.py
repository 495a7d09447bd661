"""Traps: each with the wrong answer that it must not give."""

from __future__ import annotations

from pathlib import Path

import pytest
from given import AS_OF, WEEK, Row, a_return, answer, answers, at, contact, order, orders, refund

from tests.acceptance.nights import cell, cells, drafted, numbers

MONDAY = f"{WEEK}T08:00:00Z"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    busy = order(MONDAY, order_id="busy", market="VN")
    shared = order(MONDAY, order_id="shared", market="VN", currency="VND")
    placed = [busy, shared, *orders(8, MONDAY, market="VN"), *orders(10, MONDAY, market=None, category=None)]
    placed = [row | {"market": row["market"] or "TH"} for row in placed]
    two_days = [*answers("csat", [5] * 9 + [1], MONDAY), *answers("csat", [1] * 2, at(MONDAY, days=1))]
    dismissed = [answer("csat", None, MONDAY), answer("csat", None, None, invited_at=MONDAY)]
    easy = [*answers("ces", [7] * 3 + [1], MONDAY), *answers("ces", [5], MONDAY, scale_min=1, scale_max=5)]
    detractors = [answer("nps", 1, MONDAY, scale_min=1, scale_max=10)]
    returns = [
        a_return(MONDAY, return_id="in parts", order_id="busy"),
        a_return(MONDAY, return_id="without amount", order_id="shared", approved_amount=None),
        # rejected, taken up again, and paid: what came first counts
        a_return(MONDAY, return_id="reopened", order_id="shared", rejected_at=at(MONDAY, days=2)),
        a_return(MONDAY, return_id="waiting", order_id="shared"),
    ]
    refunds: list[Row] = [
        refund("in parts", at(MONDAY, days=3), "40.00"),
        refund("in parts", at(MONDAY, days=9), "60.00"),
        refund("in parts", at(MONDAY, days=20), "5.00"),
        refund("without amount", at(MONDAY, days=4), "7.00"),
        refund("without amount", at(MONDAY, days=8), "7.00"),
        refund("reopened", at(MONDAY, days=12)),
    ]
    contacts = [contact(at(MONDAY, hours=n), order_id="busy") for n in range(6)]
    tables = {"orders": placed, "surveys": [*two_days, *dismissed, *easy, *detractors], "returns": returns}
    root = tmp_path_factory.mktemp("traps")
    return numbers(root / "landing", root / "out", AS_OF, tables | {"refunds": refunds, "contacts": contacts})


def test_dismissed_surveys_are_no_denominator(out: Path) -> None:
    """9 of 12 answers; not 9 of 14 surveys."""
    found = cell(out, "csat", week=WEEK)
    assert (found["numerator"], found["denominator"]) == (9, 12)


def test_a_week_is_not_the_mean_of_its_days(out: Path) -> None:
    """9 of 10 and 0 of 2 are 75 %; not 45 %."""
    assert cell(out, "csat", week=WEEK)["value"] == pytest.approx(0.75)


def test_scales_of_ces_are_not_pooled(out: Path) -> None:
    """3 of 4 on 1-7; the answer on 1-5 is refused, not counted as easy (4 of 5) nor rescaled."""
    found = cell(out, "ces", week=WEEK)
    assert (found["numerator"], found["denominator"]) == (3, 4)
    reasons = {row["reason"] for row in drafted(out, "select reason from ledger.quarantine")}
    assert "the scale of a ces survey is 1-7, not 1-5" in reasons


def test_an_nps_on_another_scale_is_refused(out: Path) -> None:
    """Not a detractor of -100."""
    assert cells(out, "nps", week=WEEK)[0]["value"] is None
    reasons = {row["reason"] for row in drafted(out, "select reason from ledger.quarantine")}
    assert "the scale of an nps survey is 0-10, not 1-10" in reasons


def test_contacts_do_not_multiply_orders(out: Path) -> None:
    """Six contacts of one of 20 orders: 1 of 20 orders and 300 per 1,000; not 6 of 25, not 240."""
    found = cell(out, "order_contact_rate_30d", week=WEEK)
    assert (found["numerator"], found["denominator"]) == (1, 20)
    found = cell(out, "contacts_per_1k_orders", week=WEEK)
    assert (found["value"], found["n"]) == (pytest.approx(300), 20)


def test_refunds_do_not_multiply_returns(out: Path) -> None:
    """Six refunds of three returns, and one return without: four returns; not seven."""
    for kpi, n in {"refund_cycle_time": 4, "refund_sla_rate": 4, "return_contact_rate": 4}.items():
        rows = [r for r in cells(out, kpi, week=WEEK) if r["statistic"] in ("value", "p50")]
        assert [row["n"] for row in rows] == [n], kpi
    assert cell(out, "resolution_mix", week=WEEK)["n"] == 2


def test_a_return_paid_in_parts_is_paid_with_the_last_part_it_needs(out: Path) -> None:
    """After 9 days; not after the first part (3), nor the one that came on top (20). Without an amount: the first (4)."""
    rows = drafted(out, "select subject_id, duration_hours / 24 as days, outcome from kpis.refund_cycle_time")
    found = {row["subject_id"]: (row["days"], row["outcome"]) for row in rows}
    assert found["in parts"] == (pytest.approx(9), "credited")
    assert found["without amount"] == (pytest.approx(4), "credited")
    assert found["reopened"] == (pytest.approx(2), "ended")


def test_an_unknown_duration_is_not_zero(out: Path) -> None:
    """The one that waits has waited until now: it is open, and holds the median up."""
    (row,) = drafted(out, "select duration_hours, outcome from kpis.refund_cycle_time where subject_id = 'waiting'")
    assert row["outcome"] == "open"
    assert row["duration_hours"] > 24 * 100
    assert drafted(out, "from kpis.refund_cycle_time where duration_hours = 0") == []


def test_unknown_groups_are_not_dropped(out: Path) -> None:
    """Twenty orders by category: ten beauty and ten unknown; not ten."""
    groups = {r["dimension_value"]: r["n"] for r in cells(out, "order_contact_rate_30d", dimension="category", week=WEEK,
                                                         statistic="value")}  # fmt: skip
    assert groups == {"beauty": 10, "unknown": 10}


def test_nothing_measured_is_not_zero(out: Path) -> None:
    """No CSAT answer in a later week: no value; not 0 %."""
    assert cells(out, "csat", week="2026-06-15") == []
    days = drafted(out, f"from marts.kpi_daily where kpi = 'csat' and dimension = 'all' and day > '{WEEK}'")
    assert [(str(row["day"]), row["value"]) for row in days] == [("2026-06-02", 0.0)]


def test_money_of_several_currencies_is_never_added(out: Path) -> None:
    """Amounts are compared within a return only; no KPI sums or averages money, so none can mix currencies."""
    units = {row["unit"] for row in drafted(out, "select unit from marts.kpi_catalogue")}
    assert units == {"points", "share", "per_1k", "per_day", "count", "hours"}
    definitions = " ".join(row["definition"] for row in drafted(out, "select definition from marts.kpi_catalogue"))
    assert not [word for word in ("amount", "order_value", "currency") if word in definitions]


@pytest.fixture(scope="module")
def calendar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A promoter a day over the turn of 2026, which has a week 53; the 31st of some months has none."""
    surveys = []
    for day in range(460):
        moment = at("2025-12-01T08:00:00Z", days=day)
        if moment[:10] not in ("2026-03-31", "2026-05-31"):
            surveys += answers("nps", [9] * (1 + day % 3) + [0], moment, language="en")
    root = tmp_path_factory.mktemp("calendar")
    return numbers(root / "landing", root / "out", "2027-03-01T00:00:00Z", {"surveys": surveys, "orders": orders(1)})


def test_week_53_is_compared_with_the_week_364_days_before(calendar: Path) -> None:
    """2026-W53 begins on 28 December 2026 and is held against the one that began on 29 December 2025; not against W53 of a year without one."""
    late = cell(calendar, "nps", week="2026-12-28")
    assert late["prior_year_value"] == cell(calendar, "nps", week="2025-12-29")["value"]
    assert late["prior_value"] == cell(calendar, "nps", week="2026-12-21")["value"]
    assert cell(calendar, "nps", week="2027-01-04")["prior_value"] == late["value"]


def test_months_of_different_lengths_are_whole_months(calendar: Path) -> None:
    """March is compared with February and with no March before; not with the 31 days before it."""
    rows = drafted(calendar, "from marts.kpi_monthly where kpi = 'nps' and dimension = 'all' order by month")
    by_month = {str(row["month"]): row for row in rows}
    for month, before in [("2026-03-01", "2026-02-01"), ("2026-05-01", "2026-04-01"), ("2027-01-01", "2026-12-01")]:
        assert by_month[month]["prior_value"] == by_month[before]["value"]
    assert by_month["2027-01-01"]["prior_year_value"] == by_month["2026-01-01"]["value"]
    # a day on a 31st has the same weekday before it, and none in the month before
    (day,) = drafted(calendar, "from marts.kpi_daily where kpi = 'nps' and dimension = 'all' and day = '2026-07-31'")
    (week,) = drafted(calendar, "from marts.kpi_daily where kpi = 'nps' and dimension = 'all' and day = '2026-07-24'")
    assert day["prior_value"] == week["value"]
