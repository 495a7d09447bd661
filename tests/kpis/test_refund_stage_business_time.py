"""Refund time by stage on the clock of the owner's office: what is not counted, and that an office that never closes counts all."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from given import AS_OF, Row, a_return, at, order, refund

from flows.night import Night
from flows.settings import load
from tests.acceptance.nights import cells, deliver, drafted, marketplace, moment
from transforms.office import OWNERS

ALONE = KPI, CALENDAR = "refund_stage_business_time", "refund_stage_time"
ZONES = {"VN": "Asia/Ho_Chi_Minh", "DE": "Europe/Berlin", "US": "America/New_York"}
NIGHT_AND_DAY = {"days": "mon-sun", "from": "00:00", "to": "24:00", "holidays": False}
OFFICE = {"days": "mon-fri", "from": "09:00", "to": "17:00", "holidays": True}


def night(landing: Path, out: Path, as_of: str, **settings: Any) -> Any:
    """A whole night with settings of its own. Returns its result."""
    with Night(load(landing=landing, out=out, hash_key="of the tests", **settings), moment(as_of)) as run:
        return run.run()


def drafted_night(landing: Path, out: Path, as_of: str = AS_OF, **settings: Any) -> None:
    """The same without the expectations: seconds shorter."""
    with patch("expectations.gate.check", return_value=[]):
        night(landing, out, as_of, **settings)


def written(root: Path, spans: Iterable[tuple[str, str, str]]) -> Path:
    """A landing folder with one return per span of an inspection: market, received at, inspected at."""
    tables: dict[str, list[Row]] = {"orders": [], "returns": [], "refunds": []}
    for number, (market, received, inspected) in enumerate(spans):
        asked, placed = at(received, days=-2), order(at(received, days=-9), market=market)
        tables["orders"].append(placed)
        known = {"received_at": received, "inspected_at": inspected, "return_id": f"r{number}"}
        tables["returns"].append(a_return(asked, order_id=placed["order_id"], **known))
        tables["refunds"].append(refund(f"r{number}", at(inspected, days=3), issued_at=at(inspected, days=2)))
    for source, rows in tables.items():
        deliver(root / "landing", f"{source}/{source}.csv", rows)
    return root / "landing"


def inspections(out: Path) -> list[float]:
    """Hours of the stage, in the order of the returns."""
    rows = drafted(out, f"select subject_id, duration_hours from kpis.{KPI} where stage = 'inspect'")
    return [r["duration_hours"] for r in sorted(rows, key=lambda r: int(r["subject_id"].split()[0][1:]))]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return marketplace(tmp_path_factory.mktemp("office") / "world", orders=1500, weeks=10, files="one")


@pytest.fixture(scope="module")
def always(world: Path) -> Path:
    """Every owner is open night and day."""
    hours = dict.fromkeys(OWNERS, NIGHT_AND_DAY)
    result = night(world, world.parent / "always", "2026-03-16", office_hours=hours, market_time_zones=ZONES)
    assert (result.withheld, result.refused) == ({}, {})
    return world.parent / "always"


def test_an_office_that_never_closes_has_the_calendars_numbers(always: Path) -> None:
    """Every statistic of every cell of every grain, and n: not a rounding error apart."""
    for table in ("kpi_daily", "kpi_weekly", "kpi_monthly"):
        period = table.removeprefix("kpi_").replace("daily", "day").replace("ly", "")
        select = (
            f"select {period} as period, dimension, dimension_value, statistic, value, ci_low, ci_high, n, numerator"
        )
        found, expected = (
            drafted(always, f"{select} from marts.{table} where kpi = '{kpi}' order by all") for kpi in (KPI, CALENDAR)
        )
        assert found == expected
        assert len([row for row in found if row["value"] is not None and row["statistic"] == "p50"]) > 50


def test_an_owner_without_hours_is_left_out(world: Path, always: Path) -> None:
    """Of the warehouse alone: the cells of its stage are those it has among all."""
    out = world.parent / "warehouse"
    drafted_night(world, out, "2026-03-16", office_hours={"warehouse": NIGHT_AND_DAY}, market_time_zones=ZONES)
    assert {r["dimension_value"] for r in cells(out, KPI, dimension="stage × clock_owner")} == {"inspect × warehouse"}
    columns = ("week", "statistic", "value", "n")
    found, expected = (
        [[row[c] for c in columns] for row in cells(folder, KPI, dimension="stage", dimension_value="inspect")]
        for folder in (out, always)
    )
    assert found == expected
    assert found


def test_without_office_hours_there_is_nothing_of_it(always: Path, world: Path) -> None:
    """No fact, no view, no cell, no check, no row of any mart, and no fault; also where it was made the night before."""
    assert night(world, always, "2026-03-16", office_hours={}).exit_status == 0
    made = "select table_schema, table_name from information_schema.tables"
    tables = {(r["table_schema"], r["table_name"]) for r in drafted(always, made)}
    assert not {t for t in tables if t[1] in (KPI, "office_stages")}
    assert drafted(always, "from run.office_calendar") == []
    assert drafted(always, f"from sums.slices where kpi = '{KPI}'") == []
    assert drafted(always, f"from run.kpis where kpi = '{KPI}'") == []
    estimates = "select count(*) as n from estimates.durations anti join sums.slices on slices.slice = cell // 300000"
    assert drafted(always, estimates) == [{"n": 0}]
    for mart in ("kpi_daily", "kpi_weekly", "kpi_monthly", "kpi_rows", "kpi_catalogue"):
        assert drafted(always, f"select kpi from marts.{mart} where kpi = '{KPI}' limit 1") == [], mart
    last = f"run_id = (select max(run_id) from marts.checks) and (table_name like '%office%' or list_contains(withholds, '{KPI}'))"
    assert drafted(always, f"from marts.checks where {last}") == []
    assert cells(always, CALENDAR)


def test_a_weekend_is_not_counted(tmp_path: Path) -> None:
    """Friday 16:00 to Monday 10:00, on the clock of each market: two hours of 66. Within a night and a Sunday: none."""
    spans = [
        ("DE", "2026-06-12T14:00:00Z", "2026-06-15T08:00:00Z"),
        ("VN", "2026-06-12T09:00:00Z", "2026-06-15T03:00:00Z"),
        ("DE", "2026-06-13T18:00:00Z", "2026-06-14T08:00:00Z"),
    ]
    landing = written(tmp_path, spans)
    drafted_night(landing, tmp_path / "out", office_hours={"warehouse": OFFICE}, market_time_zones=ZONES)
    assert inspections(tmp_path / "out") == [2, 2, 0]
    calendar = drafted(
        tmp_path / "out", f"select duration_hours as h from kpis.{CALENDAR} where stage = 'inspect' order by h"
    )
    assert [r["h"] for r in calendar] == [14, 66, 66]


def test_a_public_holiday_is_that_of_its_market(tmp_path: Path) -> None:
    """Friday 3 July 2026 is one in the US alone, and Friday 1 May in Germany; four days with a weekend in each span."""
    independence = ("2026-07-02T12:00:00Z", "2026-07-06T12:00:00Z")
    labour = ("2026-04-30T10:00:00Z", "2026-05-04T10:00:00Z")
    landing = written(tmp_path, [(m, *s) for s in (independence, labour) for m in ("US", "DE")])
    drafted_night(landing, tmp_path / "kept", office_hours={"warehouse": OFFICE})
    assert inspections(tmp_path / "kept") == [8, 16, 16, 8]
    drafted_night(landing, tmp_path / "worked", office_hours={"warehouse": OFFICE | {"holidays": False}})
    assert inspections(tmp_path / "worked") == [16] * 4


def test_the_day_the_clocks_change_is_as_long_as_it_is(tmp_path: Path) -> None:
    """Sunday 29 March 2026 in Berlin, from midnight to midnight; an office from 1:00 to 4:00 is open for two hours."""
    sunday = ("DE", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z")
    landing = written(tmp_path, [sunday])
    for name, hours, expected in (
        ("day", NIGHT_AND_DAY, 23),
        ("early", {"days": "sun", "from": "01:00", "to": "04:00"}, 2),
    ):
        drafted_night(landing, tmp_path / name, office_hours={"warehouse": hours}, market_time_zones=ZONES)
        assert inspections(tmp_path / name) == [expected]


def test_a_return_older_than_any_order_and_without_one_is_counted(tmp_path: Path) -> None:
    """Its days are in the calendar all the same, on the common clock; the checks of the fact hold."""
    landing = written(tmp_path, [("VN", "2026-06-15T09:00:00Z", "2026-06-15T11:00:00Z")])
    known = {"received_at": "2026-01-05T10:00:00Z", "inspected_at": "2026-01-05T12:00:00Z"}
    deliver(landing, "returns/more.csv", [a_return("2026-01-02T10:00:00Z", return_id="r7", **known)])
    result = night(landing, tmp_path / "out", AS_OF, office_hours={"warehouse": OFFICE})
    assert KPI not in result.withheld
    assert inspections(tmp_path / "out") == [2, 2]


@pytest.mark.slow
def test_a_faulty_calendar_withholds_it_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    landing = written(tmp_path, [("VN", "2026-06-15T09:00:00Z", "2026-06-15T11:00:00Z")])
    monkeypatch.setattr("flows.night.set_office_calendar", _without_days)
    result = night(landing, tmp_path / "out", AS_OF, office_hours={"warehouse": OFFICE})
    assert {kpi for kpi, why in result.withheld.items() if "have arrived" not in why} == {KPI}
    assert "business_seconds" in result.withheld[KPI]


def _without_days(warehouse: Any, offices: Any) -> None:
    from transforms.office import set_office_calendar

    set_office_calendar(warehouse, offices)
    warehouse.run("delete from run.office_calendar")


@pytest.mark.parametrize(
    ("owner", "changes", "message"),
    [
        ("warehose", {}, "no stage is on the clock of 'warehose'; expected one of seller"),
        ("warehouse", {"days": "monday"}, "'monday' names no weekdays; expected such as mon-fri"),
        ("warehouse", {"from": "9"}, "'9' is no time of day; expected such as 09:00"),
        ("warehouse", {"from": "24:00"}, "'24:00' is no time of day"),
        ("warehouse", {"to": "25:00"}, "'25:00' is no time of day"),
        ("warehouse", {"to": "09:00"}, "it closes at 09:00, which is not after 09:00"),
        ("warehouse", {"until": "17:00"}, "until"),
        ("warehouse", {"holidays": "DE"}, "holidays"),
    ],
)
def test_hours_that_cannot_be_meant_are_refused(owner: str, changes: Row, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(office_hours={owner: OFFICE | changes})


def test_hours_are_read_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not said is a usual office."""
    (tmp_path / "kpis.toml").write_text(
        '[office_hours.warehouse]\ndays = "mon-sat"\nto = "24:00"\n[office_hours.bank]\n'
    )
    monkeypatch.setenv("EXPERIENCE_KPIS_CONFIG", str(tmp_path / "kpis.toml"))
    warehouse, bank = load().offices
    assert (warehouse.days, warehouse.opens.hour, warehouse.closes) == ((0, 1, 2, 3, 4, 5), 9, None)
    assert bank.closes == datetime(2026, 1, 1, 17).time()
    assert (bank.owner, bank.days, bank.on_holidays) == ("bank", (0, 1, 2, 3, 4), False)
