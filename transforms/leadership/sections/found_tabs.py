"""The workbook's tabs of what was found: one row per finding, numbers as numbers in the units of kpi_weekly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from transforms.insight.together import effects_of
from transforms.leadership.sections.avoided import AVOIDABLE, none_avoidable
from transforms.leadership.sections.moved import no_cause
from transforms.leadership.sections.tables import label_of, nothing
from transforms.leadership.words import place_words, statistic_words

SIGNALS = [
    "label", "kpi", "statistic", "reads", "dimension", "dimension_value", "week", "verdict", "unit", "value", "ci_low",
    "ci_high", "expected", "limit_low", "limit_high", "n", "rule", "smallest_visible_change",
]  # fmt: skip
CAUSES = [
    "label", "kpi", "rank", "where", "part", "stage", "unit", "contribution", "ci_low", "ci_high", "week", "within_days",
    "ruled_out",
]  # fmt: skip
RECOMMENDATIONS = [
    "what", "owner", "decide_by", "status", "label", "kpi", "where", "part", "stage", "because", "size", "size_unit",
    "size_per", "unit", "effect", "effect_low", "effect_high", "id", "ledger_row",
]  # fmt: skip
ACTIONS = [
    "what", "verdict", "label", "kpi", "where", "owner", "status", "started", "unit", "effect", "ci_low", "ci_high",
    "weeks_after", "method", "because", "id",
]  # fmt: skip
THEMES = [
    "label", "tone", "n", "share", "share_low", "share_high", "change", "change_low", "change_high", "nps_points",
    "nps_low", "nps_high", "id",
]  # fmt: skip
QUOTES = ["comment", "theme", "survey_type", "score", "language", "market"]
WORDS = ["term", "n", "n_before", "z"]
DRIVERS = [
    "label", "exposed", "unexposed", "share", "difference", "difference_low", "difference_high", "points", "points_low",
    "points_high", "caveats", "id",
]  # fmt: skip
ESCALATIONS = [
    "rank", "return_id", "market", "carrier", "waits_for", "waiting_days", "sla_days", "contacts", "nps_class",
    "order_value", "currency", "impact", "reasons",
]  # fmt: skip
STAGES = ["stage", "clock_owner", "unit", "value", "before_value"]
GROUPS = ["label", "kpi", "group", "unit", "value", "prior_year_value", "numerator", "n", "status"]
RESTATED = ["week", "label", "kpi", "statistic", "unit", "old", "new", "reason"]

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Tab:
    """One sheet: a heading row and records; `columns` gives their order, `empty` is said where there is no record."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    empty: str = ""


def found_tabs(payload: Row) -> list[Tab]:
    """The tabs from the brief to the cases, in the order of the page."""
    voice = payload["voice"] or {}
    cases = (payload["escalations"] or {}).get("shown", [])
    words = {
        "signals": nothing(payload, "signals", "What moved was", "Nothing moved beyond ordinary variation."),
        "causes": nothing(payload, "causes", "Why something moved was", no_cause(payload)),
        "recommendations": nothing(payload, "recommendations", "What to do was", "No decision is asked this week."),
        "actions": nothing(payload, "actions", "Earlier actions were", "The ledger holds no earlier action."),
        "voice": nothing(payload, "voice", "Comments were", "Nothing was found in the comments of the week."),
        "drivers": nothing(payload, "drivers", "What drives the NPS was", "No friction could be tied to the NPS."),
        "escalations": nothing(payload, "escalations", "Open cases were", "No open case is past what was agreed."),
        "stages": nothing(payload, "stages", "Stages were", "The refund time did not move."),
        "restated": nothing(payload, "restated", "Restatements were", "No published figure has changed."),
    }
    return [
        Tab("Signals", SIGNALS, [_signal(row, payload) for row in payload["signals"]], words["signals"]),
        Tab("Causes", CAUSES, [_cause(row, payload) for row in payload["causes"]], words["causes"]),
        Tab("Recommendations", RECOMMENDATIONS, [
            _proposal({**row, **effect}, payload) for row in payload["recommendations"] for effect in effects_of(row)
        ], words["recommendations"]),
        Tab("Actions", ACTIONS, [_action(row, payload) for row in payload["actions"]], words["actions"]),
        Tab("Themes", THEMES, voice.get("themes", []), words["voice"]),
        Tab("Quotes", QUOTES, voice.get("quotes", []), words["voice"]),
        Tab("New words", WORDS, voice.get("words", []), words["voice"]),
        Tab("Drivers", DRIVERS, [_joined(row, "caveats") for row in payload["drivers"]], words["drivers"]),
        Tab("Escalations", ESCALATIONS, [_joined(row, "reasons") for row in cases], words["escalations"]),
        Tab("Refund stages", STAGES, [_stage(row) for row in payload["stages"]], words["stages"]),
        Tab("Groups", GROUPS, list(_groups(payload)), "No open late refund and no contact was counted."),
        Tab("Avoidable contacts", AVOIDABLE, [dict(row) | {"unit": "per_day"} for row in payload["avoidable"]],
            none_avoidable(payload)),
        Tab("Restated", RESTATED, [_restated(row, payload) for row in payload["trust"]["restated"]], words["restated"]),
    ]  # fmt: skip


def _named(row: Row, payload: Row) -> dict[str, Any]:
    where = {"where": place_words(row["where"])} if "where" in row else {}
    return dict(row) | {"label": label_of(payload, row["kpi"])} | where


def _signal(row: Row, payload: Row) -> Row:
    return _named(row, payload) | {"reads": statistic_words(row["statistic"])}


def _cause(row: Row, payload: Row) -> Row:
    return _named(_joined(row, "ruled_out"), payload)


def _proposal(row: Row, payload: Row) -> Row:
    size, effect = row["size"] or {}, row["expected_effect"] or {}
    return _named(row, payload) | {
        "decide_by": date.fromisoformat(row["decide_by"]) if row["decide_by"] else None,
        "size": size.get("value"), "size_unit": size.get("unit"), "size_per": size.get("per"), "unit": effect.get("unit"),
        "effect": effect.get("value"), "effect_low": effect.get("ci_low"), "effect_high": effect.get("ci_high"),
    }  # fmt: skip


def _action(row: Row, payload: Row) -> Row:
    started = date.fromisoformat(row["started"]) if row["started"] else None
    return _named(row, payload) | {"started": started}


def _stage(row: Row) -> Row:
    return dict(row) | {"unit": "hours", "value": row["hours"], "before_value": row["before_hours"]}


def _groups(payload: Row) -> Iterable[Row]:
    units = {entry["kpi"]: entry["unit"] for entry in payload["definitions"]}
    for row in [*payload["ageing"], *payload["contact_reasons"]]:
        yield _named(row, payload) | {"group": row["dimension_value"], "unit": units.get(row["kpi"])}


def _restated(row: Row, payload: Row) -> Row:
    units = {entry["kpi"]: entry["unit"] for entry in payload["definitions"]}
    return _named(row, payload) | {"unit": units.get(row["kpi"])}


def _joined(row: Row, name: str) -> dict[str, Any]:
    """The row with a list as one text."""
    return dict(row) | {name: "; ".join(map(str, row[name] or []))}
