"""The business clock: how long a span lasted in the office hours of whoever it was on, by the calendar of its market.

run.office_calendar has a row per owner of a clock, market and local day: when it is open (UTC), and the open microseconds
of all days before. What was open between two moments is then a difference of two sums, with two joins on whole days and
no loop: facts.office_stages. An owner without office hours has no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import time

from transforms.warehouse import Warehouse

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OWNERS = ("seller", "platform", "customer", "carrier", "warehouse", "bank")  # whose clock a stage of a refund can be on
DAYS_BEFORE, DAYS_AFTER = 2, 400  # around the records: time zones, and spans that last until now


@dataclass(frozen=True)
class Office:
    """Open hours of the owner of a stage. days: 0 = Monday; closes None = midnight at the end of the day."""

    owner: str
    days: tuple[int, ...]
    opens: time
    closes: time | None
    on_holidays: bool = False


def weekdays(text: str) -> tuple[int, ...]:
    """'mon-fri' or 'mon,wed,sat-sun' as weekdays from 0 = Monday. Raises ValueError that says what is expected."""
    found: set[int] = set()
    for part in text.lower().replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        last = last if dash else first
        if first not in WEEKDAYS or last not in WEEKDAYS:
            raise ValueError(f"{text!r} names no weekdays; expected such as mon-fri or mon,wed,sat")
        start, length = WEEKDAYS.index(first), (WEEKDAYS.index(last) - WEEKDAYS.index(first)) % 7
        found |= {(start + step) % 7 for step in range(length + 1)}
    return tuple(sorted(found))


def set_office_calendar(warehouse: Warehouse, offices: Sequence[Office]) -> None:
    """Tables run.office_hours, run.holidays and run.office_calendar, for the markets and days that records can touch.

    Reads run.clock, run.zones and the records of orders and returns; nothing of them without offices: then the calendar is
    empty. A market that is no country or territory of the `holidays` library has no public holidays.
    """
    warehouse.run(
        "create or replace table run.office_hours (owner varchar, weekdays integer[], opens interval, closes interval, "
        "on_holidays boolean)"
    )
    for office in offices:
        hours = [office.opens.isoformat(), office.closes.isoformat() if office.closes else "24:00:00"]
        row = [office.owner, list(office.days), *hours, office.on_holidays]
        warehouse.run("insert into run.office_hours values (?, ?, cast(? as interval), cast(? as interval), ?)", row)
    warehouse.run("create or replace table run.holidays (market varchar, day date)")
    warehouse.run("create or replace table run.office_markets (market varchar)")
    first = warehouse.value(_FIRST_DAY) if offices else None
    if first is not None:
        last = warehouse.value("select as_of from run.clock")
        years = range(first.year - 1, last.year + 3)
        markets = {
            row[0] for row in warehouse.rows("select distinct market from records.orders where market is not null")
        }
        for market in sorted(markets | {"unknown"}):
            warehouse.run("insert into run.office_markets values (?)", [market])
            days = _holidays(market, years) if any(not office.on_holidays for office in offices) else []
            warehouse.run("insert into run.holidays select ?, unnest(cast(? as date[]))", [market, days])
    warehouse.run("create or replace table run.office_calendar as " + _CALENDAR, [first, first])


def _holidays(market: str, years: Iterable[int]) -> list[str]:
    import holidays

    # The name comes from a file, and the library would look up any attribute of its own.
    if market not in holidays.list_supported_countries():
        return []
    return sorted(day.isoformat() for day in holidays.country_holidays(market, years=years))


_FIRST_DAY = """
select least((select min(ordered_at) from records.orders), (select min(requested_at) from records.returns))"""

# Of a day that is closed both ends are its beginning: nothing of it is open. A day on which clocks change is as long as
# it is, because both ends are moments.
_CALENDAR = f"""
with days as (
    select office_hours.*, office_markets.market, coalesce(zones.zone, clock.zone, 'UTC') as zone,
        unnest(range(
            cast(cast(? as timestamp) as date) - interval {DAYS_BEFORE} day,
            cast(as_of as date) + interval {DAYS_AFTER} day, interval 1 day
        )) as midnight
    from run.office_hours
    cross join run.office_markets
    cross join run.clock
    left join run.zones on zones.market = office_markets.market
    where cast(? as timestamp) is not null
),
opened as (
    select days.owner, days.market, days.zone, cast(days.midnight as date) as day,
        days.midnight + case when is_open then opens else interval 0 second end as opens_local,
        days.midnight + case when is_open then closes else interval 0 second end as closes_local
    from (
        select days.*, list_contains(weekdays, isodow(midnight) - 1)
            and (on_holidays or holidays.day is null) as is_open
        from days
        left join run.holidays on holidays.market = days.market and holidays.day = cast(days.midnight as date)
    ) as days
),
moments as (
    select owner, market, zone, day,
        opens_local at time zone zone at time zone 'UTC' as opens_at,
        closes_local at time zone zone at time zone 'UTC' as closes_at
    from opened
)
select *,
    cast(coalesce(sum(date_diff('microsecond', opens_at, closes_at)) over (
        partition by owner, market order by day rows between unbounded preceding and 1 preceding
    ), 0) as bigint) as open_before
from moments"""
