"""Horizontal bars in two shades: this week filled, what it is compared with grey and thin below it; as Altair charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transforms.leadership.panels import FONT, INK, PRIOR, QUIET, drawing

WIDTH, LABEL_WIDTH, VALUE_WIDTH = 392, 132, 52  # pixels; the plot is what is left of the width
STEP, TOP = 30, 26  # of a bar, and above the first


@dataclass(frozen=True)
class Bar:
    """One bar from `start` to `end`, and what it is compared with from `before_start` to `before_end`."""

    label: str  # '|' ends its first line
    text: str
    start: float | None
    end: float | None
    before_start: float | None = None
    before_end: float | None = None


def bars(rows: Sequence[Bar], heading: str) -> Any:
    """The chart of the bars in their order, the first on top; all start from one zero."""
    import altair as alt

    ends = [end for row in rows for end in (row.end, row.before_end) if end is not None]
    values = [
        {"place": i, "label": row.label, "text": row.text, "start": row.start, "end": row.end, "at": row.end or 0.0,
         "before_start": row.before_start, "before_end": row.before_end}
        for i, row in enumerate(rows)
    ]  # fmt: skip
    plot = WIDTH - LABEL_WIDTH - VALUE_WIDTH
    scale = alt.Scale(domain=[0, max(ends, default=0) or 1], nice=False)
    label = alt.Axis(
        title=None, labelExpr=_labels(rows), labelLimit=LABEL_WIDTH - 8, ticks=False, domainColor=QUIET, labelPadding=6,
        labelLineHeight=12,
    )  # fmt: skip
    base = alt.Chart().encode(y=alt.Y("place:O", axis=label))

    def span(start: str, end: str) -> dict[str, Any]:
        return {"x": alt.X(f"{start}:Q", scale=scale, axis=None), "x2": alt.X2(f"{end}:Q")}

    layers = [
        base.mark_bar(height=5, yOffset=9, color=PRIOR).encode(**span("before_start", "before_end")),
        base.mark_bar(height=12, color=INK).encode(**span("start", "end")),
        base.mark_text(align="left", dx=5, fontSize=11, font=FONT, color=INK).encode(
            x=alt.X("at:Q", scale=scale, axis=None), text=alt.Text("text:N")
        ),
    ]
    margins = {"left": LABEL_WIDTH, "right": VALUE_WIDTH, "top": TOP, "bottom": 8}
    height = STEP * max(len(rows), 1)
    return drawing(layers, values, heading, INK, width=plot, height=height, padding=margins)


def _labels(rows: Sequence[Bar]) -> str:
    """The axis label of each place, as a Vega expression; the texts are JSON in it, never code."""
    import json

    texts = json.dumps([row.label.split("|") for row in rows])
    return f"{texts}[datum.value]"
