"""The nightly flow: Prefect around the steps of a night."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import flow, get_client, runtime, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Completed

from flows import console
from flows.night import Night, Result
from flows.notify import notify, tell_failure
from flows.retries import is_worth_retrying
from flows.settings import Settings, load
from transforms.landing.files import require_landing
from transforms.models import Source, sources

# Reading files can fail for a moment (a share that is not mounted yet, a file still being written): try again.
# What comes after works on the warehouse alone and would fail the same way again.
DELAYS: list[float] = [10, 60]


@task(name="reach", retries=2, retry_delay_seconds=DELAYS, retry_condition_fn=is_worth_retrying, cache_policy=NO_CACHE)
def reach(landing: Path) -> None:
    """The landing folder is there; waited for where it is mounted late."""
    require_landing(landing)


@task(
    name="discover", retries=2, retry_delay_seconds=DELAYS, retry_condition_fn=is_worth_retrying, cache_policy=NO_CACHE
)
def discover(night: Night) -> dict[str, list[Any]]:
    """Which files are new."""
    return night.discover()


@task(
    name="ingest",
    task_run_name="ingest {source.id}",
    retries=2,
    retry_delay_seconds=DELAYS,
    retry_condition_fn=is_worth_retrying,
    cache_policy=NO_CACHE,
)
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


def tell_withheld(settings: Settings, result: Result) -> None:
    """A night that published, but withheld KPIs or refused files."""
    if result.exit_status:
        told = [f"withheld {kpi}: {reason}" for kpi, reason in result.withheld.items()]
        told += [f"refused {file}: {reason}" for file, reason in result.refused.items()]
        count = f"{len(result.withheld)} KPIs withheld, {len(result.refused)} files refused"
        notify(settings, f"experience-kpis: published with {count}", told)


def is_overtaken() -> bool:
    """Whether a later run of the same deployment is due, at work or done: of missed runs only the last is made up for."""
    own, due = runtime.flow_run.id, runtime.flow_run.scheduled_start_time
    if not (own and runtime.deployment.id and due):
        return False
    later = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[UUID(str(runtime.deployment.id))]),
        expected_start_time=FlowRunFilterExpectedStartTime(after_=due, before_=datetime.now(UTC)),  # type: ignore[arg-type]
        state=FlowRunFilterState(
            type=FlowRunFilterStateType(
                any_=[StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.COMPLETED]
            )
        ),
    )
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(flow_run_filter=later, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=5)
    return any(
        str(run.id) != str(own)
        and not run.parameters.get("as_of")
        and run.expected_start_time is not None
        and run.expected_start_time > due
        for run in found
    )


@flow(
    name="nightly",
    validate_parameters=True,
    timeout_seconds=12 * 3600,
    on_failure=[tell_failure],
    on_crashed=[tell_failure],
)
def nightly(
    landing: Path | None = None,
    out: Path | None = None,
    mapping: Path | None = None,
    as_of: datetime | None = None,
    memory: str | None = None,
) -> Result:
    """Ingest what arrived, recompute, check, publish. What is not given comes from the settings."""
    if as_of is None and is_overtaken():
        said = "a later scheduled night is due as well: it takes these files too"
        return Completed(name="Skipped", message=said)  # type: ignore[return-value]  # a state in the place of a result
    settings: Settings = load(landing=landing, out=out, mapping=mapping, memory=memory)
    reach(settings.landing)
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
    tell_withheld(settings, result)
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
