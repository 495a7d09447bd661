"""Nights in processes of their own, to be killed or starved, and the marts they leave behind, compared by content."""

from __future__ import annotations

import multiprocessing
import shutil
from datetime import UTC, datetime
from hashlib import sha256
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from flows.night import Night
from flows.settings import load
from tests.acceptance.nights import SOURCES, marketplace
from transforms.warehouse import Warehouse

AS_OF = datetime(2026, 2, 2, tzinfo=UTC)
# What a night stamps with its own time or name, and what depends on which files came together.
ABOUT_THE_RUN = ("ingested_at", "run_id", "published_at", "rows_accepted", "rows_superseded")
COMPARED = (
    *("kpi_daily", "kpi_weekly", "kpi_monthly", "kpi_rows", "kpi_catalogue"),
    *("ingest_files", "quarantine", "sources", "unlisted_codes"),
)


def small_world(root: Path, **options: object) -> Path:
    """150 orders over four weekly files of each source, some rows faulty. Its folder."""
    return marketplace(root / "world", **{"orders": 150, "weeks": 4, "files": "per-week", "dirt": 0.05} | options)


def deliver_week(world: Path, landing: Path, week: int) -> None:
    """The files of the world's n-th week arrive, each whole or not at all."""
    for source in SOURCES:
        (landing / source).mkdir(parents=True, exist_ok=True)
        path = sorted((world / source).iterdir())[week]
        shutil.copy(path, landing / f".{path.name}")
        (landing / f".{path.name}").rename(landing / source / path.name)


def one_night(landing: Path, out: Path, steps: Path | None = None, memory: str = "512MB") -> None:
    """A night as the scheduler starts one; each step is noted in the file `steps` as it ends."""

    def note(step: str, *_: object) -> None:
        if steps is not None:
            with steps.open("a") as file:
                file.write(step + "\n")

    key = load(landing=landing, out=out, memory=memory, threads=2, hash_key="of the tests")
    with Night(key, AS_OF, note) as night:
        night.run()


def start_night(landing: Path, out: Path, steps: Path | None = None) -> ForkServerProcess:
    """The same in a process that can be killed. What takes seconds to import is there already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["great_expectations", "flows.night", "pandas", "tests.faults.worlds"])
    process = context.Process(target=one_night, args=(landing, out, steps))
    process.start()
    return process


def hashes(out: Path, tables: tuple[str, ...] = COMPARED) -> dict[str, tuple[int, str]]:
    """Rows and hash of the content of each published mart, whatever the order of its rows."""
    found = {}
    with Warehouse((out / "marts.duckdb").resolve(), read_only=True) as marts:
        for table in tables:
            columns, rows = marts.table(f"select * from {table}")
            kept = [i for i, column in enumerate(columns) if column not in ABOUT_THE_RUN]
            lines = sorted(repr(tuple(row[i] for i in kept)) for row in rows)
            found[table] = (len(lines), sha256("\n".join(lines).encode()).hexdigest()[:16])
    return found


def read_version(out: Path) -> tuple[str, int]:
    """What a reader finds now: version and weekly rows; fails when database and Parquet differ, or cannot be read."""
    version = (out / "current").resolve()
    with Warehouse(version / "marts.duckdb", read_only=True) as marts:
        in_database = marts.rows("select count(*), max(as_of), hash(list(value order by all)) from kpi_weekly")
        parquet = str(version / "marts" / "kpi_weekly.parquet")
        in_parquet = marts.rows(
            "select count(*), max(as_of), hash(list(value order by all)) from read_parquet(?)", [parquet]
        )
    assert in_database == in_parquet
    return version.name, in_database[0][0]
