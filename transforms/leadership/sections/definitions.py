"""What each KPI means, as its file declares it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from transforms.insight.signals import MIX
from transforms.leadership.words import NONE, UNITS, worded


class Entry(TypedDict):
    """One KPI's definition, as text."""

    label: str
    kpi: str
    question: str
    facts: list[list[str]]
    definition: str


def definitions(payload: Mapping[str, Any], units: Mapping[str, str]) -> list[Entry]:
    """All definitions, in the order of the catalogue."""
    return [_entry(entry, units[entry["kpi"]]) for entry in payload["definitions"]]


def _entry(entry: Mapping[str, Any], unit: str) -> Entry:
    """The entry as text."""
    window = f"{entry['window_days']} days after the week" if entry["window_days"] else "the end of the week"
    better = "" if entry["kind"] == MIX else f"; {entry['better']} is better"
    facts = [
        ["Measured as", f"{entry['kind'].replace('_', ' ')}, {UNITS.get(unit, unit)}{better}"],
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
