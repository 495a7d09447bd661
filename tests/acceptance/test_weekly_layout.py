"""What the weekly file says that it needs of the marts is all that it reads."""

from __future__ import annotations

from pathlib import Path

import duckdb

from tests.acceptance.conftest import World
from transforms.leadership.files import write_weekly
from transforms.leadership.layout import ALWAYS, WHERE_THERE
from transforms.warehouse import Warehouse

COMPARED = ("brief.html", "kpis.xlsx", "kpis.json", "kpis.parquet")


def with_only_what_is_needed(marts: Path, place: Path) -> Path:
    """A copy of the marts without the tables and columns that the weekly file does not ask for."""
    path = place / "marts.duckdb"
    with duckdb.connect(str(path)) as copy:
        copy.execute("set TimeZone = 'UTC'")
        copy.execute(f"attach '{marts}' as whole (read_only)")
        dimensions = {
            name for (names,) in copy.sql("select dimensions from whole.kpi_catalogue").fetchall() for name in names
        }
        for table, needed in {**ALWAYS, **WHERE_THERE}.items():
            names = [name for name, *_ in copy.sql(f"describe whole.{table}").fetchall()]
            sliced = dimensions if table == "kpi_slices" else set()
            kept = [name for name in names if name in {*needed.split(), *sliced}]
            copy.execute(f"create table {table} as select {', '.join(kept)} from whole.{table}")
    return path


def test_the_file_of_what_is_needed_is_the_file_of_all(clean: World, tmp_path: Path) -> None:
    whole = (clean.out / "marts.duckdb").resolve()
    folders = []
    for name, path in (("all", whole), ("needed", with_only_what_is_needed(whole, tmp_path))):
        with Warehouse(path, read_only=True) as marts:
            receipt = write_weekly(marts.frame, tmp_path / name)
        folders.append(tmp_path / name / "weekly" / receipt.week)
    one, other = ([(folder / name).read_bytes() for name in COMPARED] for folder in folders)
    assert one == other
