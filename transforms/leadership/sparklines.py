"""The course of a scorecard row in the size of a word, as SVG text; drawn by hand, since it has neither axis nor text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from xml.sax.saxutils import quoteattr

from transforms.leadership.scorecard import Line

INK, QUIET = "#1b2a41", "#8d97a5"
WIDTH, HEIGHT, MARGIN = 72, 20, 4


def line_sparkline(line: Line) -> str:
    """That of a line of the scorecard."""
    what = ", ".join(part for part in (line["label"], line["detail"]) if part)
    return sparkline(line["sparkline"], f"{what}: the course of {len(line['sparkline'])} weeks")


def sparkline(values: Sequence[float | None], label: str) -> str:
    """A line with a dot on the newest value; a value that is not known is a gap. '' without any value."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, span = min(known), (max(known) - min(known)) or 1.0
    step = (WIDTH - 2 * MARGIN) / max(len(values) - 1, 1)
    places = [
        None if value is None else (MARGIN + i * step, HEIGHT - MARGIN - (value - low) / span * (HEIGHT - 2 * MARGIN))
        for i, value in enumerate(values)
    ]
    lines = [
        f'<path d="M{_at(one)}L{_at(two)}" stroke="{INK}" stroke-width="1.3" stroke-linecap="round"/>'
        for one, two in pairwise(places)
        if one and two
    ]
    last = max(i for i, place in enumerate(places) if place)
    dots = [
        f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="{2 if i == last else 1}" fill="{INK if i == last else QUIET}"/>'
        for i, place in enumerate(places)
        if place
    ]
    return (
        f'<svg role="img" aria-label={quoteattr(label)} xmlns="http://www.w3.org/2000/svg" width="{WIDTH}"'
        f' height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">{"".join(lines + dots)}</svg>'
    )


def _at(place: tuple[float, float]) -> str:
    return f"{place[0]:.1f} {place[1]:.1f}"
