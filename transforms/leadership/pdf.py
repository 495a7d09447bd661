"""The weekly file as PDF, set by Typst: the words of the page, with fonts that Typst brings along.

What comes from outside reaches Typst as JSON data, never as markup.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from transforms.leadership.charts import Chart, for_print
from transforms.leadership.panels import legend
from transforms.leadership.view import build_view

Paper = Literal["a4", "us-letter"]

TEMPLATE = Path(__file__).parent / "brief.typ"
PRINT_FONT = "Libertinus Serif"  # in Typst itself, so the page looks the same on a machine without fonts


def render_pdf(payload: Mapping[str, Any], charts: Sequence[Chart], paper: Paper = "a4") -> bytes:
    """The printed file of a payload; the same payload gives the same bytes, dated by its as-of time."""
    as_of = datetime.fromisoformat(payload["as_of"])
    data = {
        "paper": paper,
        "font": PRINT_FONT,
        "date": [as_of.year, as_of.month, as_of.day],
        "view": build_view(payload),
        "legend": for_print(legend(), PRINT_FONT),
        "charts": [_printed(chart) for chart in charts],
    }
    return _typeset(json.dumps(data, ensure_ascii=False), as_of)


def _typeset(data: str, as_of: datetime) -> bytes:
    """The template filled with `data`: readable by screen readers (PDF/UA-1) where its fonts have every character."""
    import typst

    def compiled(standards: Any) -> bytes:
        pdf = typst.compile(
            TEMPLATE.read_bytes(),
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


def _printed(chart: Chart) -> dict[str, str]:
    return {
        "title": chart.title,
        "alt": chart.alt,
        "weeks": for_print(chart.weeks, PRINT_FONT),
        "months": for_print(chart.months, PRINT_FONT),
    }
