"""The business clock against a slow count, and the calendar's own clock when an office never closes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms import build
from transforms.models import models, sources
from transforms.office import OWNERS, Office, set_office_calendar, weekdays
from transforms.warehouse import Warehouse

ZONES = {"VN": "Asia/Ho_Chi_Minh", "DE": "Europe/Berlin", "US": "America/New_York"}
OFFICE = Office("warehouse", (0, 1, 2, 3, 4), time(9), time(17))
NIGHT_AND_DAY = Office("warehouse", tuple(range(7)), time(0), None, on_holidays=True)
FIRST = datetime(2025, 11, 1)
Span = tuple[str, str, datetime, datetime]  # owner, market, from, to (UTC)
MARKETS = st.sampled_from(["VN", "DE", "US", "unknown"])
MOMENTS = st.datetimes(FIRST, datetime(2026, 12, 31))


def seconds(office: Office | None, spans: Sequence[Span]) -> list[float]:
    """Business seconds of spans, in their order, by the fact's own SELECT; of owners without hours there are none."""
    (select,) = (m.select for m in models("facts") if m.name == "office_stages")
    with Warehouse(":memory:", memory="1GB", threads=1) as warehouse:
        build.set_clock(warehouse, datetime(2026, 12, 31, tzinfo=UTC), "UTC", ZONES)
        warehouse.run("create schema records")
        markets = "unnest(cast(? as varchar[])) as market"
        warehouse.run(
            f"create table records.orders as select cast(? as timestamp) as ordered_at, {markets}", [FIRST, [*ZONES]]
        )
        warehouse.run("create table records.returns (requested_at timestamp)")
        set_office_calendar(warehouse, [office] if office else [])
        texts = (
            "order_id",
            "stage",
            "category",
            "seller_tier",
            "fulfilment",
            "reason_code",
            "carrier",
            "resolution",
            "outcome",
        )
        columns = "return_id integer, clock_owner varchar, market varchar, started_at timestamp, finished_at timestamp"
        columns += ", requested_on date" + "".join(f", {name} varchar" for name in texts)
        warehouse.run("create schema facts")
        warehouse.run(f"create table facts.refund_stages ({columns})")
        for place, span in enumerate(spans):
            names = "return_id, clock_owner, market, started_at, finished_at"
            warehouse.run(f"insert into facts.refund_stages ({names}) values (?, ?, ?, ?, ?)", [place, *span])
        return [row[0] for row in warehouse.rows(f"select business_seconds from ({select}) order by return_id")]


def slowly(office: Office, span: Span) -> float:
    """Day by day: what of the span lies between the local opening and closing of a day that is open."""
    _, market, start, end = (*span[:2], *(moment.replace(tzinfo=UTC) for moment in span[2:]))
    zone = ZoneInfo(ZONES.get(market, "UTC"))
    closed = holidays.country_holidays(market, years=[2025, 2026, 2027]) if market in ZONES else {}
    total, day = 0.0, start.astimezone(zone).date()
    while day <= end.astimezone(zone).date():
        if day.weekday() in office.days and (office.on_holidays or day not in closed):
            opens = datetime.combine(day, office.opens, zone).astimezone(UTC)
            after = day + timedelta(days=1)
            closes = (
                datetime.combine(day, office.closes, zone) if office.closes else datetime.combine(after, time(0), zone)
            )
            total += max((min(end, closes.astimezone(UTC)) - max(start, opens)).total_seconds(), 0)
        day += timedelta(days=1)
    return total


@st.composite
def spans(draw: st.DrawFn) -> list[Span]:
    many = draw(st.lists(st.tuples(MARKETS, MOMENTS, MOMENTS), min_size=1, max_size=30))
    return [("warehouse", market, min(a, b), max(a, b)) for market, a, b in many]


@settings(max_examples=15, deadline=None)
@given(spans())
def test_an_office_that_never_closes_is_the_calendar_clock(many: list[Span]) -> None:
    """To the microsecond, across changes of the clocks."""
    assert seconds(NIGHT_AND_DAY, many) == [(end - start).total_seconds() for _, _, start, end in many]


