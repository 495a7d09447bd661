"""An open case that grows older: it touches a period only where the curve of it may be another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from transforms import build, cells, changes, codes, release
from transforms.models import kpi
from transforms.warehouse import Warehouse

WAITS = replace(kpi("refund_cycle_time"), dimensions=("market",))
COLUMNS = (
    "observed_on date, market varchar, subject_id varchar, order_id varchar, duration_hours double, outcome varchar"
)
MONDAY = date(2026, 5, 25)  # the weeks cross the end of a month
DAY, HOUR = 86400, 3600
# Day of its period, market, seconds waited, outcome.
Case = tuple[int, str, int, str]


class Nights:
    """A warehouse in which night after night the cases of one KPI are counted and estimated."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        warehouse.run("create schema kpis")
        build.set_sla(warehouse)
        build.set_kpis(warehouse, {})

    def touch(self, cases: Iterable[Case]) -> set[tuple[int, date]]:
        """(grain, period) of what is told anew, once these are the cases."""
        self.warehouse.run(f"create or replace table kpis.{WAITS.id} ({COLUMNS})")
        rows = [
            [MONDAY + timedelta(day), market, f"{n}", f"{n}", s / HOUR, how]
            for n, (day, market, s, how) in enumerate(cases)
        ]
        for row in rows:
            self.warehouse.run(f"insert into kpis.{WAITS.id} values (?, ?, ?, ?, ?, ?)", row)
        is_anew = cells.count_cells(self.warehouse)
        codes.make_labels(self.warehouse)
        changes.update_estimates(self.warehouse, is_anew)
        return set(self.warehouse.rows("select grain, period from cells.periods"))

    def estimates(self) -> list[tuple[Any, ...]]:
        """Every curve's figures, by what their cells stand for."""
        return self.warehouse.rows(
            "select dimension, dimension_value, told.cell % 300000, told.* exclude (cell) from estimates.durations as told "
            "inner join sums.slices on slices.slice = told.cell // 300000 order by all"
        )


@pytest.fixture(autouse=True)
def _one_kpi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "kpis", lambda: (WAITS,))


def start(cases: Iterable[Case]) -> Nights:
    """After a first night."""
    nights = Nights(Warehouse(":memory:", memory="1GB", threads=1))
    assert nights.touch(cases)
    return nights


SETTLED: list[Case] = [(0, "VN", 5 * DAY, "credited"), (0, "TH", 40 * DAY, "credited"), (1, "VN", 34 * DAY, "ended")]
OF_DAY_0 = {(0, MONDAY), (1, MONDAY), (2, date(2026, 5, 1))}


def test_a_case_that_is_older_than_a_month_touches_nothing_until_another_had_waited_so_long() -> None:
    def aged(seconds: int) -> list[Case]:
        return [*SETTLED, (0, "VN", seconds, "open")]

    nights = start(aged(30 * DAY + 5))
    assert nights.touch(aged(33 * DAY)) == set()
    # The other day of the same week and month: its own day does not know of it.
    assert nights.touch(aged(34 * DAY)) == OF_DAY_0 - {(0, MONDAY)}
    assert nights.touch(aged(34 * DAY + 1)) == OF_DAY_0 - {(0, MONDAY)}
    assert nights.touch(aged(39 * DAY)) == set()
    assert nights.touch(aged(40 * DAY)) == OF_DAY_0
    assert nights.touch(aged(50 * DAY)) == OF_DAY_0
    assert nights.touch(aged(51 * DAY)) == set()
    assert nights.touch([*SETTLED, (0, "VN", 51 * DAY, "credited")]) == OF_DAY_0


def test_within_a_month_every_night_counts() -> None:
    cases: list[Case] = [*SETTLED, (0, "VN", 20 * DAY, "open")]
    nights = start(cases)
    assert nights.touch(cases) == set()
    assert nights.touch([*SETTLED, (0, "VN", 20 * DAY + 1, "open")]) == OF_DAY_0
    assert nights.touch([*SETTLED, (0, "VN", 30 * DAY, "open")]) == OF_DAY_0


MOMENT = st.integers(18, 60).map(lambda day: day * DAY) | st.integers(18 * DAY, 60 * DAY)
OLD = st.tuples(
    st.integers(0, 12), st.sampled_from(["VN", "TH"]), MOMENT, st.sampled_from(["open", "open", "credited", "ended"])
)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(OLD, min_size=1, max_size=25), st.lists(st.integers(0, 9 * DAY), min_size=25, max_size=25), st.data())
def test_what_is_not_told_anew_is_as_if_it_were(cases: list[Case], later: list[int], data: st.DataObject) -> None:
    nights = start(cases)
    aged = []
    for (day, market, waited, how), more in zip(cases, later, strict=False):
        is_settled = how == "open" and data.draw(st.integers(0, 9)) == 0
        aged.append((day, market, waited + (more if how == "open" else 0), "credited" if is_settled else how))
    touched = nights.touch(aged)
    event(f"periods told anew: {len(touched)}")
    assert nights.estimates() == start(aged).estimates()
