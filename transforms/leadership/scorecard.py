"""The scorecard as lines of text: one per KPI and statistic, and one more where this week is not settled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from transforms.insight.told import way_of
from transforms.leadership.changes import changes
from transforms.leadership.words import (
    NONE,
    UNITS,
    VERDICTS,
    count,
    figure,
    interval,
    signed,
    statistic_words,
    status_words,
    unit_of,
)

NOT_COMPARED = "not compared"
TARGET_WORDS = {"met": "met", "missed": "missed", "open": "unclear"}
SCORECARD_HEADINGS = [  # and what stands small below
    ["KPI", ""], ["Six weeks", ""], ["Value", "95% interval"], ["Week before", "change"], ["Year before", "change"],
    ["Month to date", "year before"], ["Quarter to date", "year before"], ["Year to date", "year before"],
    ["Target", "gap"], ["Verdict", "smallest visible change"], ["Status", "n"],
]  # fmt: skip
EXPLAINED = ("provisional", "low_n", "suppressed", "missing")  # by the key below the scorecard
SPANS = ("month_to_date", "quarter_to_date", "year_to_date")


class Line(TypedDict):
    """One line of the scorecard, as text."""

    label: str
    detail: str  # statistic and unit
    week: str
    sparkline: list[float | None]  # to draw; the newest last
    value: str
    interval: str
    n: str
    prior: str
    prior_change: str
    prior_year: str
    prior_year_change: str
    to_date: list[list[str]]  # month, quarter, year: value, the year before
    target: str
    target_words: str
    gap: str
    verdict: str
    verdict_icon: str
    verdict_words: str
    verdict_note: str
    status: str
    icon: str
    status_words: str
    note: str
    is_first: bool  # of its KPI


def scorecard_lines(payload: Mapping[str, Any]) -> list[Line]:
    """All lines of the scorecard, in its order."""
    units = display_units(payload)
    known = {entry["kpi"]: entry for entry in payload["definitions"]}
    ways = {row["kpi"]: direction(row, known[row["kpi"]]) for row in payload["signals"] if row["dimension"] == "all"}
    return [line for row in payload["scorecard"] for line in _lines(row, units, payload["week"], ways)]


def display_units(payload: Mapping[str, Any]) -> dict[str, str]:
    """KPI -> the unit its figures are read in, values and changes alike, one for the whole file."""
    return {entry["kpi"]: entry["read_in"] for entry in payload["definitions"]}


def stage_unit(payload: Mapping[str, Any]) -> str:
    """The unit that times of stages are read in: that of the duration they are parts of."""
    return next((str(entry["read_in"]) for entry in payload["definitions"] if entry["part_of"]), "hours")


def _lines(row: Mapping[str, Any], units: Mapping[str, str], week: str, ways: Mapping[str, str]) -> list[Line]:
    """The row's own line, and one for its latest settled week where this week is not settled."""
    unit = unit_of(units[row["kpi"]], row["statistic"])
    lines = [_line(row, unit, week, ways.get(row["kpi"], ""))]
    if row["final_week"] and row["final_week"] != week:
        lines.append(_final_line(row, unit))
    return lines


def _line(row: Mapping[str, Any], unit: str, week: str, way: str) -> Line:
    icon, words = status_words(row["status"])
    return {
        "label": row["label"],
        "detail": _detail(row, unit),
        "week": week,
        "sparkline": list(row["sparkline"]),
        "value": figure(row["value"], unit),
        "interval": interval(row["ci_low"], row["ci_high"], unit),
        "n": count(row["n"]),
        "prior": _compared(row, "prior", unit),
        "prior_year": _compared(row, "prior_year", unit),
        "to_date": [_to_date(row[span], unit) for span in SPANS],
        "target": figure(row["target"], unit),
        "target_words": TARGET_WORDS.get(row["target_status"], ""),
        **_changes(row, "", unit),
        **_verdict(row, unit, week, way),
        "status": row["status"],
        "icon": icon,
        "status_words": words,
        "note": (row["note"] or "") if row["status"] not in EXPLAINED else "",
        "is_first": row["is_headline"],
    }


