"""The drawings of the weekly file as SVG text: two small panels for each KPI shown, and bars of what is behind them.

The notation is the one finance readers know: this year dark and filled, the prior year grey, the target dashed.
A value that is not settled is hollow on a dotted line; what is missing is a gap. The same payload gives the same
bytes on every machine: the drawing is laid out by fixed sizes, not by the fonts that happen to be installed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transforms.leadership.bars import Bar, bars
from transforms.leadership.panels import PANELS, domain_of, panel, same_span, svg_text
from transforms.leadership.scorecard import display_units, stage_unit
from transforms.leadership.titles import chart_title, group_title, stage_title
from transforms.leadership.words import UNITS, figure, in_display_unit, status_words

MOST_SERIES = 9  # with the bars, 12 charts; the scorecard and the workbook have all KPIs
MOST_BARS = 10
WORTH = ("signal", "watch")  # charts of what moved are always among those shown


@dataclass(frozen=True)
class Chart:
    """One drawing: SVG texts side by side (`weeks` and `months` on one scale, or bars alone); `alt` tells it in words."""

    kpi: str
    title: str
    unit: str
    alt: str
    weeks: str
    months: str


def draw_charts(payload: Mapping[str, Any]) -> list[Chart]:
    """One chart for each series shown, in the payload's order, then the bars."""
    units = display_units(payload)
    shown = _shown(payload)
    domains = {series["kpi"]: domain_of(series, units[series["kpi"]]) for series in shown}
    scales = same_span(domains, units)
    charts = [_chart(series, payload, units[series["kpi"]], *scales[series["kpi"]]) for series in shown]
    return charts + [chart for chart in (_stages(payload), *_groups(payload, units)) if chart]


def _shown(payload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The series drawn: what moved or is watched first, then what has a target, then the rest; in the payload's order."""
    rows = {row["kpi"]: row for row in payload["scorecard"] if row["is_headline"]}
    known = [series for series in payload["series"] if series["kpi"] in rows]
    ranked = sorted(known, key=lambda series: _place(rows[series["kpi"]]))
    chosen = {series["kpi"] for series in ranked[:MOST_SERIES]}
    return [series for series in known if series["kpi"] in chosen]


def _place(row: Mapping[str, Any]) -> tuple[bool, bool]:
    return row["verdict"] not in WORTH, row["target"] is None and row["final_target"] is None


def _chart(
    series: Mapping[str, Any], payload: Mapping[str, Any], unit: str, domain: list[float], is_enlarged: bool
) -> Chart:
    alt = {
        which: f"{series['label']}, {PANELS[which][0].lower()}: {_in_words(series[which], unit)}" for which in PANELS
    }
    aside = ", enlarged" if is_enlarged else ""
    limits = {"weeks": series["limits"], "months": None}
    drawn = {
        which: svg_text(panel(series[which], which, unit, domain, limits[which], aside), alt[which]) for which in PANELS
    }
    return Chart(
        series["kpi"],
        chart_title(series, payload, unit),
        unit,
        "; ".join(alt.values()),
        drawn["weeks"],
        drawn["months"],
    )


def _stages(payload: Mapping[str, Any]) -> Chart | None:
    """The waterfall of the mean refund time: each stage starts where the one before it ended."""
    rows = payload["stages"]
    if not rows:
        return None
    total = sum(row["hours"] or 0.0 for row in rows)
    unit = stage_unit(payload)
    found, at, before = [], 0.0, 0.0
    for row in rows:
        hours, was = row["hours"] or 0.0, row["before_hours"] or 0.0
        ends = [in_display_unit(value, unit) for value in (at, at + hours, before, before + was)]
        found.append(Bar(f"{row['stage']}|{row['clock_owner']}", figure(row["hours"], unit), *ends))
        at, before = at + hours, before + was
    ends = [0.0, in_display_unit(at, unit), 0.0, in_display_unit(before, unit)]
    found.append(Bar("all stages", figure(total, unit), *ends))
    return _bars("stages", stage_title(rows, total, unit), unit, found, "grey: the weeks before")


def _groups(payload: Mapping[str, Any], units: Mapping[str, str]) -> list[Chart]:
    """Open late refunds by how long they are overdue, and contacts by reason: the groups of the first KPI that has any."""
    charts = []
    for name, by, order in (("ageing", "how long they are overdue", _by_age), ("contact_reasons", "reason", _by_size)):
        rows = payload[name]
        own = sorted((row for row in rows if row["kpi"] == rows[0]["kpi"]), key=order)
        if not own:
            continue
        if any(row["value"] is not None for row in own):
            unit, counted = units.get(own[0]["kpi"], "count"), own
        else:  # a rate over what does not have the dimension has no value in its groups, only cases
            unit, counted = "count", [row | {"value": row["numerator"], "prior_year_value": None} for row in own]
        found = [_group(row, unit) for row in counted[:MOST_BARS]]
        aside = "grey: a year before" if any(bar.before_end is not None for bar in found) else ""
        charts.append(_bars(name, group_title(counted, payload, unit, by), unit, found, aside))
    return charts


def _by_age(row: Mapping[str, Any]) -> float:
    """By the first number in the name: '0-7 days', '8-14 days', 'over 30 days'."""
    number = re.search(r"\d+", str(row["dimension_value"]))
    over = 0.5 if str(row["dimension_value"])[:1].isalpha() and number else 0.0
    return float(number[0]) + over if number else float("inf")


def _by_size(row: Mapping[str, Any]) -> float:
    return -float(row["value"] if row["value"] is not None else row["numerator"] or 0.0)


def _group(row: Mapping[str, Any], unit: str) -> Bar:
    value, before = row["value"], row["prior_year_value"]
    ends = [None if number is None else in_display_unit(number, unit) for number in (value, before)]
    starts = [None if number is None else 0.0 for number in ends]
    label = str(row["dimension_value"]).replace("_", " ")
    return Bar(label, figure(value, unit), starts[0], ends[0], starts[1], ends[1])


def _bars(name: str, title: str, unit: str, rows: Sequence[Bar], compared: str) -> Chart:
    alt = f"{title}: " + ", ".join(f"{row.label.replace('|', ', ')} {row.text}" for row in rows)
    heading = "; ".join(part for part in (UNITS.get(unit, unit), compared) if part)
    return Chart(name, title, unit, alt, svg_text(bars(rows, heading), alt), "")


def _in_words(points: list[Mapping[str, Any]], unit: str) -> str:
    return ", ".join(f"{p['period']} {figure(p['value'], unit)}{_aside(p['status'])}" for p in points)


def _aside(status: str) -> str:
    return "" if status == "final" else f" ({status_words(status)[1]})"


def for_print(svg: str, font: str) -> str:
    """The same drawing with its text in one named font: a printed page brings its own."""
    return re.sub(r'font-family="[^"]*"', f'font-family="{font}"', svg)
