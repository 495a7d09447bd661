"""What moved, what is only watched, and why it moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from transforms.insight.brief import ruled_out
from transforms.insight.recommend import step_words
from transforms.insight.told import is_gap, is_unexplained, place_of
from transforms.insight.untold import unnamed_words
from transforms.leadership.scorecard import direction
from transforms.leadership.sections.tables import Table, is_examined, label_of, nothing, read_in, table
from transforms.leadership.words import (
    NONE,
    count,
    figure,
    interval,
    listed,
    place_words,
    signed,
    signed_interval,
    statistic_words,
)
from transforms.models import HORIZONS

PARTS = {"rate": "its level changed", "mix": "its share of the cases changed", "slice": "it moved"}
MOST_SIGNALS, MOST_WATCHED = 12, 8
HEADINGS = ["What", "Week", "Value", "Expected", "Limits", "n", "Rule", "Smallest visible change"]

Row = Mapping[str, Any]


def moved_tables(payload: Row, units: Mapping[str, str]) -> list[Table]:
    """Signals, and what is only watched."""
    rows = payload["signals"]
    signals = [row for row in rows if row["verdict"] == "signal"]
    watched = [row for row in rows if row["verdict"] == "watch"]
    quiet = f"Nothing {'that can be named here ' if payload['unnamed'] else ''}moved beyond ordinary variation."
    empty = nothing(payload, "signals", "What moved was", quiet)
    tables = [_signals("Signals", signals, payload, units, empty, MOST_SIGNALS)]
    if watched:
        tables.append(_signals("Watched, not sure yet", watched, payload, units, "", MOST_WATCHED))
    return tables


def _signals(title: str, rows: Sequence[Row], payload: Row, units: Mapping[str, str], empty: str, most: int) -> Table:
    more = f"{len(rows) - most} more in the workbook." if len(rows) > most else ""
    return table(title, HEADINGS, (2, 3, 4, 5, 7), [_signal(row, payload, units) for row in rows[:most]], empty, more)


def _signal(row: Row, payload: Row, units: Mapping[str, str]) -> list[Any]:
    unit = read_in(units, row)
    entry = next(entry for entry in payload["definitions"] if entry["kpi"] == row["kpi"])
    return [
        [name_of(row, payload), place_words(place_of(row))],
        row["week"],
        [figure(row["value"], unit), direction(row, entry)],
        figure(row["expected"], unit),
        interval(row["limit_low"], row["limit_high"], unit),
        count(row["n"]),
        row["rule"] or NONE,
        f"±{signed(row['smallest_visible_change'], unit).removeprefix('+')}"
        if row["smallest_visible_change"] is not None
        else NONE,
    ]


def name_of(row: Row, payload: Row) -> str:
    """'NPS', 'Refund cycle time, mean over 30 days'."""
    detail = statistic_words(row.get("statistic", "value"))
    return label_of(payload, row["kpi"]) + (f", {detail}" if detail else "")


def causes_table(payload: Row, units: Mapping[str, str]) -> Table:
    """The causes of each KPI that moved, ranked, with their part of the move."""
    causes = sorted(payload["causes"], key=lambda row: (_order(payload, row["kpi"]), row["rank"]))
    rows = [_cause(row, payload, units) for row in causes]
    headings = ["KPI", "Rank", "Where", "What changed there", "Part of the move", "95% interval"]
    empty = nothing(payload, "causes", "Why something moved was", no_cause(payload))
    return table("Causes", headings, (4, 5), rows, empty)


def no_cause(payload: Row) -> str:
    """What is said where no cause is told."""
    return "No cause that can be named here was found." if payload["unnamed"] else "No cause was found."


def _order(payload: Row, kpi: str) -> int:
    moved = [row["kpi"] for row in payload["signals"]]
    return moved.index(kpi) if kpi in moved else len(moved)


def _cause(row: Row, payload: Row, units: Mapping[str, str]) -> list[Any]:
    unit = read_in(units, row)
    stage = f"step {row['stage']} {step_words(row['contribution'])}"
    return [
        [label_of(payload, row["kpi"]), _when(row)],
        str(row["rank"]),
        place_words(row["where"]),
        stage if row["part"] == "stage" else PARTS.get(row["part"], row["part"]),
        signed(row["contribution"], unit),
        signed_interval(row["ci_low"], row["ci_high"], unit),
    ]


def _when(row: Row) -> str:
    """'2026-W47'; of a duration before it is settled '2026-W45, first 14 days'."""
    days = row.get("within_days")
    return (row.get("week") or "") + (f", first {days} days" if days and days != max(HORIZONS) else "")


def cause_notes(payload: Row) -> list[str]:
    """What cannot be named, what was ruled out, and which moves nothing explains."""
    causes = payload["causes"]
    known, told = {row["kpi"]: row for row in payload["definitions"]}, _kpis([*causes, *payload["unnamed"]])
    notes = unnamed_words(payload["unnamed"], known)
    for kpi in _kpis(causes):
        ruled = dict.fromkeys(text for row in causes if row["kpi"] == kpi for text in ruled_out(row))
        if ruled:
            notes.append(f"Ruled out for {label_of(payload, kpi)}: {listed(ruled)}.")
    moved = _kpis(row for row in payload["signals"] if row["verdict"] == "signal" and not is_gap(row))
    bare = [label_of(payload, kpi) for kpi in moved if is_unexplained(known[kpi], told)]
    if bare and is_examined(payload, "causes"):
        notes.append(f"No single cause explains the move of {listed(bare)}.")
    return notes


def _kpis(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(row["kpi"] for row in rows))
