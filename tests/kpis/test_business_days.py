"""Whose day it is: dates on the clock of the market, across changes of the clocks, in years of 53 weeks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from given import Row, a_return, answer, answers, at, contact, order, refund
from hypothesis import given as any_of
from hypothesis import settings as how
from hypothesis import strategies as st

from flows.night import Night
from flows.settings import Settings
from tests.acceptance.nights import cell, cells, deliver, drafted, moment
from transforms import build
from transforms.models import ModelError, models
from transforms.warehouse import Warehouse

ALONE = ("nps",)
ZONES = {
    "business_time_zone": "Europe/Berlin",
    "market_time_zones": {"VN": "Asia/Ho_Chi_Minh", "US": "America/Los_Angeles", "GB": "UTC"},
}


def night(out: Path, as_of: str, tables: dict[str, list[Row]], **settings: Any) -> Path:
    """A drafted night over rows, with settings of its own. Returns its folder."""
    for source, rows in tables.items():
        deliver(out / "landing", f"{source}/{source}.csv", rows)
    with (
        patch("expectations.gate.check", return_value=[]),
        Night(Settings(landing=out / "landing", out=out, **settings), moment(as_of)) as run,
    ):
        run.run()
    return out


def test_every_fact_counts_days_on_its_markets_clock(tmp_path: Path) -> None:
    """Sunday 20:30 UTC is Monday in Hanoi, Sunday in Berlin, London and Los Angeles. Without an order: the common clock."""
    late = "2026-06-07T20:30:00Z"
    placed = [order(late, order_id=f"o-{m}", market=m) for m in ("VN", "US", "GB", "DE")]
    about = [f"o-{m}" for m in ("VN", "US", "GB", "DE")] + [None]
    out = night(
        tmp_path,
        "2026-06-20T00:00:00Z",
        {
            "orders": placed,
            "returns": [a_return(late, order_id=o or "o-none") for o in about],
            "contacts": [contact(late, order_id=o) for o in about],
            "surveys": [answer("nps", 9, "2026-06-07T22:30:00Z", invited_at=late, order_id=o) for o in about],
        },
        **ZONES,
    )
    sunday, monday = date(2026, 6, 7), date(2026, 6, 8)
    expected = {"VN": monday, "US": sunday, "GB": sunday, "DE": sunday, "unknown": sunday}
    for fact, column in (("returns", "requested_on"), ("contacts", "created_on"), ("surveys", "invited_on")):
        found = drafted(out, f"select market, {column} as day from facts.{fact}")
        assert {r["market"]: r["day"] for r in found} == expected, fact
    # 22:30 UTC is past midnight in Berlin, where it is summer; a survey without an order is on that clock too.
    found = drafted(out, "select market, responded_on as day from facts.surveys")
    assert {r["market"]: r["day"] for r in found} == expected | {"DE": monday, "unknown": monday}
    found = drafted(out, "select market, ordered_on as day, ordered_at from facts.orders")
    assert {r["market"]: r["day"] for r in found} == {m: d for m, d in expected.items() if m != "unknown"}
    assert {r["ordered_at"] for r in found} == {datetime(2026, 6, 7, 20, 30)}, "moments stay UTC"


def test_a_week_takes_in_what_its_market_calls_monday(tmp_path: Path) -> None:
    sent = answers("nps", [9] * 40, "2026-06-07T17:00:00Z", order_id="o1") + answers(
        "nps", [0] * 40, "2026-06-07T16:59:59Z", order_id="o1"
    )
    out = night(tmp_path, "2026-06-20T00:00:00Z", {"orders": [order(order_id="o1")], "surveys": sent}, **ZONES)
    assert [(str(r["week"]), r["value"]) for r in cells(out, "nps", statistic="value")] == [
        ("2026-06-01", -100),
        ("2026-06-08", 100),
    ]


@pytest.mark.parametrize(
    ("as_of", "status"), [("2026-06-08T06:59:59Z", "provisional"), ("2026-06-08T07:00:00Z", "final")]
)
def test_a_week_is_over_when_it_is_over_in_the_last_zone(tmp_path: Path, as_of: str, status: str) -> None:
    """Los Angeles is seven hours behind UTC in summer."""
    sent = answers("nps", [9] * 40, "2026-06-03T12:00:00Z")
    out = night(tmp_path, as_of, {"surveys": sent, "orders": [order()]}, **ZONES)
    assert cell(out, "nps", week="2026-06-01")["status"] == status
    (week,) = drafted(out, "select * from marts.periods where grain = 'week' and period = date '2026-06-01'")
    assert week["ends_at"] == datetime(2026, 6, 8, 7, tzinfo=UTC)
    assert week["is_over"] == (status == "final")


def test_a_refund_is_settled_on_the_day_of_its_market(tmp_path: Path) -> None:
    """Paid on Sunday 20:30 UTC, which is Monday in Hanoi: there the refund was open when the Sunday ended.

    The last day looked at is one for all markets, the business's: it is Wednesday 22:00 in Berlin, Thursday in Hanoi.
    """
    markets, paid = ("VN", "US", "GB", "DE"), "2026-06-07T20:30:00Z"
    placed = [order("2026-05-20T08:00:00Z", order_id=f"o-{m}", market=m) for m in markets]
    tables: dict[str, list[Row]] = {"orders": placed, "returns": [], "refunds": []}
    for m in (*markets, "none"):
        tables["returns"].append(a_return("2026-05-28T08:00:00Z", return_id=f"paid {m}", order_id=f"o-{m}"))
        tables["returns"].append(a_return("2026-05-28T08:00:00Z", return_id=f"open {m}", order_id=f"o-{m}"))
        tables["returns"].append(a_return("2026-06-10T19:00:00Z", return_id=f"new {m}", order_id=f"o-{m}"))
        tables["refunds"].append(refund(f"paid {m}", paid))
    out = night(tmp_path, "2026-06-10T20:00:00Z", tables, **ZONES)
    settled = drafted(out, "select market, settled_on from facts.refund_cases where outcome = 'credited'")
    sunday, monday = date(2026, 6, 7), date(2026, 6, 8)
    assert {r["market"]: r["settled_on"] for r in settled} == dict.fromkeys(("US", "GB", "DE", "unknown"), sunday) | {
        "VN": monday
    }
    rows = drafted(out, "select day, return_id from facts.open_refunds where day >= '2026-06-01' order by all")
    everywhere = sorted(f"open {m}" for m in (*markets, "none"))
    assert [r["return_id"] for r in rows if r["day"] == sunday] == [*everywhere, "paid VN"]
    asked = sorted(f"new {m}" for m in (*markets, "none") if m != "VN")
    assert [r["return_id"] for r in rows if r["day"] == date(2026, 6, 10)] == sorted([*everywhere, *asked])
    assert {r["day"] for r in rows} == {sunday, date(2026, 6, 10)}


def days_of(zone: str, moments: list[datetime]) -> list[date]:
    """`ordered_on` of orders placed at these UTC moments, by the fact's own SELECT."""
    (select,) = (m.select for m in models("facts") if m.name == "orders")
    with Warehouse(":memory:", memory="1GB", threads=1) as warehouse:
        build.set_clock(warehouse, datetime(2100, 1, 1, tzinfo=UTC), "UTC", {"VN": zone})
        warehouse.run("create schema records")
        columns = "order_id varchar, customer_id varchar, seller_id varchar, market varchar, category varchar, "
        columns += "seller_tier varchar, fulfilment varchar, currency varchar, order_value double, item_count integer, "
        columns += "ordered_at timestamp, delivered_at timestamp, cancelled_at timestamp, updated_at timestamp"
        warehouse.run(f"create table records.orders ({columns})")
        for number, at_ in enumerate(moments):
            row = "insert into records.orders (order_id, market, ordered_at) values (?, 'VN', ?)"
            warehouse.run(row, [f"{number:05d}", at_.replace(tzinfo=None)])
        return [row[0] for row in warehouse.rows(f"select ordered_on from ({select}) order by order_id")]


