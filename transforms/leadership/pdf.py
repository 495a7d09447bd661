"""The weekly file as PDF, set by Typst: the words of the page, with fonts that Typst brings along.

What comes from outside reaches Typst as JSON data, never as markup.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from transforms.leadership.charts import Chart, for_print
from transforms.leadership.panels import legend
from transforms.leadership.sparklines import line_sparkline
from transforms.leadership.view import build_view

Paper = Literal["a4", "us-letter"]

TEMPLATE = Path(__file__).parent / "brief.typ"
# Beyond Latin, Greek, Cyrillic and Hebrew, signs and arrows: what neither font has.
NO_LETTERS = re.compile(
    r"[\u0600-\u1dff\u2c60-\ufefe\uff00-\ufffc\U00010000-\U0010ffff]+(?: +[\u0600-\u1dff\u2c60-\ufefe]+)*"
)
PRINT_FONT = "Libertinus Serif"  # in Typst itself, so the page looks the same on a machine without fonts


def render_pdf(payload: Mapping[str, Any], charts: Sequence[Chart], paper: Paper = "a4") -> bytes:
    """The printed file of a payload; the same payload gives the same bytes, dated by its as-of time."""
    as_of, view = datetime.fromisoformat(payload["as_of"]), build_view(payload)
    data = {
        "paper": paper,
        "font": PRINT_FONT,
        "date": [as_of.year, as_of.month, as_of.day],
        "view": _printable(view),
        "sparks": [line_sparkline(line) for line in view["scorecard"]],
        "legend": for_print(legend(), PRINT_FONT),
        "charts": [_printed(chart) for chart in charts],
    }
    return _typeset(json.dumps(data, ensure_ascii=False), as_of)


def _typeset(data: str, as_of: datetime) -> bytes:
    """The template filled with `data`: readable by screen readers (PDF/UA-1) where its fonts have every character."""
    import typst

    def compiled(standards: Any) -> bytes:
        pdf = typst.compile(
            str(TEMPLATE),
            root=str(TEMPLATE.parent),
            format="pdf",
            ignore_system_fonts=True,
            sys_inputs={"data": data},
            timestamp=as_of,
            pdf_standards=standards,
        )
        if not isinstance(pdf, bytes):
            raise TypeError(f"typst answered {type(pdf).__name__}, expected the bytes of one PDF")
        return pdf

    try:
        return compiled(["ua-1"])
    except typst.TypstError as error:
        if "could not be displayed with font" not in str(error):
            raise
        return compiled([])  # a name in another script: boxes in its place, rather than no file


def _printable(part: Any) -> Any:
    """The same texts; letters that the fonts do not have are named by their script, '[Thai]', and pictures left out."""
    if isinstance(part, str):
        return part if part.isascii() else NO_LETTERS.sub(_script, part)
    if isinstance(part, Mapping):
        return {name: _printable(value) for name, value in part.items()}
    return [_printable(value) for value in part] if isinstance(part, list | tuple) else part


def _script(found: re.Match[str]) -> str:
    letter = next((sign for sign in found[0] if unicodedata.category(sign)[0] in "LN"), None)
    return f"[{unicodedata.name(letter, 'unknown').split()[0].title()}]" if letter else ""


def _printed(chart: Chart) -> dict[str, str]:
    return {
        "title": chart.title,
        "alt": chart.alt,
        "weeks": for_print(chart.weeks, PRINT_FONT),
        "months": for_print(chart.months, PRINT_FONT),
    }
