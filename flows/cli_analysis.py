"""Commands of analysts: a number explained, and the causes of a move."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from flows.cli_common import NOTHING, USAGE, End, Out, read_settings, require_marts


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

    settings = read_settings(out=out)
    try:
        show(require_marts(settings), settings.warehouse, kpi, week, where or [], rows)
    except AskError as error:
        raise End(USAGE, str(error)) from error


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
        raise End(USAGE, f"--top {top}: expected 1 or more")
    from transforms.insight.causes import find_causes
    from transforms.insight.table import TableError, read_table

    try:
        leaves, dimensions = read_table(table)
    except TableError as error:
        raise End(NOTHING, str(error)) from error
    found = find_causes(leaves, dimensions, top)
    print(
        json.dumps(
            [{"where": one.where, "score": one.score, "contribution": one.contribution} for one in found],
            ensure_ascii=False,
        )
    )
