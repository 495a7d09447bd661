"""The command line. Heavy imports wait until a command needs them, so that help is there at once."""

from __future__ import annotations

import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Annotated, NoReturn

import typer

from flows import prefect_api
from flows.cli_analysis import causes, explain
from flows.cli_common import (
    NOTHING,
    USAGE,
    WITH_FAULTS,
    End,
    Landing,
    Out,
    moment_of,
    read_settings,
    require_folders,
    require_marts,
    said_plainly,
)
from flows.cli_operations import backfill, doctor, rollback

app = typer.Typer(
    name="experience-kpis",
    help="Nightly experience KPIs for returns and refunds: ingest, compute, check, publish, explain.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


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
        raise End(USAGE, f"--engine {engine}: this release runs on duckdb only")
    settings = read_settings(landing=landing, out=out, mapping=mapping, memory=memory)
    moment = moment_of(as_of) if as_of else datetime.now(UTC)
    require_folders(settings)
    prefect_api.start()
    print(f"Night as of {moment.astimezone(UTC):%F %H:%M} UTC: {settings.landing} to {settings.out}", flush=True)
    from expectations.gate import preload
    from flows.console import show_result
    from flows.nightly import nightly as flow

    Thread(target=preload, daemon=True).start()  # Great Expectations takes seconds to import: while the server starts
    with said_plainly(), prefect_api.served():
        result = flow(settings.landing, settings.out, settings.mapping, moment, settings.memory)
    show_result(result, str(settings.out))
    raise End(result.exit_status)


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

    Exit status: 0 written, and sent if asked to; 1 written, but not sent to everybody, or without a line of the actions
    ledger that could not be read; 2 nothing written.
    """
    settings = read_settings(out=out, audience=audience)
    if week is not None:
        from transforms.leadership.frames import WeekError, parse_week

        try:
            parse_week(week)
        except WeekError as error:
            raise End(USAGE, str(error)) from error
    if again and not send:
        raise End(USAGE, "--again goes with --send")
    if send:
        from flows.delivery import require_channel

        try:
            require_channel(settings)
        except ValueError as error:
            raise End(USAGE, f"--send: {error}") from error
    require_marts(settings)
    prefect_api.start()
    from flows.delivery import NotSent
    from flows.weekly import weekly as flow

    try:
        with said_plainly(), prefect_api.served():
            receipt, lines = flow(settings.out, week, send, again, settings.audience)
    except NotSent as error:
        raise End(WITH_FAULTS, f"the weekly file is written, but {error}") from error
    from flows.console import table
    from transforms.leadership.files import weekly_folder

    folder = weekly_folder(settings.out, settings.audience) / receipt.week
    rows = [(str(folder / file.name), f"{file.bytes:,}") for file in receipt.files]
    table(f"The weekly file of {receipt.week}", ("file", "bytes"), rows, ("bytes",))
    for line in lines:
        print(line)
    if receipt.refused:
        said = "\n".join(receipt.refused)
        raise End(
            WITH_FAULTS, f"the weekly file is written, without what could not be read of the actions ledger:\n{said}"
        )


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help='Such as "select * from kpi_weekly limit 5".')], out: Out = None
) -> None:
    """Run a query on the published marts, read-only."""
    from flows.console import table
    from transforms.warehouse import EngineError, Warehouse

    settings = read_settings(out=out)
    try:
        with Warehouse(require_marts(settings), read_only=True) as marts:
            marts.stay_inside()
            columns, rows = marts.table(sql)
    except EngineError as error:
        raise End(NOTHING, str(error)) from error
    numeric = [c for i, c in enumerate(columns) if rows and all(isinstance(row[i], int | float | None) for row in rows)]
    table(f"{len(rows):,} rows", columns, rows, numeric)


@app.command()
def status(out: Out = None) -> None:
    """Last runs, freshness of the sources, quarantine, refused files and withheld KPIs."""
    from flows.status import show_status

    settings = read_settings(out=out)
    show_status(require_marts(settings), settings.out)


@app.command()
def schedule(landing: Landing = None, out: Out = None) -> None:
    """Serve both Prefect deployments until stopped: nightly at 02:00, weekly on Monday at 07:00."""
    settings = read_settings(landing=landing, out=out)
    from flows.schedule import serve_deployments

    require_folders(settings)
    try:
        serve_deployments(settings)
    except ValueError as error:  # a time of a schedule that cannot be read
        raise End(USAGE, f"settings: nightly_cron or weekly_cron: {' '.join(str(error).split())}") from error


for command in (explain, causes, doctor, backfill, rollback):
    app.command()(command)


def main() -> NoReturn:
    """Run the command line; exits with the status of the command, 64 for wrong usage."""
    try:
        app(prog_name="experience-kpis")
    except End as end:
        if str(end):
            print(f"experience-kpis: {end}", file=sys.stderr)
        code = end.status
        _let_go(end)
    except SystemExit as end:
        code = USAGE if end.code == 2 else int(end.code or 0)
    except Exception:
        # A bug keeps its traceback, but not Python's exit status 1, which here says that something was published.
        traceback.print_exc()
        code = NOTHING
    sys.exit(code)


def _let_go(error: BaseException | None) -> None:
    """Take what led to an error from it: Prefect keeps errors, and with them the engine, which then reports leaks at exit."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        led_to = error.__cause__ or error.__context__
        error.__traceback__ = error.__cause__ = error.__context__ = None
        error = led_to


if __name__ == "__main__":
    main()