@settings(max_examples=15, deadline=None)
@given(spans(), st.sampled_from([OFFICE, Office("warehouse", (0, 2, 5, 6), time(6, 30), None, on_holidays=True)]))
def test_any_span_agrees_with_a_slow_count(many: list[Span], office: Office) -> None:
    assert seconds(office, many) == pytest.approx([slowly(office, span) for span in many], abs=1e-5)


@settings(max_examples=10, deadline=None)
@given(spans(), MOMENTS)
def test_parts_of_a_span_add_up_to_it(many: list[Span], cut: datetime) -> None:
    """As the stages of a return do."""
    parts = [(o, m, a, max(a, min(cut, b))) for o, m, a, b in many] + [
        (o, m, max(a, min(cut, b)), b) for o, m, a, b in many
    ]
    found = seconds(OFFICE, [*many, *parts])
    whole, first, second = found[: len(many)], found[len(many) : 2 * len(many)], found[2 * len(many) :]
    assert [a + b for a, b in zip(first, second, strict=True)] == pytest.approx(whole, abs=1e-6)
    assert all(0 <= s <= (b - a).total_seconds() for s, (_, _, a, b) in zip(whole, many, strict=True))


def test_a_weekend_and_a_holiday_do_not_count() -> None:
    """Friday 16:00 to Monday 10:00 in Berlin is two hours; 3 October 2026 is a Saturday, 1 May a Friday and a holiday."""
    friday, monday = datetime(2026, 6, 12, 14), datetime(2026, 6, 15, 8)
    labour_day = (datetime(2026, 4, 30, 14), datetime(2026, 5, 4, 8))
    found = seconds(OFFICE, [("warehouse", "DE", friday, monday), ("warehouse", "DE", *labour_day)])
    assert found == [7200, 7200]
    assert date(2026, 5, 1) in holidays.country_holidays("DE", years=2026)


def test_owners_without_hours_have_no_rows() -> None:
    span = (datetime(2026, 6, 12, 14), datetime(2026, 6, 15, 8))
    assert seconds(OFFICE, [("carrier", "DE", *span), ("warehouse", "DE", *span)]) == [7200]
    assert seconds(None, [("warehouse", "DE", *span)]) == []


def test_a_day_with_a_change_of_the_clocks_is_as_long_as_it_is() -> None:
    """In Berlin 29 March 2026 has 23 hours and 25 October 25; both are Sundays."""
    all_day = Office("warehouse", (6,), time(0), None, on_holidays=True)
    spring = (datetime(2026, 3, 28, 12), datetime(2026, 3, 30, 12))
    autumn = (datetime(2026, 10, 24, 12), datetime(2026, 10, 26, 12))
    found = seconds(all_day, [("warehouse", "DE", *spring), ("warehouse", "DE", *autumn)])
    assert found == [23 * 3600, 25 * 3600]


def test_a_market_that_names_an_attribute_of_the_library_has_no_holidays() -> None:
    """What a market is called comes from a file."""
    friday, monday = datetime(2026, 6, 12, 14), datetime(2026, 6, 15, 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ZONES, "country_holidays", "Europe/Berlin")
        assert seconds(OFFICE, [("warehouse", "country_holidays", friday, monday)]) == [7200]


def test_the_owners_are_those_of_the_stages() -> None:
    """Named in the fact, or a fulfilment of the contract, which is who approves."""
    (select,) = (m.select for m in models("facts") if m.name == "refund_stages")
    named = set(re.findall(r"\(\d, '\w+', '(\w+)'\)", select))
    (orders,) = (s for s in sources() if s.id == "orders")
    (fulfilment,) = (c.codes for c in orders.columns if c.name == "fulfilment")
    assert named == {"customer", "carrier", "warehouse", "platform", "bank"}
    assert set(OWNERS) == named | set(fulfilment)


@pytest.mark.parametrize(
    ("text", "days"),
    [("mon-fri", (0, 1, 2, 3, 4)), ("sat-mon", (0, 5, 6)), ("Mon, wed", (0, 2)), ("mon-sun", tuple(range(7)))],
)
def test_weekdays_are_read(text: str, days: tuple[int, ...]) -> None:
    assert weekdays(text) == days


@pytest.mark.parametrize("text", ["", "monday", "mon-", "1-5", "mon;tue"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="mon-fri"):
        weekdays(text)
