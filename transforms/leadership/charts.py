"""Two small panels for each headline KPI as SVG text: the last 6 weeks and the last 12 months on one scale.

The notation is the one finance readers know: this year dark and filled, the prior year grey, the target dashed.
A value that is not settled is hollow on a dotted line; what is missing is a gap. The same payload gives the same
bytes on every machine: the drawing is laid out by fixed sizes, not by the fonts that happen to be installed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from transforms.leadership.panels import PANELS, domain_of, panel, svg_text
from transforms.leadership.scorecard import display_units
from transforms.leadership.words import UNITS, figure, statistic_words, status_words, worded


@dataclass(frozen=True)
class Chart:
    """The drawing of one KPI. `weeks` and `months` are SVG texts on one scale; `alt` tells the same in words."""

    kpi: str
    title: str
    unit: str
    alt: str
    weeks: str
    months: str


def draw_charts(payload: Mapping[str, Any]) -> list[Chart]:
    """One chart for each series of the payload, in its order."""
    units = display_units(payload)
    return [_chart(series, payload, units[series["kpi"]]) for series in payload["series"]]


def chart_title(series: Mapping[str, Any], payload: Mapping[str, Any], unit: str) -> str:
    """The message above a chart: 'NPS 41.2 points, last final week 2026-W27'."""
    row = next(r for r in payload["scorecard"] if r["kpi"] == series["kpi"] and r["is_headline"])
    name = (
        f"{series['label']} ({statistic_words(series['statistic'])})"
        if series["statistic"] != "value"
        else row["label"]
    )
    latest = f"{payload['week']} is {status_words(row['status'])[1]}"
    if row["status"] == "final":
        return f"{name} {_said(row['value'], unit, name)}, week {payload['week']}"
    if row["value"] is not None:
        latest += f", {_said(row['value'], unit, name)}"
    if row["final_week"] is None:
        return f"{name}: no final week in the last year; {latest}"
    return f"{name} {_said(row['final_value'], unit, name)}, last final week {row['final_week']}; {latest}"


def _said(value: float | None, unit: str, name: str) -> str:
    """The value with its unit, unless the KPI's name has said it."""
    words = worded(value, unit)
    return words.removesuffix(" " + UNITS[unit]) if UNITS.get(unit, "\0") in name else words


def _chart(series: Mapping[str, Any], payload: Mapping[str, Any], unit: str) -> Chart:
    domain = domain_of(series, unit)
    alt = {
        which: f"{series['label']}, {PANELS[which][0].lower()}: {_in_words(series[which], unit)}" for which in PANELS
    }
    drawn = {which: svg_text(panel(series[which], which, unit, domain), alt[which]) for which in PANELS}
    return Chart(
        series["kpi"],
        chart_title(series, payload, unit),
        unit,
        "; ".join(alt.values()),
        drawn["weeks"],
        drawn["months"],
    )


def _in_words(points: list[Mapping[str, Any]], unit: str) -> str:
    return ", ".join(f"{p['period']} {figure(p['value'], unit)}{_aside(p['status'])}" for p in points)


def _aside(status: str) -> str:
    return "" if status == "final" else f" ({status_words(status)[1]})"


def for_print(svg: str, font: str) -> str:
    """The same drawing with its text in one named font: a printed page brings its own."""
    return re.sub(r'font-family="[^"]*"', f'font-family="{font}"', svg)
