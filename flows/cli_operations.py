"""Commands of operators: is all there, nights published once more, an earlier version shown."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from flows import prefect_api
from flows.cli_common import (
    NOTHING,
    PUBLISHED,
    USAGE,
    WITH_FAULTS,
    End,
    Landing,
    Out,
    read_settings,
    require_folders,
    require_marts,
    said_plainly,
)


def doctor(landing: Landing = None, out: Out = None) -> None:
    """Whether a night would find what it needs: versions, folders, disk, permissions, locks, freshness, clock, settings.

    Exit status: 0 all is fine; 1 something is not; 64 the settings cannot be read.
    """
    from flows.console import table
    from flows.doctor import examine

    findings = examine(read_settings(landing=landing, out=out), datetime.now(UTC))
    rows = [(f.topic, "fine" if f.is_fine else "NOT FINE", f.found, "" if f.is_fine else f.advice) for f in findings]
    table("What a night needs", ("", "", "found", "what to do"), rows)
    raise End(PUBLISHED if all(f.is_fine for f in findings) else WITH_FAULTS)


def backfill(
    from_: Annotated[str, typer.Option("--from", help="First day, such as 2026-11-16.")],
    to: Annotated[str, typer.Option(help="Last day.")],
    landing: Landing = None,
    out: Out = None,
) -> None:
    """Publish the nights of a range of days once more, each as of the end of its day (UTC), over the files there now.

    Readers end at the as-of they had before, or at the end of the range. Exit status as of nightly.
    """
    try:
        first, last = date.fromisoformat(from_), date.fromisoformat(to)
    except ValueError as error:
        raise End(USAGE, f"--from and --to are days such as 2026-11-16: {error}") from error
    if last < first:
        raise End(USAGE, f"--to {last} is before --from {first}")
    settings = read_settings(landing=landing, out=out)
    require_folders(settings)
    prefect_api.start()
    from flows.backfill import backfill as flow
    from flows.console import show_result

    with said_plainly(), prefect_api.served():
        results = flow(first, last, settings.landing, settings.out, settings.mapping, settings.memory)
    show_result(results[-1], str(settings.out))
    raise End(max(result.exit_status for result in results))


def rollback(
    out: Out = None,
    to: Annotated[str | None, typer.Option(help="A kept version. Default: the one before the current.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only list the versions.")] = False,
) -> None:
    """Show readers an earlier version; the next night publishes as ever."""
    from flows.status import show_versions
    from transforms.publish import list_versions, roll_back

    settings = read_settings(out=out)
    if list_:
        require_marts(settings)
        show_versions(settings.out)
        return
    try:
        before, now = roll_back(settings.out, to)
    except (FileNotFoundError, ValueError) as error:
        raise End(NOTHING, f"nothing changed: {error}") from error
    kept = "kept" if before in list_versions(settings.out) else "gone"
    print(f"Readers see version {now}; before it was {before}, which is {kept}. The next night publishes a new one.")
