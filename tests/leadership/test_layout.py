"""Marts of another release are refused in one sentence, before anything is written."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from transforms.leadership.files import write_weekly
from transforms.leadership.layout import ALWAYS, LayoutError, require_layout


def of_another_release(marts_file: Path, place: Path, *changes: str) -> Any:
    """Fetches from a copy of the marts, changed."""
    path = shutil.copy(marts_file, place / "marts.duckdb")
    connection = duckdb.connect(str(path))
    for change in changes:
        connection.execute(change)
    return lambda sql, params=None: connection.execute(sql, params or []).df()


def test_what_is_there_is_enough(fetch: Any) -> None:
    """Tables that only tell more may be missing."""
    require_layout(fetch)


def test_everything_that_is_missing_is_said_at_once(marts_file: Path, tmp_path: Path) -> None:
    made = (
        "create table kpi_slices (kpi VARCHAR, week DATE, numerator DOUBLE, denominator DOUBLE, hours_in_7_days DOUBLE)"
    )
    changes = (made, "alter table kpi_catalogue drop column part_of", "drop table periods")
    fetch = of_another_release(marts_file, tmp_path, *changes)
    with pytest.raises(LayoutError) as refused:
        write_weekly(fetch, tmp_path / "out")
    assert str(refused.value) == (
        "marts.duckdb is of another release: found no table periods; no part_of in table kpi_catalogue; no hours_in_14_days,"
        " hours_in_30_days in table kpi_slices, expected what this release publishes; run `experience-kpis nightly` once,"
        " which makes all marts anew"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("table", ALWAYS)
def test_no_table_that_is_always_read_may_be_missing(marts_file: Path, tmp_path: Path, table: str) -> None:
    fetch = of_another_release(marts_file, tmp_path, f"drop table {table}")
    with pytest.raises(LayoutError, match=f"no table {table}"):
        require_layout(fetch)
