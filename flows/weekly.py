"""The weekly flow: the file that leadership receives, from the published marts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from flows.delivery import deliver, require_channel
from flows.notify import tell_failure
from flows.retries import is_worth_retrying
from flows.settings import load
from transforms.leadership.files import Receipt, weekly_folder, write_weekly
from transforms.warehouse import Warehouse


@task(name="write", retries=1, retry_delay_seconds=30, retry_condition_fn=is_worth_retrying, cache_policy=NO_CACHE)
def write(out: Path, week: str | None, paper: Any, audience: Any, ledger: Path | None = None) -> Receipt:
    """The week's folder, from the version that is current now."""
    with Warehouse((out / "marts.duckdb").resolve(), read_only=True) as marts:
        now = datetime.now(UTC)
        return write_weekly(marts.frame, out, week, paper=paper, published_at=now, audience=audience, ledger=ledger)


@task(name="send", cache_policy=NO_CACHE)
def send(out: Path, week: str, again: bool) -> list[str]:
    """The written file to everybody; the channels try again by themselves. Secrets are read here, not passed."""
    return deliver(weekly_folder(out) / week, load(out=out), again)


@flow(name="weekly", timeout_seconds=1800, on_failure=[tell_failure], on_crashed=[tell_failure])
def weekly(
    out: Path | None = None,
    week: str | None = None,
    send_it: bool | None = None,
    again: bool = False,
    audience: str | None = None,
) -> tuple[Receipt, list[str]]:
    """Write `<out>/weekly/<week>/`, without a week the latest complete one; send it when told, or by `send_weekly`.

    Answers the receipt and a line per channel. Raises NotSent when the file is written but did not reach everybody.
    """
    settings = load(out=out, audience=audience)
    is_sent = settings.send_weekly if send_it is None else send_it
    if is_sent:
        require_channel(settings)
    receipt = write(settings.out, week, settings.paper, settings.audience, settings.actions_ledger)
    files = [{"file": file.name, "bytes": file.bytes, "sha256": file.sha256} for file in receipt.files]
    create_table_artifact(files, key="weekly-file", description=f"The weekly file of {receipt.week}")
    return receipt, send(settings.out, receipt.week, again) if is_sent else []
