"""A backfill publishes the nights of its days in order and brings readers back to where they were."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.night import Night
from flows.settings import load
from tests.acceptance.nights import deliver, moment, published
from transforms.publish import list_versions

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
def test_a_backfill_on_prefect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("expectations.gate.check", lambda *_, **__: [])
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.setenv("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
    landing, out = tmp_path / "landing", tmp_path / "out"
    deliver(landing, "orders/a.csv", [ORDER])
    with Night(load(landing=landing, out=out), moment("2026-06-09")) as night:
        night.run()
    deliver(landing, "orders/b.csv", [ORDER | {"order_id": "o2", "ordered_at": "2026-06-02T10:00:00Z"}])
    from flows.backfill import backfill

    results: Any = backfill(date(2026, 6, 1), date(2026, 6, 3), landing, out)
    assert len(results) == 4
    assert len(list_versions(out)) == 5
    as_ofs = [published_in(out / "versions" / v) for v in list_versions(out)]
    assert [f"{a:%m-%d}" for a in as_ofs] == ["06-09", "06-02", "06-03", "06-04", "06-09"]
    (seen,) = published(out, "select max(as_of) as at from kpi_weekly")
    assert seen["at"] == datetime(2026, 6, 9, tzinfo=UTC)


def published_in(folder: Path) -> datetime:
    (row,) = published(folder, "select max(as_of) as at from kpi_weekly")
    at: datetime = row["at"]
    return at
