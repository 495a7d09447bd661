"""A number explained on the terminal: what it is, how sure, of what, by which definition, from which rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from flows.console import figure, table
from transforms import explain
from transforms.warehouse import Warehouse

STATUSES = {
    "final": "it stands",
    "provisional": "it may still move, and is compared with nothing",
    "not_reached": "there is none: too few have been credited so far",
    "low_n": "fewer than 30 cases: read the interval",
    "withheld": "it is not published, see the note",
}
DEFINITION = (
    ("meaning", "meaning"),
    ("formula", "formula"),
    ("a row", "grain"),
    ("falls in a period by", "anchor"),
    ("left out", "exclusions"),
    ("changes until", "maturity"),
    ("95 % interval", "interval_method"),
    ("columns of the extracts", "source_columns"),
    ("owner", "owner"),
    ("version", "definition_version"),
    ("changes", "changes"),
)


def show(marts: Path, warehouse: Path, kpi: str, week: str | None, where: list[str], rows: bool) -> None:
    """Print it. Raises explain.AskError for a number that is not published."""
    with Warehouse(marts, read_only=True) as published:
        cell = explain.find_cell(published, kpi, week, where)
        entry = explain.catalogue(published, cell)
        statistics = explain.statistics(published, cell)
        print(f"{cell.kpi.label} ({cell.kpi.id}): {cell.kpi.question}")
        print(f"{cell.title}, as of {statistics[0]['as_of']:%F %H:%M} UTC")
        _show_statistics(cell, statistics)
        table("Definition", ("", ""), [(label, _said(entry[column])) for label, column in DEFINITION])
        _show_parts(cell, explain.parts(published, cell))
        print(f"\nIts rows, of the last weeks:\n\n{explain.rows_sql(cell)};\n")
        print(f"How they are made (facts are in the warehouse):\n\n{entry['definition']};")
        if rows:
            _show_rows(*explain.list_rows(published, cell, warehouse))


def _show_statistics(cell: explain.Cell, statistics: list[explain.Row]) -> None:
    shown = []
    for row in statistics:
        unit = _unit(cell, row["statistic"])
        interval = (
            f"{figure(row['ci_low'], unit)} to {figure(row['ci_high'], unit)}" if row["ci_low"] is not None else ""
        )
        final = f"{row['final_at']:%F}" if row["final_at"] else ""
        compared = [figure(row[name], unit) for name in ("prior_value", "prior_year_value", "target")]
        shown.append(
            (row["statistic"], figure(row["value"], unit), interval, f"{row['n']:,}", row["status"], final, *compared)
        )
    columns = (
        "statistic",
        "value",
        "95 % interval",
        "n",
        "status",
        "final from",
        "week before",
        "year before",
        "target",
    )
    table("Value", columns, shown, ("value", "95 % interval", "n", "week before", "year before", "target"))
    for status in dict.fromkeys(row["status"] for row in statistics):
        print(f"{status}: {STATUSES[status]}")
    for note in dict.fromkeys(row["note"] for row in statistics if row["note"]):
        print(f"note: {note}")
    sums = statistics[0]
    if sums["numerator"] is not None:
        below = "" if sums["denominator"] is None else f", denominator {sums['denominator']:,.0f}"  # a count has none
        print(f"numerator {sums['numerator']:,.0f}{below}")


def _show_parts(cell: explain.Cell, parts: list[explain.Row]) -> None:
    unit = _unit(cell, cell.kpi.headline_statistic)
    shown = [
        (
            row["dimension"],
            row["dimension_value"],
            figure(row["value"], unit),
            f"{figure(row['ci_low'], unit)} to {figure(row['ci_high'], unit)}" if row["ci_low"] is not None else "",
            f"{row['n']:,}",
            figure(row["share_of_n"], "share"),
            figure(row["contribution"], unit),
            row["status"],
        )
        for row in parts
    ]
    columns = ("dimension", "value of it", cell.kpi.headline_statistic, "95 % interval", "n", "of n", "adds", "status")
    if shown:
        table("Parts", columns, shown, columns[2:7])


def _show_rows(columns: list[str], rows: list[tuple[Any, ...]], source: str) -> None:
    """As a table on a terminal, as tab-separated text elsewhere."""
    if sys.stdout.isatty():
        table(f"{len(rows):,} rows, from {source}", columns, rows)
        return
    print(f"\n{len(rows):,} rows, from {source}\n")
    for row in [columns, *rows]:
        print("\t".join("" if field is None else str(field) for field in row))


def _unit(cell: explain.Cell, statistic: str) -> str:
    if statistic == "n_eff":
        return "count"
    return "share" if statistic.startswith("credited_by_day_") else cell.kpi.unit


def _said(entry: Any) -> str:
    return (
        "\n".join(entry)
        if isinstance(entry, list) and any(" " in text for text in entry)
        else (", ".join(entry) if isinstance(entry, list) else str(entry))
    )
