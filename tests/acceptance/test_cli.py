"""The command line as a scheduler and an analyst meet it: exit statuses, what is said, and how fast help is there."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.acceptance.conftest import World
from tests.acceptance.nights import REPOSITORY, deliver, published

COMMAND = Path(sys.executable).with_name("experience-kpis")
COMMANDS = ("nightly", "weekly", "query", "explain", "status", "causes", "schedule")


def kpis(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line; its output is captured."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EXPERIENCE_KPIS_")}
    command = [str(COMMAND), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment | variables, check=False, timeout=120
    )


def test_help_is_there_at_once() -> None:
    """Within 0.3 s of processor time, the median of five: no engine, no orchestrator is imported for it."""
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert kpis("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert statistics.median(seconds) < 0.3, seconds


def test_help_names_every_command() -> None:
    said = kpis("--help").stdout
    assert all(command in said for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    done = kpis(command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_the_module_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flows", "--help"], capture_output=True, text=True, cwd=REPOSITORY, check=False
    )
    assert (done.returncode, done.stdout) == (0, kpis("--help").stdout)


WRONG = {
    "unknown option": ("nightly", "--no-such-option"),
    "unknown command": ("nightlee",),
    "as-of no time": ("nightly", "--landing", ".", "--out", "out", "--as-of", "yesterday"),
    "as-of no date": ("nightly", "--landing", ".", "--out", "out", "--as-of", "2026-02-30"),
    "memory no size": ("nightly", "--landing", ".", "--out", "out", "--memory", "lots"),
    "unknown engine": ("nightly", "--landing", ".", "--out", "out", "--engine", "abacus"),
    "option without value": ("query", "select 1", "--out"),
    "query without SQL": ("query",),
    "causes without a table": ("causes",),
    "no cause at most": ("causes", "--table", "table.csv", "--top", "0"),
}


@pytest.mark.parametrize("name", list(WRONG))
def test_wrong_usage_is_64(tmp_path: Path, name: str) -> None:
    """It says what is wrong on stderr, without a traceback, and writes nothing."""
    done = subprocess.run(
        [str(COMMAND), *WRONG[name]], capture_output=True, text=True, cwd=tmp_path, check=False, timeout=60
    )
    assert done.returncode == 64, done.stderr
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_setting_that_is_wrong_is_wrong_usage(tmp_path: Path) -> None:
    done = kpis("status", "--out", tmp_path, EXPERIENCE_KPIS_KEEP_VERSIONS="none")
    assert done.returncode == 64
    assert "keep_versions" in done.stderr


def test_a_missing_landing_folder_is_said_in_the_same_words_wherever_it_is_missed(tmp_path: Path) -> None:
    """By the command, by the flow's first task, which waits for a late share, and by a night that is called by itself."""
    from flows.night import Night
    from flows.nightly import reach
    from flows.settings import load

    nowhere = tmp_path / "nowhere"
    with pytest.raises(FileNotFoundError) as by_task:
        reach.fn(nowhere)
    with pytest.raises(FileNotFoundError) as by_night:
        Night(load(landing=nowhere, out=tmp_path / "out"), datetime.now(UTC))
    done = kpis("nightly", "--landing", nowhere, "--out", tmp_path / "out")
    assert by_task.value.filename == by_night.value.filename == str(nowhere)
    assert by_task.value.strerror == by_night.value.strerror
    assert (done.returncode, done.stderr) == (2, f"experience-kpis: {nowhere}: {by_task.value.strerror}\n")
    assert "mount it, or set landing" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_mapping_folder_is_2(tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    done = kpis("nightly", "--landing", tmp_path / "landing", "--out", tmp_path / "out", "--mapping", tmp_path / "maps")
    assert done.returncode == 2
    assert "no such mapping folder" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_an_output_folder_that_cannot_be_is_2(tmp_path: Path) -> None:
    deliver(tmp_path / "landing", "orders/a.csv", "order_id\n")
    file = deliver(tmp_path, "out", "a file")
    done = kpis("nightly", "--landing", tmp_path / "landing", "--out", file)
    assert done.returncode == 2
    assert f"nothing published: {file}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_schedule_that_cannot_be_read_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    where = ("--landing", tmp_path / "landing", "--out", tmp_path / "out")
    done = kpis("schedule", *where, EXPERIENCE_KPIS_NIGHTLY_CRON="at two", PREFECT_HOME=str(tmp_path / "prefect"))
    assert done.returncode == 64
    assert "nightly_cron" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [("query", "select 1"), ("status",), ("weekly",), ("rollback", "--list")], ids=lambda a: a[0]
)
def test_missing_marts_are_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Nothing is published there: the next move is said."""
    done = kpis(*arguments, "--out", tmp_path / "out")
    assert done.returncode == 2, done.stderr
    assert "nightly" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_query_prints_its_rows(clean: World) -> None:
    done = kpis(
        "query", "--out", clean.out, "select kpi, count(*) as many from kpi_catalogue group by all order by kpi"
    )
    assert done.returncode == 0, done.stderr
    assert "refund_cycle_time" in done.stdout
    assert "many" in done.stdout


@pytest.mark.parametrize(
    "sql",
    [
        "delete from kpi_weekly",
        "create table mine as select 1",
        "drop table kpi_weekly",
        "update kpi_weekly set value = 0",
        "attach '{folder}/other.duckdb'; create table other.t as select 1",
        "copy kpi_weekly to '{folder}/out.csv'",
    ],
)
def test_a_query_cannot_write(clean: World, tmp_path: Path, sql: str) -> None:
    """Read-only, on the published marts: also not beside them."""
    before = clean.ask("select count(*) as n, sum(n) as total from marts.kpi_weekly")
    done = kpis("query", "--out", clean.out, sql.format(folder=tmp_path))
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert clean.ask("select count(*) as n, sum(n) as total from marts.kpi_weekly") == before
    assert list(tmp_path.iterdir()) == []


def test_a_query_with_an_error_says_it(clean: World) -> None:
    done = kpis("query", "--out", clean.out, "select nonsense from kpi_weekly")
    assert done.returncode == 2
    assert "nonsense" in done.stderr
    assert "Traceback" not in done.stderr


def test_status(clean: World) -> None:
    done = kpis("status", "--out", clean.out)
    assert done.returncode == 0, done.stderr
    assert "2026-07-0" in done.stdout
    for source in ("orders", "returns", "refunds", "contacts", "surveys"):
        assert source in done.stdout


def test_the_output_tree(clean: World) -> None:
    """One link is switched; the database and the Parquet files beside it hold the same rows."""
    assert (clean.out / "current").is_symlink()
    assert os.readlink(clean.out / "current").startswith("versions/")
    assert (clean.out / "marts.duckdb").resolve() == (clean.out / "current" / "marts.duckdb").resolve()
    for table in (
        "kpi_weekly",
        "kpi_daily",
        "kpi_monthly",
        "kpi_catalogue",
        "ingest_files",
        "quarantine",
        "checks",
        "runs",
    ):
        path = clean.out / "marts" / f"{table}.parquet"
        assert path.is_file()
        both = f"(select count(*) from {table}) as tables, (select count(*) from read_parquet('{path}')) as files"
        (row,) = published(clean.out, f"select {both}")
        assert row["tables"] == row["files"]


def test_customer_ids_leave_the_warehouse_only_as_hashes(clean: World) -> None:
    """No published table holds a customer id; the key of the hashes is its owner's alone."""
    customers = {row["customer_id"] for row in _customers(clean)}
    columns = published(
        clean.out,
        "select table_name as its, list(column_name) as names from information_schema.columns "
        "where data_type = 'VARCHAR' group by 1",
    )
    assert len(customers) > 1000
    for table in columns:
        texts = ", ".join(f'"{name}"' for name in table["names"])
        one = f"(select distinct unnest([{texts}]) as v from {table['its']})"
        rows = published(clean.out, f"select v from {one} where v similar to 'u[0-9]+'")
        assert not customers & {row["v"] for row in rows}, table
    key = clean.out / "hash.key"
    if key.exists():
        assert key.stat().st_mode & 0o777 == 0o600


def _customers(world: World) -> list[dict[str, object]]:
    from tests.acceptance.nights import drafted

    return drafted(world.out, "select distinct customer_id from records.orders")


@pytest.mark.slow
def test_a_night_from_the_command_line(tmp_path: Path) -> None:
    """Exit status 1 and the reason on stderr: published, with KPIs withheld and a file refused."""
    order = "order_id,customer_id,market,ordered_at,updated_at\no1,c1,VN,2026-06-01T00:00:00Z,2026-06-01T00:00:00Z\n"
    deliver(tmp_path / "landing", "orders/a.csv", order)
    deliver(tmp_path / "landing", "orders/b.csv", "a,b\n1,2\n")
    done = kpis(
        "nightly", "--landing", tmp_path / "landing", "--out", tmp_path / "out", "--as-of", "2026-06-08T00:00:00Z"
    )
    assert done.returncode == 1, done.stderr
    assert "orders/b.csv" in done.stderr
    assert "nps" in done.stderr
    assert published(tmp_path / "out", "select count(*) as n from ingest_files") == [{"n": 2}]
