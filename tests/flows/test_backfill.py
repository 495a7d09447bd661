"""A backfill publishes the nights of its days in order and brings readers back to where they were."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.acceptance.nights import deliver, draft, published
from transforms.publish import list_versions

ROOT = Path(__file__).parents[2]
ORDER = {"order_id": "o1", "customer_id": "c1", "market": "VN", "ordered_at": "2026-05-20T08:00:00Z",
         "updated_at": "2026-05-20T08:00:00Z"}  # fmt: skip


def test_the_end_of_each_day_and_back() -> None:
    from flows.backfill import moments

    later = datetime(2026, 6, 20, 2, tzinfo=UTC)
    ends = [datetime(2026, 6, day, tzinfo=UTC) for day in (2, 3, 4)]
    assert moments(date(2026, 6, 1), date(2026, 6, 3), None) == ends
    assert moments(date(2026, 6, 1), date(2026, 6, 3), later) == [*ends, later]
    assert moments(date(2026, 6, 1), date(2026, 6, 3), ends[-1]) == ends
    with pytest.raises(ValueError, match="is before"):
        moments(date(2026, 6, 3), date(2026, 6, 1), None)


@pytest.mark.slow
def test_a_backfill_on_prefect(tmp_path: Path) -> None:
    landing, out = tmp_path / "landing", tmp_path / "out"
    deliver(landing, "orders/a.csv", [ORDER])
    draft(landing, out, "2026-06-09")
    deliver(landing, "orders/b.csv", [ORDER | {"order_id": "o2", "ordered_at": "2026-06-02T10:00:00Z"}])
    command = [sys.executable, "-m", "flows", "backfill", "--landing", str(landing), "--out", str(out)]
    env = os.environ | {"PREFECT_HOME": str(tmp_path / "prefect")}
    done = subprocess.run(
        [*command, "--from", "2026-06-01", "--to", "2026-06-03"],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr[-3000:]  # sources that never came: their KPIs are withheld
    assert "Night 4 of 4, as of 2026-06-09 00:00 UTC" in done.stdout
    as_ofs = [published_in(out / "versions" / v) for v in list_versions(out)]
    assert [f"{a:%m-%d}" for a in as_ofs] == ["06-09", "06-02", "06-03", "06-04", "06-09"]
    assert published_in(out) == datetime(2026, 6, 9, tzinfo=UTC)


def test_a_range_that_ends_before_it_begins_is_wrong_usage(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flows", "backfill", "--landing", str(tmp_path), "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [*command, "--from", "2026-06-03", "--to", "2026-06-01"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr.strip()) == (
        64,
        "experience-kpis: --to 2026-06-01 is before --from 2026-06-03",
    )


def published_in(folder: Path) -> datetime:
    (row,) = published(folder, "select max(as_of) as at from kpi_weekly")
    at: datetime = row["at"]
    return at