@how(max_examples=30, deadline=None)
@any_of(
    st.sampled_from(
        ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Kiritimati"]
    ),
    st.lists(st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1)), min_size=1, max_size=20),
)
def test_any_moment_has_the_date_that_python_gives_it(zone: str, naive: list[datetime]) -> None:
    moments = [n.replace(tzinfo=UTC) for n in naive]
    assert days_of(zone, moments) == [m.astimezone(ZoneInfo(zone)).date() for m in moments]


@pytest.mark.parametrize("change", ["2026-03-29", "2026-10-25"])
def test_days_of_23_and_25_hours(change: str) -> None:
    """Every minute around both midnights of the day on which the clocks change."""
    start = datetime.fromisoformat(change).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    moments = [start + timedelta(minutes=m) for m in range(-90, 27 * 60, 7)]
    found = days_of("Europe/Berlin", moments)
    assert found == [m.astimezone(ZoneInfo("Europe/Berlin")).date() for m in moments]
    assert set(map(str, found)) >= {change}


@pytest.mark.parametrize(
    ("period", "hours"),
    [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-07", 24)],
    ids=["spring", "autumn", "summer"],
)
def test_a_day_ends_when_its_clock_says_so(tmp_path: Path, period: str, hours: int) -> None:
    start = datetime.fromisoformat(period).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    sent = answers("nps", [9] * 40, start.isoformat())
    out = night(
        tmp_path,
        (start + timedelta(days=20)).isoformat(),
        {"surveys": sent, "orders": [order()]},
        business_time_zone="Europe/Berlin",
    )
    (day,) = drafted(out, f"select * from marts.periods where grain = 'day' and period = date '{period}'")
    assert day["ends_at"] == start + timedelta(hours=hours)


@pytest.mark.parametrize(("last", "year"), [("2026-12-28", 2026), ("2020-12-28", 2020)])
def test_a_year_of_53_weeks(tmp_path: Path, last: str, year: int) -> None:
    """Week 53 is a week of its own; its prior is week 52, its year before the Monday 364 days earlier, which is week 1's."""
    monday = date.fromisoformat(last)
    assert monday.isocalendar()[:2] == (year, 53)
    surveys: list[Row] = []
    for days, promoters in ((0, 30), (-7, 20), (7, 10), (-364, 24), (-371, 4)):
        moment_ = at(f"{last}T00:00:00Z", days=days + 6, hours=23)
        surveys += answers("nps", [9] * promoters + [7] * (40 - promoters), moment_)
    out = night(tmp_path, at(f"{last}T00:00:00Z", days=30), {"surveys": surveys, "orders": [order(at(last))]})
    found = {str(r["week"]): r for r in cells(out, "nps")}
    assert found[last]["value"] == 75
    assert found[last]["prior_value"] == 50
    assert found[last]["prior_year_value"] == 60
    after = found[str(monday + timedelta(days=7))]
    assert (after["value"], after["prior_value"]) == (25, 75)
    # The first week of the next year is compared with week 1 of this one, not with week 53.
    assert after["prior_year_value"] is None


def test_the_31st_falls_in_its_month_by_the_markets_clock(tmp_path: Path) -> None:
    """17:00 UTC on 31 May is 1 June in Hanoi; June's month before is the whole of May."""
    placed = [order("2026-05-31T16:59:59Z", order_id="o1"), order("2026-05-31T17:00:00Z", order_id="o2")]
    sent = answers("nps", [9] * 30, "2026-05-31T16:00:00Z", order_id="o1")
    sent += answers("nps", [7] * 30, "2026-05-31T18:00:00Z", order_id="o2")
    out = night(tmp_path, "2026-07-20T00:00:00Z", {"orders": placed, "surveys": sent}, **ZONES)
    months = drafted(out, "select * from marts.kpi_monthly where kpi = 'nps' and dimension = 'all' order by month")
    assert [(str(m["month"]), m["n"], m["value"]) for m in months] == [("2026-05-01", 30, 100), ("2026-06-01", 30, 0)]
    assert months[1]["prior_value"] == 100


def test_all_on_utc_needs_no_conversion() -> None:
    """The tables say nothing then, also when a market is set to the common zone."""
    with Warehouse(":memory:", memory="1GB", threads=1) as warehouse:
        build.set_clock(warehouse, datetime(2026, 6, 1, tzinfo=UTC), "UTC", {"VN": "UTC"})
        assert warehouse.rows("select zone from run.clock") == [(None,)]
        assert warehouse.rows("from run.zones") == []


def test_a_zone_that_the_engine_does_not_know_is_refused() -> None:
    with Warehouse(":memory:", memory="1GB", threads=1) as warehouse, pytest.raises(ModelError, match="Middle/Earth"):
        build.set_clock(warehouse, datetime(2026, 6, 1, tzinfo=UTC), "UTC", {"VN": "Middle/Earth"})


@pytest.mark.parametrize(
    "wrong", [{"business_time_zone": "Hanoi"}, {"market_time_zones": {"VN": "../etc/passwd"}}, {"time_zone": "GMT+25"}]
)
def test_a_setting_that_is_no_zone_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no IANA time zone"):
        Settings(**wrong)
