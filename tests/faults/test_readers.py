"""Readers all through the nights: no error, never a mix of two versions, an open connection keeps its own."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest

from tests.faults.worlds import deliver_week, one_night, small_world
from transforms.publish import list_versions
from transforms.warehouse import Warehouse

# What tells versions apart: their nights see other files, so rows and sums differ.
MARKS = "select count(*), hash(list(value order by all)) from {table}"
RUN = "select max(run_id) from {table}"
TABLES = ("kpi_weekly", "kpi_daily", "kpi_monthly")


def read_database(out: Path) -> tuple[Any, ...]:
    """All marks over one connection to the link: whatever version it opened, all of it."""
    with Warehouse((out / "marts.duckdb").resolve(), read_only=True) as marts:
        first = [marts.rows(MARKS.format(table=table))[0] for table in TABLES]
        run = marts.value(RUN.format(table="runs"))
        assert first == [marts.rows(MARKS.format(table=table))[0] for table in TABLES], "changed while it was open"
    return (run, *first)


def read_parquet(out: Path) -> tuple[Any, ...]:
    """The Parquet files of the version that the link led to."""
    folder = (out / "marts").resolve()
    with Warehouse(":memory:") as engine:
        marks = [engine.rows(MARKS.format(table=f"read_parquet('{folder}/{table}.parquet')"))[0] for table in TABLES]
        return (engine.value(RUN.format(table=f"read_parquet('{folder}/runs.parquet')")), *marks)


def read_on(read: Callable[[Path], tuple[Any, ...]], out: Path, over: Event, told: Any) -> None:
    """Read until the nights are over, at least once; tells the distinct answers, how many there were, and the faults."""
    seen: dict[tuple[Any, ...], int] = {}
    faults = []
    while not over.is_set() or not seen:
        try:
            answer = read(out)
            seen[answer] = seen.get(answer, 0) + 1
        except Exception as error:
            faults.append(f"{type(error).__name__}: {error}")
    told.put((read.__name__, seen, faults))


@pytest.mark.slow
def test_readers_through_several_nights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world, landing, out = small_world(tmp_path), tmp_path / "landing", tmp_path / "out"
    deliver_week(world, landing, 0)
    one_night(landing, out)
    context = multiprocessing.get_context("spawn")
    over, told = context.Event(), context.Queue()
    readers = [context.Process(target=read_on, args=(read, out, over, told)) for read in (read_database, read_parquet)]
    for reader in readers:
        reader.start()
    for night in range(9):
        if night < 3:
            deliver_week(world, landing, night + 1)
        one_night(landing, out)
    over.set()
    answers = [told.get(timeout=60) for _ in readers]
    for reader in readers:
        reader.join(60)
    truth = truths(out)
    with capsys.disabled():
        for name, seen, faults in answers:
            print(
                f"\n{name}: {sum(seen.values())} reads over 9 nights, {len(seen)} versions seen, {len(faults)} faults"
            )
    for _, seen, faults in answers:
        assert not faults, faults[:3]
        assert len(seen) >= 5
        known = {answer for answer in seen if answer[0] in truth}
        assert all(truth[answer[0]] == answer for answer in known), "a mix of two versions"
        assert len(known) >= 4


def truths(out: Path) -> dict[str, tuple[Any, ...]]:
    """The marks of every version that is kept, by its run, in a quiet moment."""
    found = {}
    for version in list_versions(out):
        copy = out.parent / "copy" / version
        shutil.copytree(out / "versions" / version, copy)
        answer = read_database(copy)
        found[answer[0]] = answer
    return found
