"""The figures that leave the house with a weekly file, for the ledger of published numbers."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from transforms.leadership.frames import Frames
from transforms.leadership.payload import iso
from transforms.leadership.records import Record, records, week_rows, weekly_rows, whole_number

PUBLISHED = "published.json"
_CARRIED = ("kpi", "statistic", "dimension", "dimension_value", "value", "ci_low", "ci_high")


def published_figures(frames: Frames, published_at: datetime) -> list[dict[str, Any]]:
    """Every figure with a value in the week's files: all rows of the week, and the totals of the weeks before it."""
    week = frames.week_rows["week"].max().date()
    rows = [row for row in weekly_rows(frames) if row["week"] < week] + week_rows(frames)
    (version,) = records(frames.version)
    return [_figure(row, published_at) | version for row in rows if row["value"] is not None]


def earlier_figures(folder: Path) -> list[dict[str, Any]]:
    """The figures that an earlier file of the same week left in its folder; the ledger may not have them yet."""
    path = folder / PUBLISHED
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else []


def _figure(row: Record, published_at: datetime) -> dict[str, Any]:
    return {
        "week": row["week"].isoformat(),
        **{name: row[name] for name in _CARRIED},
        "n": whole_number(row["n"]),
        "status": row["status"],
        "definition_version": row["definition_version"],
        "as_of": iso(row["as_of"]),
        "published_at": iso(published_at),
    }
