"""What customers say (themes, quotes, new words), what costs points, and the cases to look at now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from transforms.leadership.disclosure import SMALLEST_SHOWN
from transforms.leadership.sections.tables import Table, nothing, table
from transforms.leadership.words import NONE, count, counted, figure, interval, signed, signed_interval

MOST_THEMES, MOST_QUOTES, MOST_WORDS, MOST_CASES = 8, 5, 10, 20
SHARE, POINTS = "share", "points"

Row = Mapping[str, Any]


class QuoteText(TypedDict):
    """One redacted comment and who said it, as far as that may be told."""

    text: str
    by: str


class VoiceText(TypedDict):
    """The comments of the week."""

    said: str
    themes: Table
    words: str
    quotes: list[QuoteText]


def voice_text(payload: Row) -> VoiceText:
    """Themes with their share, quotes and new words."""
    voice = payload["voice"] or {}
    themes = voice.get("themes", [])[:MOST_THEMES]
    labels = {row["id"]: row["label"] for row in voice.get("themes", [])}
    left = len(voice.get("themes", [])) - MOST_THEMES
    empty = nothing(payload, "voice", "Comments were", "No comment of the week names a theme.")
    headings = ["Theme", "Tone", "Comments", "Share", "Against the weeks before", "NPS points"]
    return {
        "said": _said(voice) if voice else "",
        "themes": table("Themes", headings, (2, 3, 4, 5), [_theme(row) for row in themes], empty,
                        f"{left} more in the workbook." if left > 0 else ""),
        "words": "; ".join(_word(row) for row in voice.get("words", [])[:MOST_WORDS]),
        "quotes": [{"text": row["comment"], "by": _by(row, labels)} for row in voice.get("quotes", [])[:MOST_QUOTES]],
    }  # fmt: skip


def _said(voice: Row) -> str:
    if voice["n"] is None:
        return f"Fewer than {SMALLEST_SHOWN} comments in the week: what they say is shown to analysts only."
    without = "" if voice["without_theme"] is None else f", {count(voice['without_theme'])} without a theme"
    return f"{counted(voice['n'], 'comment', 'comments')} in the week{without}; {_before(voice)}."


def _before(voice: Row) -> str:
    weeks = voice.get("weeks_before")
    if voice["n_before"] is None:
        return "too few in the weeks before to be told"
    return f"{count(voice['n_before'])} in the {f'{weeks} ' if weeks else ''}weeks before"


def _theme(row: Row) -> list[Any]:
    return [
        row["label"],
        row["tone"],
        count(row["n"]),
        [figure(row["share"], SHARE), interval(row["share_low"], row["share_high"], SHARE)],
        [signed(row["change"], SHARE), _around(row["change_low"], row["change_high"], SHARE)],
        [signed(row["nps_points"], POINTS), _around(row["nps_low"], row["nps_high"], POINTS)],
    ]


def _around(low: float | None, high: float | None, unit: str) -> str:
    return signed_interval(low, high, unit).replace(NONE, "")


def _word(row: Row) -> str:
    return f"{row['term']} ({count(row['n'])}, before {count(row['n_before'])})"


def _by(row: Row, labels: Mapping[str, str]) -> str:
    score = None if row.get("score") is None else f"score {row['score']:g}"
    theme = labels.get(row.get("theme") or "")
    parts = (row.get("survey_type"), score, theme, row.get("market"), row.get("language"))
    return ", ".join(str(part) for part in parts if part)


def drivers_table(payload: Row) -> Table:
    """How many NPS points each friction costs, with what to be careful about."""
    found = payload["drivers"]
    with_figure = [row["caveats"] for row in found if row["points"] is not None]
    told = with_figure if len(with_figure) > 1 else [row["caveats"] for row in found]
    shared = [text for text in (told[0] if told else []) if all(text in caveats for caveats in told)]
    headings = ["Friction", "Answers with it", "without", "Their score differs by", "NPS points if fixed", "Careful"]
    rows: list[list[Any]] = [
        [
            row["label"],
            [count(row["exposed"]), "" if row["share"] is None else figure(row["share"], SHARE)],
            count(row["unexposed"]),
            [signed(row["difference"], POINTS), _around(row["difference_low"], row["difference_high"], POINTS)],
            [signed(row["points"], POINTS), _around(row["points_low"], row["points_high"], POINTS)],
            " ".join(text for text in row["caveats"] if text not in shared) or NONE,
        ]
        for row in found
    ]
    empty = nothing(payload, "drivers", "What drives the NPS was", "No friction could be tied to the NPS.")
    return table("Drivers", headings, (1, 2, 3, 4), rows, empty, f"Of all: {' '.join(shared)}" if shared else "")


def escalations_table(payload: Row) -> Table:
    """The open cases of most impact, ranked."""
    found = payload["escalations"] or {"cases": 0, "shown": []}
    shown = found["shown"][:MOST_CASES]
    headings = [
        "#",
        "Return",
        "Where",
        "Waits for",
        "Days, of agreed",
        "Contacts",
        "NPS",
        "Order value",
        "Impact",
        "Why",
    ]
    empty = nothing(payload, "escalations", "Open cases were", "No open case is past what was agreed.")
    more = f"{len(shown)} of {counted(found['cases'], 'open case', 'open cases')}; the workbook has the query."
    return table("Escalations", headings, (0, 4, 5, 7, 8), [_case(row) for row in shown], empty, more if shown else "")


def _case(row: Row) -> list[Any]:
    days = NONE if row["waiting_days"] is None else f"{row['waiting_days']:,.1f}"
    value = NONE if row["order_value"] is None else f"{row['order_value']:,.2f} {row['currency'] or ''}".strip()
    return [
        str(row["rank"]),
        str(row["return_id"]),
        ", ".join(str(row[name]) for name in ("market", "carrier") if row[name]) or NONE,
        str(row["waits_for"] or NONE),
        f"{days} of {row['sla_days']:g}" if row["sla_days"] else days,
        count(row["contacts"]),
        str(row["nps_class"] or NONE),
        value,
        NONE if row["impact"] is None else f"{row['impact']:.1f}",
        ", ".join(map(str, row["reasons"])) or NONE,
    ]
