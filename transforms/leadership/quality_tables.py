"""The data-quality part as plain tables of text, the same in the page and the printed file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transforms.leadership.sections.tables import Cell, Table, table
from transforms.leadership.words import NONE, count, counted

MOST_SHOWN = 15  # longer tables are cut here, and say so; the workbook has all
LONGEST_TEXT = 160


def quality_tables(quality: Mapping[str, Any]) -> list[Table]:
    """Rows in and out by source, checks not passed, refused files, quarantined rows by reason."""
    ingest = [
        [row["source"], *(count(row[name]) for name in ("files", "rows_read", "rows_accepted", "rows_superseded",
                                                       "rows_quarantined", "files_refused"))]
        for row in quality["ingest"]
    ]  # fmt: skip
    checks = [
        [row["severity"], _place(row), row["expectation"], f"{count(row['unexpected'])} of {count(row['elements'])}",
         ", ".join(row["withholds"]) or NONE]
        for row in quality["checks"]
    ]  # fmt: skip
    refused = [[row["source"], row["file"], row["reason"]] for row in quality["refused"]]
    reasons = [[row["source"], row["reason"], count(row["rows"])] for row in quality["quarantine"]]
    headings = ["Source", "Files", "Rows read", "Accepted", "Superseded", "Quarantined", "Files refused"]
    return [
        _table("Rows taken in, all deliveries", headings, range(1, 7), ingest, "No files were taken in."),
        _table("Checks that did not pass", ["Severity", "Where", "Expectation", "Rows", "Withholds"], [3], checks,
               "Every check passed."),
        _table("Refused files", ["Source", "File", "Reason"], [], refused, "No file was refused."),
        _table("Quarantined rows by reason", ["Source", "Reason", "Rows"], [2], reasons, "No row is in quarantine."),
    ]  # fmt: skip


def _table(title: str, headings: list[str], numeric: Sequence[int], rows: list[list[str]], empty: str) -> Table:
    left = len(rows) - MOST_SHOWN
    cut: list[list[Cell]] = [[_short(text) for text in row] for row in rows[:MOST_SHOWN]]
    more = f"{counted(left, 'further row', 'further rows')} in the workbook." if left > 0 else ""
    return table(title, headings, numeric, cut, empty, more)


def _place(check: Mapping[str, Any]) -> str:
    return ".".join(part for part in (check["layer"], check["table"], check["column"]) if part)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
