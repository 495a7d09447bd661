"""Many nights come to the same as one, a repeated night to nothing new, and an earlier as-of to what was true then."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import AS_OF, World
from tests.acceptance.nights import alone, deliver, draft, drafted, marketplace, publish, published, truth
from transforms.warehouse import Warehouse

CELL = "kpi, dimension, dimension_value, statistic"
LEDGER = (
    "file, source, sha256, rows_read, rows_accepted, rows_superseded, rows_quarantined, rows_in_file, refused_reason"
)


def mart(out: Path, table: str, period: str) -> list[tuple[Any, ...]]:
    """All columns but as_of of a published table, in order of the key."""
    with Warehouse((out / "marts.duckdb").resolve(), read_only=True) as marts:
        return marts.rows(f"select * exclude (as_of) from {table} order by {period}, {CELL}")


def assert_same(found: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> None:
    differ = [pair for pair in zip(found, expected, strict=False) if pair[0] != pair[1]]
    assert len(found) == len(expected)
    assert not differ, f"{len(differ)} of {len(expected)} rows differ, such as {differ[:3]}"


@pytest.fixture(scope="module")
def by_night(clean: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the clean world in two nights, in no order; `as of` moves on from one to the other."""
    root = tmp_path_factory.mktemp("by_night")
    files = sorted(path for path in clean.folder.glob("*/*.csv.gz"))
    random.Random(11).shuffle(files)
    for night, as_of in enumerate(["2026-04-20", AS_OF]):
        for path in files[night::2]:
            target = root / "landing" / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        draft(root / "landing", root / "out", as_of)
    return root


@pytest.mark.parametrize(("table", "period"), [("kpi_weekly", "week"), ("kpi_daily", "day"), ("kpi_monthly", "month")])
def test_night_by_night_equals_one_night(clean: World, by_night: Path, table: str, period: str) -> None:
    assert_same(mart(by_night / "out", table, period), mart(clean.out, table, period))


def test_every_row_is_accounted_for_night_by_night(clean: World, by_night: Path) -> None:
    rows = drafted(by_night / "out", f"select {LEDGER} from marts.ingest_files")
    assert {r["file"]: r["rows_read"] for r in rows} == {
        r["file"]: int(r["rows"]) for r in truth(clean.folder, "accounting")
    }
    assert all(r["rows_read"] == r["rows_accepted"] + r["rows_superseded"] + r["rows_quarantined"] for r in rows)


def test_the_same_folder_again_changes_nothing(clean: World, tmp_path: Path) -> None:
    """A second night over the same files publishes the same numbers, and the ledger does not grow."""
    out = shutil.copytree(clean.out, tmp_path / "out", symlinks=True)
    again = publish(clean.folder, out, AS_OF)
    assert again.exit_status == 0
    assert again.version != clean.result.version
    assert sum(outcome.rows_read for outcome in again.ingested) == 0
    for table, period in {"kpi_weekly": "week", "kpi_daily": "day", "kpi_monthly": "month"}.items():
        assert_same(mart(out, table, period), mart(clean.out, table, period))
    ledger = "from ingest_files order by file"
    assert published(out, ledger) == published(clean.out, ledger)


