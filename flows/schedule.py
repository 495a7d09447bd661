"""Serving the deployments: nightly, weekly and backfill, each one run at a time."""

from __future__ import annotations

from typing import cast

from prefect import serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.backfill import backfill
from flows.nightly import nightly
from flows.settings import Settings
from flows.weekly import weekly


def serve_deployments(settings: Settings) -> None:
    """Register `nightly/scheduled`, `weekly/scheduled` and `backfill/on-demand` with the Prefect server and run what is due, until stopped."""
    # A second run would find the warehouse taken: it waits for the first.
    one = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
    out, landing = settings.out.resolve(), settings.landing.resolve()
    mapping = str(settings.mapping.resolve()) if settings.mapping else None
    night = nightly.to_deployment(
        "scheduled",
        schedule=Cron(settings.nightly_cron, timezone=settings.time_zone),
        parameters={"landing": str(landing), "out": str(out), "mapping": mapping, "memory": settings.memory},
        concurrency_limit=one,
        description="What arrived, recomputed, checked and published",
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    week = weekly.to_deployment(
        "scheduled",
        schedule=Cron(settings.weekly_cron, timezone=settings.time_zone),
        parameters={"out": str(out)},
        concurrency_limit=one,
        description="The weekly file",
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    again = backfill.to_deployment(
        "on-demand",
        parameters={"landing": str(landing), "out": str(out), "mapping": mapping, "memory": settings.memory},
        concurrency_limit=one,
        description="The nights of a range of days once more",
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    # Outside an event loop these are deployments; the annotation also allows for coroutines.
    serve(cast("RunnerDeployment", night), cast("RunnerDeployment", week), cast("RunnerDeployment", again))
