"""Contacts of the part of a stage past its target, over the days of that part, in the week in which it lay."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from given import NEXT_WEEK, WEEK, Row, a_return, at, contact, order, refund

from flows.night import Night
from flows.settings import load
from tests.acceptance.nights import cells, deliver, drafted, marketplace, moment, published
from transforms.leadership.frames import read_sql
from transforms.models import kpis
from transforms.stages import LONGEST_HOURS, STAGES
from transforms.warehouse import Warehouse

KPI = "contacts_past_stage_target"
ASKED, AS_OF = "2026-06-02T08:00:00Z", "2026-09-28T00:00:00Z"  # a Tuesday
WORLD_ENDS = "2026-03-30T00:00:00Z"
DAY = 86_400
HAZARDS = {"approve": 0.05, "ship": 0.012, "transit": 0.018, "inspect": 0.055, "issue": 0.060, "credit": 0.065}


def night(landing: Path, out: Path, as_of: str, targets: Mapping[str, Any], **settings: Any) -> Path:
    """A night with stage targets, without the expectations. Returns `out`."""
    with (
        patch("expectations.gate.check", return_value=[]),
        Night(load(landing=landing, out=out, stage_targets=dict(targets), **settings), moment(as_of)) as run,
    ):
        run.run()
    return out


def written(landing: Path, tables: Mapping[str, list[Row]]) -> Path:
    for source, rows in tables.items():
        deliver(landing, f"{source}/{source}.csv", rows)
    return landing


def late(out: Path, **where: object) -> dict[str, tuple[Any, ...]]:
    """stage -> contacts, days past the target and cases of the week."""
    rows = cells(out, KPI, **({"dimension": "late_stage", "week": WEEK} | where))
    return {row["dimension_value"]: (row["numerator"], row["denominator"] / DAY, row["n"]) for row in rows}


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return r: approve 1 day, ship 2, transit 6 (until Thursday of the next week), inspect 1, issue 1, credit 2."""
    placed = order("2026-05-20T08:00:00Z", order_id="o", customer_id="c", market="VN")
    other = order("2026-05-20T08:00:00Z", order_id="o2", customer_id="c2", market="VN")
    whole = a_return(ASKED, return_id="r", order_id="o") | {
        "approved_at": at(ASKED, days=1),
        "first_scan_at": at(ASKED, days=3),
        "received_at": at(ASKED, days=9),
        "inspected_at": at(ASKED, days=10),
    }
    waiting = a_return(at(ASKED, days=1), return_id="open", order_id="o2")
    contacts = [
        contact(at(ASKED, days=3.5), return_id="r"),  # in transit, on the first day: not late
        contact(at(ASKED, days=4), return_id="r"),  # to the second when the target is over
        contact(at(ASKED, days=5), order_id="o"),
        contact("2026-06-08T00:00:00Z", return_id="r"),  # the next week has begun
        contact(at(ASKED, days=9), return_id="r"),  # the stage is over
        contact(at(ASKED, days=2.9), return_id="r"),  # ship, 0.9 days past its target
        contact(at(ASKED, days=5), customer_id="c"),  # names nothing
        contact(at(ASKED, days=5), return_id="r", direction="outbound"),
    ]
    tables = {"orders": [placed, other], "returns": [whole, waiting], "contacts": contacts}
    refunds = [refund("r", at(ASKED, days=13), issued_at=at(ASKED, days=11))]
    return written(tmp_path_factory.mktemp("late") / "landing", tables | {"refunds": refunds})


@pytest.fixture(scope="module")
def out(landing: Path) -> Path:
    """Every stage is to take a day; of approve and issue nothing is asked."""
    targets = dict.fromkeys(("ship", "transit", "inspect", "credit"), 24.0)
    return night(landing, landing.parent / "out", "2026-06-22T00:00:00Z", targets)