def _final_line(row: Mapping[str, Any], unit: str) -> Line:
    icon, words = status_words("final")
    return {
        "label": "",
        "detail": f"latest final week, {row['final_week']}",
        "week": row["final_week"],
        "sparkline": [],
        "value": figure(row["final_value"], unit),
        "interval": interval(row["final_ci_low"], row["final_ci_high"], unit),
        "n": count(row["final_n"]),
        "prior": figure(row["final_prior_value"], unit),
        "prior_year": figure(row["final_prior_year_value"], unit),
        "to_date": [["", ""] for _ in SPANS],
        "target": figure(row["final_target"], unit),
        "target_words": TARGET_WORDS.get(row["final_target_status"], ""),
        **_changes(row, "final_", unit),
        "verdict": "",
        "verdict_icon": "",
        "verdict_words": "",
        "verdict_note": "",
        "status": "final",
        "icon": icon,
        "status_words": words,
        "note": "",
        "is_first": False,
    }


class _Changes(TypedDict):
    prior_change: str
    prior_year_change: str
    gap: str


class _Verdict(TypedDict):
    verdict: str
    verdict_icon: str
    verdict_words: str
    verdict_note: str


def _changes(row: Mapping[str, Any], which: str, unit: str) -> _Changes:
    found = {name: "" if value is None else signed(value, unit) for name, value in changes(row, which).items()}
    aside = NOT_COMPARED if not which and row["status"] == "provisional" else ""
    return {
        "prior_change": found["week_change"] or aside,
        "prior_year_change": found["year_change"] or aside,
        "gap": found["target_gap"],
    }


def _verdict(row: Mapping[str, Any], unit: str, week: str, way: str) -> _Verdict:
    """Symbol and word; then the week that was judged where it is another, which way it moved, and what could be seen.

    way: 'better' or 'worse'. A statistic beside the headline has no verdict of its own, unless it was judged.
    """
    judged, visible, verdict = row["verdict_week"], row["smallest_visible_change"], row["verdict"]
    if verdict == "cannot_tell" and not judged and not row["is_headline"]:
        return {"verdict": "", "verdict_icon": "", "verdict_words": "", "verdict_note": ""}
    icon, words, _ = VERDICTS.get(verdict, ("?", verdict, ""))
    notes = [
        f"in {judged}" if judged and judged != week else "",
        way if verdict in ("signal", "watch") else "",
        (row["verdict_reason"] or "") if verdict == "cannot_tell" else "",
        f"±{signed(visible, unit).removeprefix('+')}" if visible is not None else "",
    ]
    return {
        "verdict": verdict,
        "verdict_icon": icon,
        "verdict_words": words,
        "verdict_note": ", ".join(note for note in notes if note),
    }


def _to_date(span: Mapping[str, Any] | None, unit: str) -> list[str]:
    """The value, and that of as many days a year before."""
    if span is None:
        return ["", ""]
    before = span["prior_year_value"]
    return [figure(span["value"], unit), "" if before is None else figure(before, unit)]


def direction(signal: Mapping[str, Any], kpi: Mapping[str, Any]) -> str:
    """Whether the value of a signal lies on the good side of what was expected; '' where neither side is good."""
    if signal["value"] is None or signal["expected"] is None:
        return ""
    way = way_of(signal, kpi)
    return way if way in ("better", "worse") else ""


def _detail(row: Mapping[str, Any], unit: str) -> str:
    said = UNITS.get(unit, unit)
    return ", ".join(part for part in (statistic_words(row["statistic"]), "" if said in row["label"] else said) if part)


def _compared(row: Mapping[str, Any], which: str, unit: str) -> str:
    """An earlier value, unless this one is provisional: then the two must not be read side by side."""
    return NONE if row["status"] == "provisional" else figure(row[f"{which}_value"], unit)
