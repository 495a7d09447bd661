"""The command line. Heavy imports wait until a command needs them, so that help is there at once."""

from __future__ import annotations

import json
import os
import sys
import traceback
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from flows.settings import Settings

PUBLISHED, WITH_FAULTS, NOTHING, USAGE = 0, 1, 2, 64

app = typer.Typer(
    name="experience-kpis",
    help="Nightly experience KPIs for returns and refunds: ingest, compute, check, publish, explain.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Landing = Annotated[Path | None, typer.Option(help="Folder with orders/ returns/ refunds/ contacts/ surveys/.")]
Out = Annotated[Path | None, typer.Option(help="Where the warehouse, the marts and the weekly files are kept.")]


class _End(Exception):
    """A command that ends with an exit status of its own, said as it is."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status


@app.command()
def nightly(
    landing: Landing = None,
    out: Out = None,
    mapping: Annotated[
        Path | None, typer.Option(help="Folder with <source>.sql for extracts of another shape.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="ISO 8601: what happened later has not happened. Default: now.")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="duckdb; the same models on Spark are not part of this release.")
    ] = "duckdb",
    memory: Annotated[str | None, typer.Option(help="The engine's memory limit, such as 8GB.")] = None,
) -> None:
    """Ingest what arrived, compute every KPI, check, and publish.

    Exit status: 0 published; 1 published with withheld KPIs or refused files; 2 nothing published; 64 wrong usage.
    """
    if engine != "duckdb":
        raise _End(USAGE, f"--engine {engine}: this release runs on duckdb only")
    settings = _settings(landing=landing, out=out, mapping=mapping, memory=memory)
    moment = _moment(as_of) if as_of else datetime.now(UTC)
    if not settings.landing.is_dir():
        raise _End(NOTHING, f"{settings.landing}: no such landing folder; expected one with a folder for each source")
    _quiet_prefect()
    print(f"Night as of {moment.astimezone(UTC):%F %H:%M} UTC: {settings.landing} to {settings.out}", flush=True)
    from flows.console import show_result
    from flows.nightly import nightly as flow

    with _said_plainly():
        result = flow(settings.landing, settings.out, settings.mapping, moment, settings.memory)
    show_result(result, str(settings.out))
    raise _End(result.exit_status)


@app.command()
def weekly(
    out: Out = None,
    week: Annotated[
        str | None, typer.Option(help="ISO week such as 2026-W47. Default: the latest complete one.")
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="Send it by mail and webhook, as the settings say.")] = False,
    again: Annotated[bool, typer.Option("--again", help="With --send: also to those who have it.")] = False,
    audience: Annotated[
        str | None, typer.Option(help="leadership, or analysts: with figures of few cases, in a folder of its own.")
    ] = None,
) -> None:
    """Write the weekly file: page, PDF, workbook, JSON and Parquet; and send it.

    Exit status: 0 written, and sent if asked to; 1 written but not sent to everybody; 2 nothing written.
    """
    settings = _settings(out=out, audience=audience)
    if again and not send:
        raise _End(USAGE, "--again goes with --send")
    if send:
        from flows.delivery import require_channel

        try:
            require_channel(settings)
        except ValueError as error:
            raise _End(USAGE, f"--send: {error}") from error
    _require_marts(settings)
    _quiet_prefect()
    from flows.delivery import NotSent
    from flows.weekly import weekly as flow

    try:
        with _said_plainly():
            receipt, lines = flow(settings.out, week, send, again, settings.audience)
    except NotSent as error:
        raise _End(WITH_FAULTS, f"the weekly file is written, but {error}") from error
    from flows.console import table
    from transforms.leadership.files import weekly_folder

    folder = weekly_folder(settings.out, settings.audience) / receipt.week
    rows = [(str(folder / file.name), f"{file.bytes:,}") for file in receipt.files]
    table(f"The weekly file of {receipt.week}", ("file", "bytes"), rows, ("bytes",))
    for line in lines:
        print(line)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help='Such as "select * from kpi_weekly limit 5".')], out: Out = None
) -> None:
    """Run a query on the published marts, read-only."""
    from flows.console import table
    from transforms.warehouse import EngineError, Warehouse

    settings = _settings(out=out)
    try:
        with Warehouse(_require_marts(settings), read_only=True) as marts:
            marts.stay_inside()
            columns, rows = marts.table(sql)
    except EngineError as error:
        raise _End(NOTHING, str(error)) from error
    numeric = [c for i, c in enumerate(columns) if rows and all(isinstance(row[i], int | float | None) for row in rows)]
    table(f"{len(rows):,} rows", columns, rows, numeric)


@app.command()
def explain(
    kpi: Annotated[str, typer.Argument(help="Such as nps.")],
    out: Out = None,
    week: Annotated[
        str | None, typer.Option(help="ISO week such as 2026-W47. Default: the latest complete one.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="DIMENSION=VALUE such as market=VN; twice for a pair of dimensions.")
    ] = None,
    rows: Annotated[bool, typer.Option("--rows", help="List the observations behind it.")] = False,
) -> None:
    """Explain a number: value, interval, status, definition, parts, and the SQL for its rows."""
    from flows.explain import show
    from transforms.explain import AskError

    settings = _settings(out=out)
    try:
        show(_require_marts(settings), settings.warehouse, kpi, week, where or [], rows)
    except AskError as error:
        raise _End(USAGE, str(error)) from error


@app.command()
def status(out: Out = None) -> None:
    """Last runs, freshness of the sources, quarantine, refused files and withheld KPIs."""
    from flows.status import show_status

    settings = _settings(out=out)
    show_status(_require_marts(settings), settings.out)


@app.command()
def causes(
    table: Annotated[
        Path, typer.Option(help="CSV (also .gz) or Parquet with actual_ and expected_ numerator and denominator.")
    ],
    top: Annotated[int, typer.Option(help="The most causes to print.")] = 3,
) -> None:
    """Print which slices of a table explain the move of its ratio, as JSON: best first, [] when nothing does.

    Every column that is not one of the four numbers is a dimension.
    """
    if top < 1:
        raise _End(USAGE, f"--top {top}: expected 1 or more")
    from transforms.insight.causes import find_causes
    from transforms.insight.table import TableError, read_table

    try:
        leaves, dimensions = read_table(table)
    except TableError as error:
        raise _End(NOTHING, str(error)) from error
    found = find_causes(leaves, dimensions, top)
    print(
        json.dumps(
            [{"where": one.where, "score": one.score, "contribution": one.contribution} for one in found],
            ensure_ascii=False,
        )
    )


@app.command()
def doctor(landing: Landing = None, out: Out = None) -> None:
    """Whether a night would find what it needs: versions, folders, disk, permissions, locks, freshness, clock, settings.

    Exit status: 0 all is fine; 1 something is not; 64 the settings cannot be read.
    """
    from flows.console import table
    from flows.doctor import examine

    findings = examine(_settings(landing=landing, out=out), datetime.now(UTC))
    rows = [(f.topic, "fine" if f.is_fine else "NOT FINE", f.found, "" if f.is_fine else f.advice) for f in findings]
    table("What a night needs", ("", "", "found", "what to do"), rows)
    raise _End(PUBLISHED if all(f.is_fine for f in findings) else WITH_FAULTS)


@app.command()
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
        raise _End(USAGE, f"--from and --to are days such as 2026-11-16: {error}") from error
    if last < first:
        raise _End(USAGE, f"--to {last} is before --from {first}")
    settings = _settings(landing=landing, out=out)
    if not settings.landing.is_dir():
        raise _End(NOTHING, f"{settings.landing}: no such landing folder; expected one with a folder for each source")
    _quiet_prefect()
    from flows.backfill import backfill as flow
    from flows.console import show_result

    with _said_plainly():
        results = flow(first, last, settings.landing, settings.out, settings.mapping, settings.memory)
    show_result(results[-1], str(settings.out))
    raise _End(max(result.exit_status for result in results))


@app.command()
def rollback(
    out: Out = None,
    to: Annotated[str | None, typer.Option(help="A kept version. Default: the one before the current.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only list the versions.")] = False,
) -> None:
    """Show readers an earlier version; the next night publishes as ever."""
    from flows.status import show_versions
    from transforms.publish import roll_back

    settings = _settings(out=out)
    _require_marts(settings)
    if list_:
        show_versions(settings.out)
        return
    try:
        before, now = roll_back(settings.out, to)
    except (FileNotFoundError, ValueError) as error:
        raise _End(NOTHING, f"nothing changed: {error}") from error
    print(f"Readers see version {now}; before it was {before}, which is kept. The next night publishes a new one.")


@app.command()
def schedule(landing: Landing = None, out: Out = None) -> None:
    """Serve both Prefect deployments until stopped: nightly at 02:00, weekly on Monday at 07:00."""
    settings = _settings(landing=landing, out=out)
    from flows.schedule import serve_deployments

    serve_deployments(settings)


def main() -> NoReturn:
    """Run the command line; exits with the status of the command, 64 for wrong usage."""
    try:
        app(prog_name="experience-kpis")
    except _End as end:
        if str(end):
            print(f"experience-kpis: {end}", file=sys.stderr)
        code = end.status
    except SystemExit as end:
        code = USAGE if end.code == 2 else int(end.code or 0)
    except Exception:
        # A bug keeps its traceback, but not Python's exit status 1, which here says that something was published.
        traceback.print_exc()
        code = NOTHING
    sys.exit(code)


def _settings(**flags: object) -> Settings:
    from pydantic import ValidationError

    from flows.settings import load

    try:
        return load(**flags)
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise _End(USAGE, f"settings: {said}") from error
    except ValueError as error:
        raise _End(USAGE, f"settings: {error}") from error


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _End(USAGE, f"--as-of {text!r} is not ISO 8601, such as 2026-11-23T00:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _require_marts(settings: Settings) -> Path:
    marts = settings.out / "marts.duckdb"
    if not marts.exists():
        raise _End(
            NOTHING,
            f"{marts}: nothing is published there yet; run `experience-kpis nightly --out {settings.out}` first",
        )
    return marts.resolve()


def _quiet_prefect() -> None:
    """The steps say themselves what they do; Prefect's log is for the server, unless somebody asks for it."""
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    # On a busy machine its own server takes longer than the 20 s that Prefect would wait.
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")


class _said_plainly:
    """Known faults as one line and exit status 2; anything else is a bug and keeps its traceback."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is None:
            return
        from flows.night import NothingPublished
        from transforms.insight.actions import ActionsError
        from transforms.landing.files import Refused
        from transforms.leadership.files import MissingPart
        from transforms.leadership.frames import WeekError
        from transforms.models import ModelError
        from transforms.warehouse import EngineError

        known = (ActionsError, NothingPublished, Refused, EngineError, ModelError, WeekError, MissingPart)
        if isinstance(error, known):
            raise _End(NOTHING, f"nothing published: {error}") from error


if __name__ == "__main__":
    main()