def test_what_lies_past_the_target_in_each_week(out: Path) -> None:
    """Transit is late from Saturday 08:00: 1 2/3 days in the first week, 3 1/3 in the next; a stage in time has no row."""
    assert late(out) == {
        "ship": (1, pytest.approx(1.0), 1),
        "transit": (2, pytest.approx(5 / 3), 1),
    }
    assert late(out, week=NEXT_WEEK) == {
        "transit": (1, pytest.approx(10 / 3), 1),
        "credit": (0, pytest.approx(2 / 3), 1),
    }


def test_the_value_is_of_the_late_days_alone(out: Path) -> None:
    (row,) = cells(out, KPI, dimension="late_stage", dimension_value="transit", week=WEEK)
    assert (row["value"], row["status"]) == (pytest.approx(2 / (5 / 3)), "low_n")
    assert row["ci_low"] < row["value"] < row["ci_high"]
    whole = cells(out, KPI, week=WEEK)[0]
    assert (whole["numerator"], whole["denominator"] / DAY, whole["n"]) == (3, pytest.approx(8 / 3), 2)


def test_an_open_stage_is_late_until_now(landing: Path) -> None:
    """Return `open` waits for its approval from Wednesday 08:00: with a day allowed, Thursday to Sunday midnight."""
    targets = {"approve": 24.0}
    over = night(landing, landing.parent / "over", "2026-06-08T00:00:00Z", targets)
    assert late(over) == {"approve": (0, pytest.approx(3 + 2 / 3), 1)}
    amid = night(landing, landing.parent / "amid", "2026-06-05T08:00:00Z", targets)
    assert late(amid) == {"approve": (0, pytest.approx(1.0), 1)}
    days = drafted(amid, f"select observed_on from kpis.{KPI}")
    assert [str(row["observed_on"]) for row in days] == ["2026-06-05"]


def test_weeks_end_at_midnight_of_the_market(landing: Path) -> None:
    """In Ho Chi Minh City the week ends seven hours sooner: the contact of Monday 00:00 UTC and 7 hours change weeks."""
    zones = {"VN": "Asia/Ho_Chi_Minh"}
    told = night(landing, landing.parent / "zone", "2026-06-22T00:00:00Z", {"transit": 24.0}, market_time_zones=zones)
    assert late(told) == {"transit": (2, pytest.approx(5 / 3 - 7 / 24), 1)}
    assert late(told, week=NEXT_WEEK) == {"transit": (1, pytest.approx(10 / 3 + 7 / 24), 1)}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return marketplace(tmp_path_factory.mktemp("late_world") / "world", orders=5_000, weeks=12, files="one")


def sums(out: Path, kpi: str, by: str) -> dict[str, tuple[int, int]]:
    """stage -> contacts and seconds, over all weeks."""
    rows = drafted(
        out, f"select {by} as stage, sum(numerator) as c, sum(denominator) as s from kpis.{kpi} group by all"
    )
    return {row["stage"]: (int(row["c"]), int(row["s"])) for row in rows}


def test_a_target_of_nothing_takes_all_days_and_contacts(world: Path) -> None:
    """All that the stages took, to the second, stage by stage; with a year allowed nothing is late."""
    told = night(world, world.parent / "all", AS_OF, dict.fromkeys(STAGES, 0.0))
    waited = drafted(
        told,
        """
        select stage, coalesce(any_value(contacts), 0) as c, sum(date_diff('second', started_at, finished_at)) as s
        from facts.refund_stages
        left join (select stage, count(*) as contacts from facts.stage_contacts group by stage) using (stage)
        group by stage
        """,
    )
    assert sums(told, KPI, "late_stage") == {row["stage"]: (row["c"], row["s"]) for row in waited}
    none = night(world, world.parent / "none", AS_OF, dict.fromkeys(STAGES, LONGEST_HOURS))
    assert sums(none, KPI, "late_stage") == {}


def test_a_later_target_leaves_fewer_days(world: Path) -> None:
    tight = sums(night(world, world.parent / "tight", AS_OF, dict.fromkeys(STAGES, 12.0)), KPI, "late_stage")
    loose = sums(night(world, world.parent / "loose", AS_OF, dict.fromkeys(STAGES, 48.0)), KPI, "late_stage")
    assert tight.keys() == loose.keys() == set(STAGES)
    for stage in STAGES:
        assert loose[stage][0] <= tight[stage][0]
        assert 0 < loose[stage][1] < tight[stage][1]


