"""The decisions asked, and the verdicts on earlier actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from transforms.insight.together import effects_of
from transforms.leadership.sections.tables import Table, label_of, nothing, read_in, table
from transforms.leadership.words import (
    ACTION_VERDICTS,
    NONE,
    day_words,
    listed,
    place_words,
    signed,
    signed_interval,
    size_words,
)

MOST_REFUSED = 3  # of the ledger's lines that could not be read

Row = Mapping[str, Any]


class Decision(TypedDict):
    """One decision asked, as text."""

    what: str
    because: str
    facts: list[list[str]]  # name, text
    ledger_row: str  # empty once it is taken up


def decisions(payload: Row, units: Mapping[str, str]) -> list[Decision]:
    """The proposed actions in the order given; those already taken up say so."""
    return [_decision(row, payload, units) for row in payload["recommendations"]]


def no_decisions(payload: Row) -> str:
    """What is said where no decision is asked."""
    return nothing(payload, "recommendations", "What to do was", "No decision is asked this week.")


def _decision(row: Row, payload: Row, units: Mapping[str, str]) -> Decision:
    asked = row["status"] == "proposed"
    return {
        "what": row["what"],
        "because": "; ".join(effect["because"] for effect in effects_of(row)),
        "facts": [
            ["Owner", row["owner"]],
            ["Decide by" if asked else "Status", day_words(row["decide_by"]) if asked else row["status"]],
            ["At stake", listed(size_words(effect["size"]) for effect in effects_of(row) if effect["size"])],
            ["Expected effect if put right", "; ".join(_effect(effect, payload, units) for effect in effects_of(row))],
        ],
        "ledger_row": row["ledger_row"] if asked else "",
    }


def _effect(row: Row, payload: Row, units: Mapping[str, str]) -> str:
    effect = row["expected_effect"]
    if effect is None:
        return "none promised"
    unit = read_in(units, {"kpi": row["kpi"], "unit": effect["unit"]})
    said = f"{label_of(payload, row['kpi'])} {signed(effect['value'], unit)}"
    around = signed_interval(effect["ci_low"], effect["ci_high"], unit)
    return said if around == NONE else f"{said} (95% interval {around})"


def actions_table(payload: Row, units: Mapping[str, str]) -> Table:
    """Earlier actions with their measured effect and verdict."""
    rows = [_action(row, payload, units) for row in payload["actions"]]
    headings = ["Verdict", "Action", "Owner", "Status", "Measured effect", "How it was judged"]
    empty = nothing(payload, "actions", "Earlier actions were", "The ledger holds no earlier action.")
    refused = payload["ledger_refused"]
    more = f"Not read of the ledger: {'; '.join(refused[:MOST_REFUSED])}" if refused else ""
    more += f"; and {len(refused) - MOST_REFUSED} more" if len(refused) > MOST_REFUSED else ""
    said = f"The ledger holds no action that could be read. {more}." if refused else empty
    return table("Earlier actions", headings, (4,), rows, said, f"{more}." if more else "")


def _action(row: Row, payload: Row, units: Mapping[str, str]) -> list[Any]:
    unit = read_in(units, row)
    symbol, words = ACTION_VERDICTS.get(row["verdict"], ("?", row["verdict"]))
    weeks = row.get("weeks_after")
    method = "; ".join(
        part for part in ((row.get("method") or "").replace("_", " "), f"{weeks} weeks after" if weeks else "") if part
    )
    return [
        f"{symbol} {words}",
        [row["what"], f"{label_of(payload, row['kpi'])}, {place_words(row['where'])}"],
        row["owner"],
        [row["status"], f"since {day_words(row['started'])}" if row["started"] else ""],
        [signed(row["effect"], unit), signed_interval(row["ci_low"], row["ci_high"], unit).replace(NONE, "")],
        [row["because"], method],
    ]
