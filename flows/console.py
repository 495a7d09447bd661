"""What a person or a log reads: one line per step while it runs, tables at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from flows.night import Result

STATUS_COLOURS = {"final": "green", "provisional": "yellow", "withheld": "red"}


def console() -> Console:
    """The terminal's width, or enough for a log."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 140, highlight=False, soft_wrap=False)


def reporter() -> Callable[[str, float, int, str], None]:
    """One line per step as it ends."""

    def report(step: str, seconds: float, rows: int, message: str) -> None:
        said = message or (f"{rows:,} rows" if rows else "")
        print(f"  {step:<17} {seconds:7.2f} s   {said}", flush=True)

    return report


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], numeric: Sequence[str] = ()) -> None:
    """Print a table; cells are shown as they are, never read as markup."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=title, title_justify="left", title_style="bold", header_style="bold", pad_edge=False, box=None)
    for column in columns:
        drawn.add_column(column, justify="right" if column in numeric else "left", overflow="fold")
    for row in rows:
        cells = ["" if cell is None else str(cell) for cell in row]
        drawn.add_row(*(Text(cell, style=STATUS_COLOURS.get(cell, "")) for cell in cells))
    out = console()
    out.print()
    out.print(drawn)


def figure(value: float | None, unit: str) -> str:
    """A value with its unit, in the precision a person compares at; a dash where there is none."""
    if value is None:
        return "-"
    shown = {"share": f"{value:.1%}", "hours": f"{value:,.0f} h", "points": f"{value:+.1f}", "count": f"{value:,.0f}"}
    shown["per_day"] = f"{value:,.3f}"
    return shown.get(unit, f"{value:,.1f}")


def show_result(result: Result, out: str) -> None:
    """The end of a night: what arrived, what is withheld and where things lie. Faults go to stderr."""
    counts = ("files", "read", "accepted", "superseded", "quarantined", "refused")
    rows = [
        (
            o.source,
            o.files,
            *(f"{n:,}" for n in (o.rows_read, o.rows_accepted, o.rows_superseded, o.rows_quarantined)),
            len(o.refused),
        )
        for o in result.ingested
    ]
    table("What arrived", ("source", *counts), rows, counts)
    card = [
        (
            row["label"],
            row["statistic"] if row["statistic"] != "value" else "",
            figure(row["value"], row["unit"]),
            f"{figure(row['ci_low'], row['unit'])} to {figure(row['ci_high'], row['unit'])}"
            if row["ci_low"] is not None
            else "",
            f"{row['n']:,}" if row["n"] is not None else "",
            row["status"],
            row["note"],
        )
        for row in result.scorecard
    ]
    week = result.scorecard[0]["week"] if result.scorecard else "no complete week"
    table(
        f"Headlines of {week}",
        ("KPI", "", "value", "95 % interval", "n", "status", "note"),
        card,
        ("value", "95 % interval", "n"),
    )
    print(f"\n{result.checks_passed} expectations met, {result.checks_failed} not met: {out}/checks.html")
    print(f"Marts for analysts: {out}/marts.duckdb and {out}/marts/*.parquet (version {result.version})")
    for file, reason in result.refused.items():
        print(f"refused {file}: {reason}", file=sys.stderr)
    for kpi, reason in result.withheld.items():
        print(f"withheld {kpi}: {reason}", file=sys.stderr)