def test_a_copy_under_another_name_doubles_nothing(clean: World, tmp_path: Path) -> None:
    """Deliveries may repeat: the same rows again, in a file of another name."""
    landing, out = tmp_path / "landing", tmp_path / "out"
    for source in ("orders", "returns", "surveys", "refunds", "contacts"):
        shutil.copytree(clean.folder / source, landing / source)
        for path in sorted((landing / source).iterdir())[::5]:
            shutil.copy(path, path.with_name(f"again_{path.name}"))
    draft(landing, out, AS_OF)
    assert_same(mart(out, "kpi_weekly", "week"), mart(clean.out, "kpi_weekly", "week"))


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The whole feed of a world run as of an earlier moment, and the same world made with that moment as its end.

    Both are weekly files; the moment lies within a week.
    """
    root = tmp_path_factory.mktemp("cut")
    moment = "2026-05-06T15:00:00Z"
    whole = marketplace(root / "whole", orders=3000, files="per-week", seed=5)
    then = marketplace(root / "then", orders=3000, files="per-week", seed=5, as_of=moment)
    draft(whole, root / "out", moment)
    return then, root / "out"


def test_an_earlier_as_of_gives_what_was_true_then(cut: tuple[Path, Path]) -> None:
    """Counts of every KPI by every dimension but carrier.

    The full feed shows a return's carrier and approved amount in its latest state; at that moment a return that was
    not approved yet had neither. So only the groups of carrier may differ.
    """
    then, out = cut
    columns = "kpi, week, dimension, dimension_value, numerator, denominator, n"
    where = "statistic = 'value' and dimension not like '% × %' and dimension <> 'carrier'"
    rows = drafted(out, f"select {columns} from marts.kpi_weekly where {where}")
    found = {tuple(map(str, list(row.values())[:4])): tuple(list(row.values())[4:]) for row in rows}
    wrong, compared = [], 0
    for true in truth(then, "kpis"):
        if true["dimension"] == "carrier" or true["kpi"].startswith("refund_cycle_time"):
            continue
        key = (true["kpi"], true["week"], true["dimension"], true["value_of_dimension"])
        expected = (float(true["numerator"]), float(true["denominator"]), int(float(true["n"])))
        compared += 1
        if found.get(key) != expected:
            wrong.append((key, found.get(key), expected))
    assert compared > 1000
    assert not wrong, f"{len(wrong)} of {compared} cells differ, such as {wrong[:5]}"


def test_an_earlier_as_of_sees_later_credits_as_open(cut: tuple[Path, Path]) -> None:
    then, out = cut
    true = {
        (row["week"], row["value_of_dimension"], row["kpi"].rsplit("_", 1)[1]): row["value"]
        for row in truth(then, "kpis")
        if row["kpi"].startswith("refund_cycle_time_aj") and row["dimension"] == "market"
    }
    where = "kpi = 'refund_cycle_time' and dimension = 'market' and statistic in ('p25', 'p50', 'p90')"
    rows = drafted(out, f"select week, dimension_value, statistic, value from marts.kpi_weekly where {where}")
    found = {(str(row["week"]), row["dimension_value"], row["statistic"]): row["value"] for row in rows}
    expected = {key: float(int(float(value))) if value else None for key, value in true.items()}
    assert {key: value for key, value in found.items() if key in expected} == expected


def test_nothing_after_the_as_of_is_published(cut: tuple[Path, Path]) -> None:
    _, out = cut
    (latest,) = drafted(out, "select max(day) as day from marts.kpi_daily where n > 0")
    assert str(latest["day"]) <= "2026-05-06"
    (latest,) = drafted(out, "select max(observed_on) as day from marts.kpi_rows")
    assert str(latest["day"]) <= "2026-05-06"


@pytest.mark.slow
def test_going_back_and_forth_in_time_leaves_no_trace(tmp_path: Path) -> None:
    """The same files as of an earlier, then again the later moment: as if the earlier one had not been asked."""
    folder = marketplace(tmp_path / "world", orders=1500, weeks=14, files="per-week", seed=6)
    late, early = "2026-04-13T00:00:00Z", "2026-03-04T10:00:00Z"
    draft(folder, tmp_path / "once", late)
    for as_of in (late, early, late):
        draft(folder, tmp_path / "thrice", as_of)
    assert_same(mart(tmp_path / "thrice", "kpi_weekly", "week"), mart(tmp_path / "once", "kpi_weekly", "week"))


@pytest.mark.slow
def test_the_warehouse_can_be_deleted(tmp_path: Path) -> None:
    """`delete it and the next run rebuilds it from the landing files`; readers keep the published tables until then."""
    folder = marketplace(tmp_path / "world", orders=800, weeks=8, files="per-week", seed=7)
    out, as_of = tmp_path / "out", "2026-03-02T00:00:00Z"
    publish(folder, out, as_of)
    before = published(out, f"select * exclude (as_of) from kpi_weekly order by week, {CELL}")
    (out / "warehouse.duckdb").unlink()
    assert published(out, "select count(*) as n from kpi_weekly")[0]["n"] == len(before)
    publish(folder, out, as_of)
    assert published(out, f"select * exclude (as_of) from kpi_weekly order by week, {CELL}") == before


def test_a_night_with_a_late_order_gives_its_dimensions_to_what_came_before(tmp_path: Path) -> None:
    """A survey whose order has not arrived is `unknown`; when the order comes, the same answer moves to its group."""
    landing, out = tmp_path / "landing", tmp_path / "out"
    answer = {
        "response_id": "r1", "order_id": "o1", "survey_type": "nps", "scale_min": 0, "scale_max": 10, "score": 9,
        "invited_at": "2026-06-01T08:00:00Z", "responded_at": "2026-06-02T08:00:00Z",
        "updated_at": "2026-06-02T08:00:00Z",
    }  # fmt: skip
    order = {
        "order_id": "o1", "customer_id": "c1", "market": "VN", "category": "beauty",
        "ordered_at": "2026-05-20T08:00:00Z", "updated_at": "2026-05-20T08:00:00Z",
    }  # fmt: skip
    other = order | {"order_id": "o2", "market": "TH"}
    deliver(landing, "surveys/first.csv", [answer])
    deliver(landing, "orders/first.csv", [other])
    groups = "select dimension_value, n from marts.kpi_weekly where kpi = 'nps' and dimension = 'market' and n > 0"
    groups += " and statistic = 'value'"
    with alone("nps"):
        draft(landing, out, "2026-06-10")
        assert drafted(out, groups) == [{"dimension_value": "unknown", "n": 1}]
        deliver(landing, "orders/second.csv", [order])
        draft(landing, out, "2026-06-11")
    assert drafted(out, groups) == [{"dimension_value": "VN", "n": 1}]
