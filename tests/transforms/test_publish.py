"""Publishing: readers have the old version until the new one is whole, whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from transforms import publish
from transforms.models import Model, models
from transforms.publish import CHECKED, Draft, current_version, list_versions, next_version, roll_back, switch
from transforms.warehouse import Warehouse

# Marts of one number each: what is published is what `run.number` held.
MARTS = tuple(
    Model("marts", name, "select number from run.number", frozenset({"run.number"})) for name in ("kpi_weekly", "runs")
)


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    monkeypatch.setattr(publish, "models", lambda _layer: MARTS)
    with Warehouse(tmp_path / "warehouse.duckdb", memory="1GB", threads=1) as opened:
        opened.run("create schema run")
        yield opened


def draft(warehouse: Warehouse, out: Path, number: int, version: str = "") -> Draft:
    """A draft that holds one number, its marts for the expectations written."""
    warehouse.run(f"create or replace table run.number as select {number} as number")
    made = Draft(warehouse, out, version or f"2026-11-{number:02d}")
    made.write_checked()
    return made


def read(out: Path, table: str = "kpi_weekly") -> int:
    """What a reader finds, in the database; the Parquet file beside it must hold the same."""
    with Warehouse((out / "marts.duckdb").resolve(), read_only=True) as marts:
        number = marts.value(f"select number from {table}")
        parquet = (out / "marts" / f"{table}.parquet").resolve()
        assert marts.value(f"select number from read_parquet('{parquet}')") == number
    return int(number)


def test_readers_see_nothing_before_the_first_version(warehouse: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "out"
    draft(warehouse, out, 1)
    assert current_version(out) is None
    assert list_versions(out) == []
    assert not (out / "marts.duckdb").exists()


def test_what_is_checked_can_be_read_before_it_is_published(warehouse: Warehouse, tmp_path: Path) -> None:
    made = draft(warehouse, tmp_path / "out", 1)
    assert warehouse.value("select number from marts.kpi_weekly") == 1
    warehouse.run("create or replace table run.number as select 2 as number")
    made.write_checked()
    assert warehouse.value("select number from marts.kpi_weekly") == 2


def test_a_version_is_whole_and_replaces_the_one_before(warehouse: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "out"
    folder = draft(warehouse, out, 1).publish(keep=7)
    assert folder == out / "versions" / "2026-11-01"
    assert read(out) == 1
    later = draft(warehouse, out, 2)
    assert read(out) == 1
    later.publish(keep=7)
    assert (read(out), read(out, "runs")) == (2, 2)
    assert (current_version(out), list_versions(out)) == ("2026-11-02", ["2026-11-01", "2026-11-02"])
    assert (out / "current").readlink() == Path("versions/2026-11-02")


def test_an_open_reader_keeps_its_version(warehouse: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "out"
    draft(warehouse, out, 1).publish(keep=7)
    with Warehouse((out / "marts.duckdb").resolve(), read_only=True) as reader:
        draft(warehouse, out, 2).publish(keep=7)
        assert reader.value("select number from kpi_weekly") == 1
    assert read(out) == 2


class Crash(BaseException):
    """Like a kill: nothing of the product catches it."""


def crash(*_: object) -> None:
    raise Crash


CRASHES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "making files durable": lambda patch: patch.setattr(publish, "_to_disk", crash),
    "naming the version": lambda patch: patch.setattr(Path, "rename", crash),
    "switching": lambda patch: patch.setattr(publish, "switch", crash),
    "replacing the link": lambda patch: patch.setattr(Path, "replace", crash),
}


@pytest.mark.parametrize("moment", CRASHES)
def test_a_crash_before_the_switch_leaves_the_last_version(
    warehouse: Warehouse, tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    draft(warehouse, out, 1).publish(keep=7)
    made = draft(warehouse, out, 2)
    with monkeypatch.context() as patch:
        CRASHES[moment](patch)
        with pytest.raises(Crash):
            made.publish(keep=7)
    assert (current_version(out), read(out)) == ("2026-11-01", 1)
    # The night after is as if it had not happened.
    draft(warehouse, out, 3).publish(keep=7)
    assert (current_version(out), read(out)) == ("2026-11-03", 3)
    assert not list((out / "versions").glob(".*"))
    assert not list(out.glob(".current.*"))


def test_a_draft_left_behind_is_swept(warehouse: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "out"
    left = out / "versions" / ".2026-10-31.draft"
    (left / "marts").mkdir(parents=True)
    (left / "marts.duckdb").write_text("half written")
    draft(warehouse, out, 1).publish(keep=7)
    assert not left.exists()
    assert list_versions(out) == ["2026-11-01"]


def test_a_draft_that_is_given_up_leaves_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "out"
    draft(warehouse, out, 1).publish(keep=7)
    made = draft(warehouse, out, 2)
    made.discard()
    assert (read(out), list_versions(out)) == (1, ["2026-11-01"])
    assert not made.folder.exists()
    assert not warehouse.exists("marts", "kpi_weekly")
    draft(warehouse, out, 2).publish(keep=7)
    assert read(out) == 2


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_only_the_newest_versions_are_kept(warehouse: Warehouse, tmp_path: Path, keep: int) -> None:
    out = tmp_path / "out"
    for number in range(1, 5):
        draft(warehouse, out, number).publish(keep=keep)
    assert list_versions(out) == [f"2026-11-{number:02d}" for number in range(5 - keep, 5)]
    assert read(out) == 4


def test_readers_can_be_switched_back(warehouse: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for number in (1, 2):
        draft(warehouse, out, number).publish(keep=7)
    switch(out, "2026-11-01")
    assert (current_version(out), read(out)) == ("2026-11-01", 1)
    switch(out, "2026-11-02")
    assert read(out) == 2


def test_going_back_step_by_step_and_on_again(warehouse: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for number in (1, 2, 3):
        draft(warehouse, out, number).publish(keep=3)
    assert roll_back(out) == ("2026-11-03", "2026-11-02")
    assert roll_back(out) == ("2026-11-02", "2026-11-01")
    with pytest.raises(FileNotFoundError, match="no version older than 2026-11-01"):
        roll_back(out)
    assert (read(out), read(out, "runs")) == (1, 1)
    assert roll_back(out, "2026-11-03") == ("2026-11-01", "2026-11-03")
    roll_back(out, "2026-11-01")
    draft(warehouse, out, 4).publish(keep=3)
    assert (current_version(out), read(out)) == ("2026-11-04", 4)
    assert list_versions(out) == ["2026-11-02", "2026-11-03", "2026-11-04"]


@pytest.mark.parametrize("name", ["../elsewhere", "", ".", "2026-11-01/marts", "/etc"])
def test_a_version_is_a_name_and_no_path(warehouse: Warehouse, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    draft(warehouse, out, 1).publish(keep=7)
    (tmp_path / "out" / "elsewhere").mkdir()
    (tmp_path / "out" / "elsewhere" / "marts.duckdb").touch()
    with pytest.raises(FileNotFoundError):
        roll_back(out, name)
    assert read(out) == 1


def test_a_version_that_is_not_there_is_refused_by_name(warehouse: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "out"
    draft(warehouse, out, 1).publish(keep=7)
    with pytest.raises(FileNotFoundError, match="2026-11-01") as error:
        switch(out, "2026-10-01")
    assert "2026-10-01" in str(error.value)
    assert read(out) == 1


def test_the_folder_can_be_moved(warehouse: Warehouse, tmp_path: Path) -> None:
    """Links are relative."""
    out = tmp_path / "out"
    draft(warehouse, out, 1).publish(keep=7)
    out.rename(tmp_path / "elsewhere")
    assert read(tmp_path / "elsewhere") == 1


def test_what_is_checked_is_a_mart() -> None:
    assert set(CHECKED) <= {model.name for model in models("marts")}


def test_a_clock_that_was_set_back_does_not_make_an_older_version(warehouse: Warehouse, tmp_path: Path) -> None:
    """The new version is the last in order, is not the first to be retired, and is what a rollback goes back from."""
    now = datetime(2026, 11, 24, 2, tzinfo=UTC)
    out, names = tmp_path / "out", []
    for clock in (now, now + timedelta(days=1), now - timedelta(days=30), now - timedelta(days=29)):
        names.append(next_version(out, clock))
        draft(warehouse, out, len(names), names[-1]).publish(keep=3)
    assert names[:2] == ["20261124T020000.000000Z", "20261125T020000.000000Z"]
    assert names[2:] == ["20261125T020000.000001Z", "20261125T020000.000002Z"]
    assert list_versions(out) == names[1:]
    assert roll_back(out) == (names[3], names[2])
