"""The nightly flow: Prefect around the steps of a night."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from flows import console
from flows.night import Night, Result
from flows.settings import Settings, load
from transforms.models import Source, sources

# Reading files can fail for a moment (a share that is not mounted yet, a file still being written): try again.
# What comes after works on the warehouse alone and would fail the same way again.
DELAYS: list[float] = [10, 60]


@task(name="discover", retries=2, retry_delay_seconds=DELAYS, cache_policy=NO_CACHE)
def discover(night: Night) -> dict[str, list[Any]]:
    """Which files are new."""
    return night.discover()


@task(name="ingest", task_run_name="ingest {source.id}", retries=2, retry_delay_seconds=DELAYS, cache_policy=NO_CACHE)
def ingest(night: Night, source: Source, deliveries: list[Any]) -> None:
    """One source's files into its records."""
    night.ingest(source, deliveries)


@task(name="facts", cache_policy=NO_CACHE)
def build_facts(night: Night) -> None:
    """Facts as of the night."""
    night.build_facts()


@task(name="kpis", cache_policy=NO_CACHE)
def count(night: Night) -> None:
    """Sums of every KPI."""
    night.count()


@task(name="estimates", cache_policy=NO_CACHE)
def estimate(night: Night) -> None:
    """Values, intervals, status."""
    night.estimate()


@task(name="expectations", cache_policy=NO_CACHE)
def audit(night: Night) -> None:
    """The gate before publishing."""
    night.audit()


@task(name="publish", cache_policy=NO_CACHE)
def publish(night: Night) -> Result:
    """A new version for the readers."""
    return night.publish()


@flow(name="nightly", validate_parameters=True)
def nightly(
    landing: Path | None = None,
    out: Path | None = None,
    mapping: Path | None = None,
    as_of: datetime | None = None,
    memory: str | None = None,
) -> Result:
    """Ingest what arrived, recompute, check, publish. What is not given comes from the settings."""
    settings: Settings = load(landing=landing, out=out, mapping=mapping, memory=memory)
    with Night(settings, as_of or datetime.now(UTC), console.reporter()) as night:
        found = discover(night)
        for source in sources():
            ingest(night, source, found[source.id])
        build_facts(night)
        count(night)
        estimate(night)
        audit(night)
        result = publish(night)
        _show(night, result)
    return result


def _show(night: Night, result: Result) -> None:
    """Artifacts of the run: what was ingested, and the scorecard of the last complete week."""
    ingested = [
        {
            "source": o.source,
            "files": o.files,
            "read": o.rows_read,
            "accepted": o.rows_accepted,
            "superseded": o.rows_superseded,
            "quarantined": o.rows_quarantined,
            "refused": len(o.refused),
        }
        for o in result.ingested
    ]
    create_table_artifact(ingested, key="ingest", description=f"What arrived, run {result.run_id}")
    shown = [
        {name: round(cell, 4) if isinstance(cell, float) else cell for name, cell in row.items()}
        for row in result.scorecard
    ]
    create_table_artifact(shown, key="scorecard", description=f"Last complete week as of {night.as_of:%F %H:%M} UTC")
