"""How many contacts would be avoided if each stage of a refund met its target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transforms.insight.avoidable import ALL, avoidable
from transforms.leadership.frames import Frames
from transforms.leadership.records import Record, records, week_rows
from transforms.leadership.scorecard import stage_unit
from transforms.leadership.sections.tables import Table, is_examined, table
from transforms.leadership.words import NONE, count, figure, interval, listed
from transforms.models import PAIR

DIMENSION, OWNER = "late_stage", "clock_owner"
AVOIDABLE = [
    "stage", "clock_owner", "target_hours", "contacts", "contacts_low", "contacts_high", "late_days", "unit", "value",
    "ci_low", "ci_high", "n", "status", "kpi",
]  # fmt: skip
NO_TARGETS = "No stage has a target in the settings (stage_targets): what meeting one would save is not known."
CAVEAT = (
    "Contacts made on days on which a stage was past its target. Had it met its target there would be none of these days;"
    " it is taken that there would be none of these contacts either. An association: who waits long may have other reasons to ask, and some would have asked anyway."
)


def avoidable_rows(frames: Frames) -> list[Record] | None:
    """The rows of the payload, as far as its readers may see them; None where no stage has a target."""
    kpis = {row["kpi"] for row in records(frames.catalogue) if DIMENSION in row["dimensions"]}
    if not kpis or frames.stage_targets is None:
        return None
    targets = {row["stage"]: row["target_hours"] for row in records(frames.stage_targets)}
    own = [row for row in week_rows(frames) if row["kpi"] in kpis and row["statistic"] == "value"]
    shown = [
        row for row in own if row["dimension"] in (ALL, DIMENSION) and (row["n"] != 0 or row["status"] == "withheld")
    ]
    return avoidable(shown, targets, _owners(frames, kpis))


def _owners(frames: Frames, kpis: set[str]) -> dict[str, str]:
    """stage -> on whose clock it is, from the names of the groups."""
    rows, found = frames.week_rows, dict[str, list[str]]()
    is_own = (
        rows["kpi"].isin(kpis) & (rows["dimension"] == PAIR.join((OWNER, DIMENSION))) & (rows["statistic"] == "value")
    )
    for pair in rows.loc[is_own, "dimension_value"]:
        owner, stage = pair.split(PAIR)
        found.setdefault(stage, []).append(owner)
    return {stage: listed(sorted(owners)) for stage, owners in found.items()}


def avoidable_table(payload: Mapping[str, Any]) -> Table:
    """Stage by stage: its target, the days past it, what contacts they drew."""
    headings = ["Stage, clock", "Target", "Days past it", "Contacts per such day", "Contacts avoidable"]
    rows = [_row(row, stage_unit(payload)) for row in payload["avoidable"]]
    return table("Contacts avoidable if a stage met its target", headings, (1, 2, 3, 4), rows, none_avoidable(payload))


def none_avoidable(payload: Mapping[str, Any]) -> str:
    """What is said in place of the table."""
    return "No stage was past its target in the week." if is_examined(payload, "avoidable") else NO_TARGETS


def _row(row: Mapping[str, Any], unit: str) -> list[Any]:
    is_whole = row["stage"] == ALL
    around = interval(row["contacts_low"], row["contacts_high"], "points").replace(NONE, "")
    return [
        "all stages" if is_whole else [row["stage"], row["clock_owner"] or ""],
        "" if is_whole else figure(row["target_hours"], unit),
        [
            NONE if row["late_days"] is None else f"{row['late_days']:,.1f}",
            f"{count(row['n'])} cases" if row["n"] else "",
        ],
        [figure(row["value"], "per_day"), interval(row["ci_low"], row["ci_high"], "per_day").replace(NONE, "")],
        [count(row["contacts"]), around],
    ]
