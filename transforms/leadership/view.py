"""The payload in words: what the page and the printed file say, in the same words and the same numbers.

Everything is text here; the templates only lay it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal, TypedDict

from transforms.leadership.headlines import FOR_ANALYSTS, headlines
from transforms.leadership.quality_tables import quality_tables
from transforms.leadership.scorecard import SCORECARD_HEADINGS, Line, display_units, scorecard_lines
from transforms.leadership.sections.avoided import CAVEAT, avoidable_table
from transforms.leadership.sections.decisions import Decision, actions_table, decisions, no_decisions
from transforms.leadership.sections.definitions import Entry, definitions
from transforms.leadership.sections.moved import cause_notes, causes_table, moved_tables
from transforms.leadership.sections.tables import Table
from transforms.leadership.sections.trust import Trust, trust_strip, trust_tables
from transforms.leadership.sections.voices import VoiceText, drivers_table, escalations_table, voice_text
from transforms.leadership.words import STATUS_MEANINGS, STATUSES, VERDICTS, days_of_week, moment


class View(TypedDict):
    """All text of the page and the printed file, in the order a leader reads it."""

    title: str
    week: str
    days: str
    as_of: str
    warning: str
    trust: Trust
    brief: list[str]
    decisions: list[Decision]
    no_decisions: str
    actions: Table
    headings: list[list[str]]
    scorecard: list[Line]
    statuses: list[list[str]]
    verdicts: list[list[str]]
    moved: list[Table]
    causes: Table
    cause_notes: list[str]
    avoidable: Table
    avoidable_note: str
    voice: VoiceText
    drivers: Table
    escalations: Table
    escalations_sql: str
    definitions: list[Entry]
    quality: list[Table]


def build_view(payload: Mapping[str, Any]) -> View:
    """The view of a payload; every number in it is one of the payload's, rounded for reading."""
    units = display_units(payload)
    lines = scorecard_lines(payload)
    return {
        "title": "Returns and refunds: customer experience",
        "week": payload["week"],
        "days": days_of_week(date.fromisoformat(payload["monday"])),
        "as_of": moment(datetime.fromisoformat(payload["as_of"])),
        "warning": FOR_ANALYSTS if payload["audience"] == "analysts" else "",
        "trust": trust_strip(payload, units),
        "brief": brief_sentences(payload),
        "decisions": decisions(payload, units),
        "no_decisions": no_decisions(payload),
        "actions": actions_table(payload, units),
        "headings": SCORECARD_HEADINGS,
        "scorecard": lines,
        "statuses": [[*STATUSES[name], STATUS_MEANINGS[name]] for name in STATUSES if name in _used(lines, "status")],
        "verdicts": [list(words) for name, words in VERDICTS.items() if name in _used(lines, "verdict")],
        "moved": moved_tables(payload, units),
        "causes": causes_table(payload, units),
        "cause_notes": cause_notes(payload),
        "avoidable": avoidable_table(payload),
        "avoidable_note": CAVEAT if payload["avoidable"] else "",
        "voice": voice_text(payload),
        "drivers": drivers_table(payload),
        "escalations": escalations_table(payload),
        "escalations_sql": (payload["escalations"] or {}).get("sql", ""),
        "definitions": definitions(payload, units),
        "quality": [*trust_tables(payload, units), *quality_tables(payload["data_quality"])],
    }


def _used(lines: list[Line], name: Literal["status", "verdict"]) -> set[str]:
    return {line[name] for line in lines}


def brief_sentences(payload: Mapping[str, Any]) -> list[str]:
    """The brief; of a payload without one, what can be said of statuses and targets."""
    return list(payload.get("brief") or [said for said in headlines(payload) if said != FOR_ANALYSTS])
