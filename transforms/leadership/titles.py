"""The message above each chart: what its newest settled value is, and whether that is more than ordinary variation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transforms.leadership.words import UNITS, statistic_words, status_words, worded

Row = Mapping[str, Any]


def chart_title(series: Row, payload: Row, unit: str) -> str:
    """'NPS: 41.2 points, above its limits, week 2026-W47'."""
    row = next(r for r in payload["scorecard"] if r["kpi"] == series["kpi"] and r["is_headline"])
    detail = f" ({statistic_words(series['statistic'])})" if series["statistic"] != "value" else ""
    name = f"{series['label']}{detail}"
    verb = "has" if row["status"] in ("low_n", "missing") else "is"
    latest = f"{payload['week']} {verb} {status_words(row['status'])[1]}"
    if row["status"] == "final":
        return (
            f"{name}: {_said(row['value'], unit, name)}{_judged(row, series, payload['week'])}, week {payload['week']}"
        )
    if row["value"] is not None:
        latest += f", {_said(row['value'], unit, name)}"
    if row["final_week"] is None:
        return f"{name}: no final week in the last year; {latest}"
    judged = _judged(row, series, row["final_week"])
    return f"{name}: {_said(row['final_value'], unit, name)}{judged}, last final week {row['final_week']}; {latest}"


def _judged(row: Row, series: Row, week: str) -> str:
    """The verdict on that very week, in words; '' where it was not judged."""
    limits = series["limits"] or {}
    low, high, value = limits.get("low"), limits.get("high"), row["final_value"]
    if row["verdict_week"] != week or row["verdict"] == "cannot_tell":
        return ""
    if high is not None and value > high:
        return ", above its limits"
    if low is not None and value < low:
        return ", below its limits"
    if row["verdict"] == "noise":
        return ", within its limits" if limits else ", ordinary variation"
    reason = f" ({row['verdict_reason']})" if row["verdict_reason"] else ""
    return f", {'moved' if row['verdict'] == 'signal' else 'to be watched'}{reason}"


def _said(value: float | None, unit: str, name: str) -> str:
    """The value with its unit, unless the KPI's name has said it."""
    words = worded(value, unit)
    return words.removesuffix(" " + UNITS[unit]) if UNITS.get(unit, "\0") in name else words


def stage_title(rows: Sequence[Row], total: float, unit: str) -> str:
    """'Mean refund time: 6.2 days; the longest part is inspect, 2.1 days (warehouse)'."""
    longest = max(rows, key=lambda row: row["hours"] or 0.0)
    part = f"{longest['stage']}, {worded(longest['hours'], unit)} ({longest['clock_owner']})"
    return f"Mean refund time: {worded(total, unit)}; the longest part is {part}"


def group_title(rows: Sequence[Row], payload: Row, unit: str, by: str) -> str:
    """'Contacts per 1,000 orders by reason: most often refund status, 14.2'."""
    label = next((entry["label"] for entry in payload["definitions"] if entry["kpi"] == rows[0]["kpi"]), rows[0]["kpi"])
    known = [row for row in rows if row["value"] is not None]
    if not known:
        return f"{label} by {by}"
    most = max(known, key=lambda row: row["value"])
    most_named = str(most["dimension_value"]).replace("_", " ")
    return f"{label} by {by}: most often {most_named}, {_said(most['value'], unit, label)}"