def test_the_contacts_are_those_that_late_days_draw_in_truth(world: Path) -> None:
    """The world makes so many contacts per day of each stage, in its first 21 days; 16 % come again, 4 % name nothing.

    What comes again mostly falls into a later stage: between those that stay and those that come from before.
    """
    made = night(world, world.parent / "truth", WORLD_ENDS, dict.fromkeys(STAGES, 12.0))
    found = sums(made, KPI, "late_stage")
    until = "least(date_diff('second', started_at, finished_at), 21 * 86400) - 12 * 3600"
    exposed = drafted(made, f"select stage, sum(greatest({until}, 0)) as s from facts.refund_stages group by stage")
    for row in exposed:
        expected = 0.96 * HAZARDS[row["stage"]] * float(row["s"]) / DAY
        contacts = found[row["stage"]][0]
        print(f"{row['stage']}: {contacts} contacts, {expected:.1f} expected without those that come again")
        assert expected - 4 * expected**0.5 < contacts < 1.3 * expected + 4 * expected**0.5


def test_without_targets_it_is_not_in_the_release(landing: Path) -> None:
    bare = night(landing, landing.parent / "bare", "2026-06-22T00:00:00Z", {})
    assert published(bare, f"from kpi_catalogue where kpi = '{KPI}'") == []
    assert published(bare, "from stage_targets") == []
    assert next(k.only_with for k in kpis() if k.id == KPI) == ("stage_targets",)


def test_targets_are_published(out: Path) -> None:
    rows = published(out, "select * from stage_targets order by stage")
    assert [(row["stage"], row["target_hours"]) for row in rows] == [
        ("credit", 24.0), ("inspect", 24.0), ("ship", 24.0), ("transit", 24.0),
    ]  # fmt: skip


@pytest.mark.parametrize(("since", "days_late"), [("2026-06-03", 0.0), ("2026-06-04", 1.0)])
def test_a_stage_has_the_target_of_the_day_it_began_on(
    landing: Path, tmp_path: Path, since: str, days_late: float
) -> None:
    """Shipping began on Wednesday 3 June and took two days: within three, which hold from a day on, and not within one."""
    targets = {"ship": [{"target": 24}, {"target": 72, "valid_from": since}]}
    made = night(landing, tmp_path / "out", "2026-06-22T00:00:00Z", targets)
    assert late(made).get("ship", (0, 0.0, 0))[1] == days_late
    rows = published(made, "select target_hours, valid_until from stage_targets order by valid_from")
    assert [row["target_hours"] for row in rows] == [24.0, 72.0]
    assert [str(row["valid_until"]) for row in rows] == [since, "None"]


def test_the_weekly_file_names_the_target_of_its_week(landing: Path, tmp_path: Path) -> None:
    targets = {"transit": [{"target": 24}, {"target": 72, "valid_from": "2026-06-08"}]}
    made = night(landing, tmp_path / "out", "2026-06-22T00:00:00Z", targets)
    with Warehouse((made / "marts.duckdb").resolve(), read_only=True) as marts:
        for week, hours in ((date(2026, 6, 1), 24.0), (date(2026, 6, 8), 72.0)):
            frame = marts.frame(read_sql("stage_targets"), [week])
            assert frame.to_dict("records") == [{"stage": "transit", "target_hours": hours}]


TWICE = [{"target": 1, "valid_from": "2026-06-01"}, {"target": 2, "valid_from": "2026-06-01"}]


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ({"pack": 24}, "no stage 'pack'"),
        ({"ship": -1}, "ship = -1"),
        ({"ship": [{"target": 9000, "valid_from": "2026-06-01"}]}, "ship = 9000"),
        ({"ship": TWICE}, "ship has two targets valid from 2026-06-01"),
    ],
)
def test_a_target_that_is_none_is_refused(targets: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        load(stage_targets=targets)
