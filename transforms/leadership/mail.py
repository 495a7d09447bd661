"""The weekly mail and the chat message: one screen of the payload, in the words of the page."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from transforms.leadership.scorecard import Line, scorecard_lines
from transforms.leadership.view import build_view
from transforms.leadership.words import lag, listed

ATTACHED = ("brief.pdf", "kpis.xlsx")
MOST_SENTENCES = 6
UNSETTLED = ("provisional", "not_reached", "missing")
WIDTH = 78  # columns of the plain text
_COLUMNS = ((36, "<"), (8, ">"), (18, ">"), (8, ">"))  # label, value, interval, target; the status ends the line


@dataclass(frozen=True)
class Message:
    """What is sent: the mail in two forms, and the chat message."""

    subject: str
    text: str
    html: str
    chat: str


def render_message(payload: Mapping[str, Any], url: str | None = None) -> Message:
    """The message of a payload; `url` is where the weekly folders can be seen, such as https://kpis.example/weekly."""
    view = build_view(payload)
    parts = {
        "title": view["title"],
        "when": f"Week {view['week']}, {view['days']}, as of {view['as_of']}",
        "sentences": _sentences(payload),
        "trust": _trust(payload),
        "lines": _lines(payload),
        "link": f"{url.rstrip('/')}/{payload['week']}/brief.html" if url else "",
        "attached": listed([attached_as(payload["week"], name) for name in ATTACHED]),
    }
    return Message(
        subject=f"{view['title']}, {payload['week']}", text=_text(parts), html=_html(parts), chat=_chat(parts)
    )


def attached_as(week: str, name: str) -> str:
    """The name of a file of the weekly folder as an attachment: week 2026-W47's is told from the next one's."""
    return f"{week}-{name}"


def _sentences(payload: Mapping[str, Any]) -> list[str]:
    """The brief's, else the page's headlines; what does not fit on a screen is in the attachment."""
    view = build_view(payload)
    return [*([view["warning"]] if view["warning"] else []), *view["brief"][:MOST_SENTENCES]]


def _lines(payload: Mapping[str, Any]) -> list[Line]:
    """A line for each KPI: of its latest settled week where this week's value still fills up, or is not there yet.

    There is no room for both, and a return rate of a week that is still being returned would be read as a good one.
    """
    lines = scorecard_lines(payload)
    chosen: list[Line] = []
    for line, after in zip_longest(lines, lines[1:]):
        if not line["is_first"]:
            continue
        if after is None or after["label"] or line["status"] not in UNSETTLED:
            chosen.append(line)
        else:
            chosen.append({**after, "label": line["label"], "status_words": f"final {after['week']}"})
    return chosen


def _trust(payload: Mapping[str, Any]) -> str:
    """Checks, the oldest source and what is withheld, in one line."""
    trust = payload["trust"]
    passed, failed = trust["checks"]["passed"], trust["checks"]["failed"]
    known = [source for source in trust["sources"] if source["lag_hours"] is not None]
    oldest = max(known, key=lambda source: source["lag_hours"], default=None)
    kpis = {row["kpi"] for row in trust["withheld"]}
    labels = [entry["label"] for entry in payload["definitions"] if entry["kpi"] in kpis]
    parts = [
        f"{passed:,} of {passed + failed:,} checks passed",
        f"oldest source {oldest['source']}, {lag(oldest['lag_hours'])}" if oldest else "age of the sources not known",
        f"withheld in whole or in part: {listed(labels)}" if labels else "nothing withheld",
    ]
    return "; ".join(parts) + "."


def _text(parts: Mapping[str, Any]) -> str:
    paragraphs = [
        [parts["title"], parts["when"]],
        [line for sentence in parts["sentences"] for line in _wrapped(sentence, "- ")],
        [_row(line) for line in parts["lines"]],
        _wrapped(parts["trust"]),
        [*([parts["link"]] if parts["link"] else []), f"Attached: {parts['attached']}."],
    ]
    return "\n\n".join("\n".join(lines) for lines in paragraphs if lines) + "\n"


def _wrapped(sentence: str, bullet: str = "") -> list[str]:
    return textwrap.wrap(sentence, WIDTH, initial_indent=bullet, subsequent_indent=" " * len(bullet))


def _row(line: Line) -> str:
    target = f"/ {line['target']}" if line["target_words"] else ""
    cells = zip((line["label"], line["value"], line["interval"], target), _COLUMNS, strict=True)
    return (
        " ".join(f"{_cut(cell, width):{align}{width}}" for cell, (width, align) in cells) + f"  {line['status_words']}"
    )


def _cut(cell: str, width: int) -> str:
    """A text that fits; one that is cut says so."""
    return cell if len(cell) <= width else cell[: width - 1].rstrip() + "…"


def _html(parts: Mapping[str, Any]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("mail.html.j2").render(**parts)


def _chat(parts: Mapping[str, Any]) -> str:
    """Slack's text: three characters are its markup, and escaped so that a name cannot become a link or a mention."""
    lines = [parts["title"], parts["when"], *(f"• {sentence}" for sentence in parts["sentences"]), parts["trust"]]
    text = "\n".join(lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"{text}\n{parts['link']}" if parts["link"] else text
