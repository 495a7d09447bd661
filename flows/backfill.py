"""The backfill flow: the nights of a range of days once more, each as of the end of its day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from flows import console
from flows.night import Night, Result
from flows.notify import tell_failure
from flows.settings import Settings, load
from flows.status import published_as_of


@task(name="night", task_run_name="night as of {as_of}", cache_policy=NO_CACHE)
def one_night(settings: Settings, as_of: datetime) -> Result:
    """A whole night that looks back from `as_of`, over all files that are there now."""
    with Night(settings, as_of, console.reporter(), is_backfill=True) as night:
        return night.run()


def moments(first: date, last: date, published: datetime | None) -> list[datetime]:
    """The end of every day of the range, UTC; then what readers had before, where that is later.

    Raises ValueError for a range that ends before it begins.
    """
    if last < first:
        raise ValueError(f"--to {last} is before --from {first}")
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    ends = [datetime.combine(day + timedelta(days=1), time(), UTC) for day in days]
    return [*ends, published] if published is not None and published > ends[-1] else ends


@flow(
    name="backfill",
    validate_parameters=True,
    timeout_seconds=48 * 3600,
    on_failure=[tell_failure],
    on_crashed=[tell_failure],
)
def backfill(
    first: date,
    last: date,
    landing: Path | None = None,
    out: Path | None = None,
    mapping: Path | None = None,
    memory: str | None = None,
) -> list[Result]:
    """Publish the nights of `first` to `last` in order. Readers end at the as-of they had, or at the range's end.

    What changes in published figures on the way is marked as backfill. The progress is an artifact of the run.
    """
    settings: Settings = load(landing=landing, out=out, mapping=mapping, memory=memory)
    nights = moments(first, last, published_as_of(settings.out))
    progress = create_progress_artifact(0.0, key="backfill", description=f"Nights from {first} to {last}")
    results = []
    for number, as_of in enumerate(nights, start=1):
        print(f"Night {number} of {len(nights)}, as of {as_of:%F %H:%M} UTC", flush=True)
        results.append(one_night(settings, as_of))
        update_progress_artifact(progress, 100.0 * number / len(nights))  # type: ignore[arg-type]  # outside a loop it is the id
    return results
