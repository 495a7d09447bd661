"""The payload in words: what the page and the printed file say, in the same words and the same numbers.

Everything is text here; the templates only lay it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypedDict

from transforms.leadership.headlines import headlines
from transforms.leadership.quality_tables import Table, quality_tables
from transforms.leadership.scorecard import SCORECARD_HEADINGS, Line, display_units, scorecard_lines
from transforms.leadership.words import (
    NONE,
    STATUS_MEANINGS,
    STATUSES,
    UNITS,
    counted,
    days_of_week,
    lag,
    listed,
    moment,
    worded,
)


class Entry(TypedDict):
    """One KPI's definition, as text."""

    label: str
    kpi: str
    question: str
    facts: list[list[str]]
    definition: str


class View(TypedDict):
    """All text of the page and the printed file."""

    title: str
    week: str
    days: str
    as_of: str
    headlines: list[str]
    sources: list[list[str]]
    checks: str
    withheld: list[list[str]]
    headings: list[str]
    scorecard: list[Line]
    statuses: list[list[str]]
    quality: list[Table]
    definitions: list[Entry]


def build_view(payload: Mapping[str, Any]) -> View:
    """All text of the page and the printed file."""
    labels = {entry["kpi"]: entry["label"] for entry in payload["definitions"]}
    units = display_units(payload)
    return {
        "title": "Returns and refunds: customer experience",
        "week": payload["week"],
        "days": days_of_week(date.fromisoformat(payload["monday"])),
        "as_of": moment(datetime.fromisoformat(payload["as_of"])),
        "headlines": headlines(payload),
        "sources": [_source(source) for source in payload["trust"]["sources"]],
        "checks": _checks(payload["trust"]["checks"]),
        "withheld": [
            [labels.get(row["kpi"], row["kpi"]), where_words(row["where"]), row["reason"]]
            for row in payload["trust"]["withheld"]
        ],
        "headings": SCORECARD_HEADINGS,
        "scorecard": scorecard_lines(payload),
        "statuses": [[*STATUSES[status], STATUS_MEANINGS[status]] for status in STATUSES],
        "quality": quality_tables(payload["data_quality"]),
        "definitions": [_entry(entry, units[entry["kpi"]]) for entry in payload["definitions"]],
    }


def where_words(where: Mapping[str, str]) -> str:
    """{'market': 'VN'} is 'market VN'; {} is 'everything'."""
    return ", ".join(f"{dimension} {value}" for dimension, value in where.items()) or "everything"


def _source(source: Mapping[str, Any]) -> list[str]:
    latest = moment(datetime.fromisoformat(source["latest"])) if source["latest"] else NONE
    words = "newest record" if source["latest_is"] == "record" else "newest file taken in"
    age = lag(source["lag_hours"]) if source["lag_hours"] is not None else "age not known,"
    return [source["source"], f"{words} {latest}", age]


def _checks(checks: Mapping[str, Any]) -> str:
    total = checks["passed"] + checks["failed"]
    if not total:
        return "No checks were recorded."
    kinds = (
        listed(f"{number} {severity}" for severity, number in checks["failed_by_severity"].items())
        if checks["failed"]
        else ""
    )
    failed = f"{checks['failed']} failed ({kinds})" if kinds else "none failed"
    return f"{checks['passed']:,} of {counted(total, 'check', 'checks')} passed, {failed}."


def _entry(entry: Mapping[str, Any], unit: str) -> Entry:
    window = f"{entry['window_days']} days after the week" if entry["window_days"] else "the end of the week"
    better = "higher is better" if entry["better"] == "higher" else "lower is better"
    facts = [
        ["Measured as", f"{entry['kind'].replace('_', ' ')}, {UNITS.get(unit, unit)}; {better}"],
        ["Counted", f"{entry['grain']} ({entry['anchor']})"],
        ["Settled", window],
        ["Target", worded(entry["target"], unit) if entry["target"] is not None else "none"],
        ["Split by", ", ".join(entry["dimensions"]) or NONE],
        ["Sources", ", ".join(entry["sources"]) or NONE],
        ["Owner", f"{entry['owner']}; version {entry['definition_version']}"],
        ["Changes", "; ".join(entry["changes"]) or NONE],
    ]
    return {
        "label": entry["label"],
        "kpi": entry["kpi"],
        "question": entry["question"],
        "facts": facts,
        "definition": entry["definition"] or "",
    }
