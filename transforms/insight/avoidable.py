"""Contacts avoidable if a stage of a refund met its target: the rate of the days past it, times these days.

The rate is that of the late days themselves, so that the estimate is the contacts they drew; its interval is the rate's,
times the days. An association: it is taken that without these days their contacts would not have been made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Record = dict[str, Any]
SECONDS_IN_DAY = 86_400
ALL = "all"


def avoidable(
    rows: Iterable[Mapping[str, Any]], targets: Mapping[str, float], owners: Mapping[str, str]
) -> list[Record]:
    """One row per stage, most contacts first, then all stages together (stage 'all').

    rows: a week of kpi_weekly of the contacts per day past a stage's target, of all and by stage: value per day, numerator
    in contacts, denominator in seconds. A figure that may not be shown is None, and so is what is made of it.
    """
    found = [_row(row, targets, owners) for row in rows]
    return sorted(found, key=lambda row: (row["stage"] == ALL, -(row["contacts"] or 0), row["stage"]))


def _row(row: Mapping[str, Any], targets: Mapping[str, float], owners: Mapping[str, str]) -> Record:
    stage = row["dimension_value"]
    days = None if row["denominator"] is None else row["denominator"] / SECONDS_IN_DAY
    low, high = (
        None if row[end] is None or days is None else max(row[end], 0.0) * days for end in ("ci_low", "ci_high")
    )
    return {
        "kpi": row["kpi"],
        "stage": stage,
        "clock_owner": owners.get(stage),
        "target_hours": targets.get(stage),
        "contacts": row["numerator"],
        "contacts_low": low,
        "contacts_high": high,
        "late_days": days,
        "value": row["value"],
        "ci_low": row["ci_low"],
        "ci_high": row["ci_high"],
        "n": row["n"],
        "status": row["status"],
    }
