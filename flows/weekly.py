"""The weekly flow: the file that leadership receives, from the published marts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from flows.settings import load
from transforms.leadership.files import Receipt, write_weekly
from transforms.warehouse import Warehouse


@task(name="write", retries=1, retry_delay_seconds=30, cache_policy=NO_CACHE)
def write(out: Path, week: str | None, paper: Any) -> Receipt:
    """The week's folder, from the version that is current now."""
    with Warehouse((out / "marts.duckdb").resolve(), read_only=True) as marts:
        return write_weekly(marts.frame, out, week, paper=paper, published_at=datetime.now(UTC))


@flow(name="weekly", timeout_seconds=1800)
def weekly(out: Path | None = None, week: str | None = None) -> Receipt:
    """Write `<out>/weekly/<week>/`; without a week the latest complete one."""
    settings = load(out=out)
    receipt = write(settings.out, week, settings.paper)
    files = [{"file": file.name, "bytes": file.bytes, "sha256": file.sha256} for file in receipt.files]
    create_table_artifact(files, key="weekly-file", description=f"The weekly file of {receipt.week}")
    return receipt
