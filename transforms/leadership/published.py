"""The figures that leave the house with a weekly file, for the ledger of published numbers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from transforms.leadership.book import KEY, Book, add_issue
from transforms.leadership.frames import Frames
from transforms.leadership.payload import iso
from transforms.leadership.records import Record, records, week_rows, weekly_rows, whole_number

_CARRIED = (*KEY[1:], "value", "ci_low", "ci_high")


def published_figures(frames: Frames) -> list[dict[str, Any]]:
    """Every figure with a value in the week's files: all rows of the week, and the totals of the weeks before it."""
    week = frames.week_rows["week"].max().date()
    rows = [row for row in weekly_rows(frames) if row["week"] < week] + week_rows(frames)
    return [_figure(row) for row in rows if row["value"] is not None]


def with_issue(book: Book, frames: Frames, issue: int, published_at: datetime) -> Book:
    """The book of the week's folder with this issue of it."""
    (version,) = records(frames.version)
    entry = {"issue": issue, "published_at": iso(published_at), "as_of": iso(frames.as_of), **version}
    return add_issue(book, entry, published_figures(frames))


def _figure(row: Record) -> dict[str, Any]:
    return {
        "week": row["week"].isoformat(),
        **{name: row[name] for name in _CARRIED},
        "n": whole_number(row["n"]),
        "status": row["status"],
        "definition_version": row["definition_version"],
    }
