"""The scorecard as lines of text: one per KPI and statistic, and one more where this week is not settled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from transforms.leadership.words import (
    UNITS,
    count,
    display_unit,
    figure,
    interval,
    statistic_words,
    status_words,
    unit_of,
)

NOT_COMPARED = "not compared"
TARGET_WORDS = {"met": "met", "missed": "missed", "open": "within the interval"}
SCORECARD_HEADINGS = ["KPI", "Week", "Value", "95% interval", "n", "Week before", "Year before", "Target", "Status"]


class Line(TypedDict):
    """One line of the scorecard, as text."""

    label: str
    detail: str  # statistic and unit
    week: str
    value: str
    interval: str
    n: str
    prior: str
    prior_year: str
    target: str
    target_words: str
    status: str
    icon: str
    status_words: str
    note: str
    is_first: bool  # of its KPI


def scorecard_lines(payload: Mapping[str, Any]) -> list[Line]:
    """All lines of the scorecard, in its order."""
    units = display_units(payload)
    return [line for row in payload["scorecard"] for line in _lines(row, units, payload["week"])]


def display_units(payload: Mapping[str, Any]) -> dict[str, str]:
    """KPI -> the unit its values are read in, one for the whole file: hours, or days once they are long."""
    shown: dict[str, list[float | None]] = {}
    for row in payload["scorecard"]:
        if row["is_headline"]:
            shown.setdefault(row["kpi"], []).extend([row["value"], row["final_value"]])
    for series in payload["series"]:
        shown.setdefault(series["kpi"], []).extend(p["value"] for p in series["weeks"] + series["months"])
    return {entry["kpi"]: display_unit(entry["unit"], shown[entry["kpi"]]) for entry in payload["definitions"]}


def _lines(row: Mapping[str, Any], units: Mapping[str, str], week: str) -> list[Line]:
    """The row's own line, and one for its latest settled week where this week is not settled."""
    unit = unit_of(units[row["kpi"]], row["statistic"])
    lines = [_line(row, unit, week)]
    if row["final_week"] and row["final_week"] != week:
        lines.append(_final_line(row, unit))
    return lines


def _line(row: Mapping[str, Any], unit: str, week: str) -> Line:
    icon, words = status_words(row["status"])
    return {
        "label": row["label"],
        "detail": _detail(row, unit),
        "week": week,
        "value": figure(row["value"], unit),
        "interval": interval(row["ci_low"], row["ci_high"], unit),
        "n": count(row["n"]),
        "prior": _compared(row, "prior", unit),
        "prior_year": _compared(row, "prior_year", unit),
        "target": figure(row["target"], unit),
        "target_words": TARGET_WORDS.get(row["target_status"], ""),
        "status": row["status"],
        "icon": icon,
        "status_words": words,
        "note": row["note"] or "",
        "is_first": row["is_headline"],
    }


def _final_line(row: Mapping[str, Any], unit: str) -> Line:
    icon, words = status_words("final")
    return {
        "label": "",
        "detail": "latest final week",
        "week": row["final_week"],
        "value": figure(row["final_value"], unit),
        "interval": interval(row["final_ci_low"], row["final_ci_high"], unit),
        "n": count(row["final_n"]),
        "prior": figure(row["final_prior_value"], unit),
        "prior_year": figure(row["final_prior_year_value"], unit),
        "target": figure(row["final_target"], unit),
        "target_words": TARGET_WORDS.get(row["final_target_status"], ""),
        "status": "final",
        "icon": icon,
        "status_words": words,
        "note": "",
        "is_first": False,
    }


def _detail(row: Mapping[str, Any], unit: str) -> str:
    said = UNITS.get(unit, unit)
    return ", ".join(part for part in (statistic_words(row["statistic"]), "" if said in row["label"] else said) if part)


def _compared(row: Mapping[str, Any], which: str, unit: str) -> str:
    """An earlier value, unless this one is provisional: then the two must not be read side by side."""
    return NOT_COMPARED if row["status"] == "provisional" else figure(row[f"{which}_value"], unit)
