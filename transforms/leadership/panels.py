"""How one panel of a chart is drawn, in Altair, and turned into SVG text without a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from transforms.leadership.words import UNITS, figure, in_display_unit

INK, PRIOR, BAND, QUIET, PALE, LIMIT = "#1b2a41", "#8d97a5", "#1b2a41", "#5b6675", "#c3c9d1", "#5b6675"
FONT = "Helvetica, Arial, sans-serif"
PANEL_HEIGHT = 120
LABEL_ROOM = 0.15  # of the span stays free above the highest value: its number must not run into the heading
PANELS = {"weeks": ("Last 6 weeks", 220), "months": ("Last 12 months", 330)}  # heading and width
MARGINS = {"left": 46, "right": 16, "top": 24, "bottom": 32}
SETTLED = ("final", "low_n")
FLATTEST = 3  # a line may be drawn this much flatter than on its own scale
MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def domain_of(series: Mapping[str, Any], unit: str) -> list[float]:
    """The smallest and largest figure of both panels, so that they can be compared by eye."""
    names = ("value", "ci_low", "ci_high", "prior_year_value", "target")
    points = series["weeks"] + series["months"]
    figures = [in_display_unit(p[name], unit) for p in points for name in names if p[name] is not None]
    figures += [in_display_unit(limit, unit) for limit in (series["limits"] or {}).values() if limit is not None]
    if not figures:
        return [0, 1]
    low, high = min(figures), max(figures)
    values = [in_display_unit(p["value"], unit) for p in points if p["value"] is not None]
    return [low, max(high, max(values, default=high) + LABEL_ROOM * (high - low))]


def same_span(domains: Mapping[str, list[float]], units: Mapping[str, str]) -> dict[str, tuple[list[float], bool]]:
    """kpi -> its domain, as long as that of every chart of its unit; and whether it had to be enlarged.

    A step on the axis then means the same in all of them. A KPI that varies so little that nothing could be seen keeps
    its own scale, and its chart says so.
    """
    longest: dict[str, float] = {}
    for kpi, (low, high) in domains.items():
        longest[units[kpi]] = max(longest.get(units[kpi], 0.0), high - low)
    return {kpi: _stretched(domain, longest[units[kpi]], units[kpi]) for kpi, domain in domains.items()}


def _stretched(domain: list[float], span: float, unit: str) -> tuple[list[float], bool]:
    low, high = domain
    if span == high - low or span > FLATTEST * (high - low):
        return domain, low < high < low + span
    middle = (low + high) / 2
    start = middle - span / 2
    if low >= 0 > start:  # what cannot be below 0 is not drawn there
        start = 0.0
    elif unit == "share" and high <= 1 < start + span:  # nor above 100 %
        start = max(1 - span, 0.0)
    return [start, start + span], False


def _rows(points: list[Mapping[str, Any]], unit: str) -> Iterator[dict[str, Any]]:
    """One row per point, values in the display unit; 'settled' and 'open' split the value by how it is drawn."""
    is_settled = [point["status"] in SETTLED and point["value"] is not None for point in points]
    last_settled = max((i for i, settled in enumerate(is_settled) if settled), default=-1)
    for i, point in enumerate(points):
        row: dict[str, Any] = {"period": _tick(points, i), "status": point["status"]}
        for name in ("value", "ci_low", "ci_high", "prior_year_value", "target"):
            row[name] = None if point[name] is None else in_display_unit(point[name], unit)
        if row["ci_low"] is None or row["ci_high"] is None:  # an interval open at one end has no band
            row["ci_low"] = row["ci_high"] = None
        row["settled"] = row["value"] if is_settled[i] else None
        row["open"] = row["value"] if not is_settled[i] or i == last_settled else None
        row["label"] = figure(point["value"], unit) if _is_labelled(points, i, last_settled) else ""
        yield row


def _is_labelled(points: list[Mapping[str, Any]], i: int, last_settled: int) -> bool:
    """The last settled value and the newest one carry their number, if they do not stand side by side."""
    last = max((j for j, p in enumerate(points) if p["value"] is not None), default=-1)
    return i == last or (i == last_settled and last - i > 1)


def _tick(points: list[Mapping[str, Any]], i: int) -> str:
    """'W47' or 'Nov', with the year below it where it changes, and on the first."""
    year, part = points[i]["period"].split("-")
    name = part if part.startswith("W") else MONTH_NAMES[int(part) - 1]
    years = [point["period"].split("-")[0] for point in points]
    is_named = years[1] == year if i == 0 else years[i - 1] != year  # side by side they would not fit
    return f"{name}|{year}" if is_named else name


def panel(
    points: list[Mapping[str, Any]],
    which: str,
    unit: str,
    domain: list[float],
    limits: Mapping[str, float | None] | None = None,
    aside: str = "",
) -> Any:
    """The Altair chart of one panel; `which` is a key of PANELS, `domain` the scale shared by both.

    limits: low, expected and high of the process, in the KPI's unit, as thin lines; aside: ends the heading.
    """
    import altair as alt

    heading, width = PANELS[which]
    rows = list(_rows(points, unit))
    axis = alt.Axis(
        title=None, labelExpr="split(datum.label, '|')", labelAngle=0, labelOverlap=False, grid=False, ticks=False,
        labelPadding=6, domainColor=PALE,
    )  # fmt: skip
    x = alt.X("period:O", sort=[row["period"] for row in rows], scale=alt.Scale(paddingOuter=0.4), axis=axis)
    scale = alt.Scale(domain=domain, nice=True, zero=False)
    y_axis = alt.Axis(
        title=None, format="%" if unit == "share" else ",f", tickCount=4, gridColor="#e8ebef", domain=False,
        ticks=False, labelPadding=6,
    )  # fmt: skip

    def y(field: str) -> Any:
        return alt.Y(f"{field}:Q", scale=scale, axis=y_axis)

    layers = [*_limit_lines(limits or {}, unit, y), *_layers(alt.Chart().encode(x=x), y)]
    return drawing(layers, rows, f"{heading}, {UNITS.get(unit, unit)}{aside}", QUIET, width=width,
                   height=PANEL_HEIGHT, padding=MARGINS)  # fmt: skip


def drawing(
    layers: Sequence[Any], rows: Sequence[Mapping[str, Any]], heading: str, label_color: str, **size: Any
) -> Any:
    """The chart of layers over one table, in the look of all drawings; size: width, height and padding in pixels.

    The table stands in the whole alone and everything is said at once: Altair copies a chart at every step of a chain,
    with its rows, for each of its layers.
    """
    import altair as alt

    title = alt.TitleParams(
        text=heading, anchor="start", frame="group", fontSize=11, fontWeight="normal", color=QUIET, offset=6
    )
    config = alt.Config(
        font=FONT, aria=False, axis=alt.AxisConfig(labelFont=FONT, labelFontSize=11, labelColor=label_color),
        view=alt.ViewConfig(stroke=None),
    )  # fmt: skip
    return alt.LayerChart(
        data=alt.InlineData(values=list(rows)), layer=list(layers), title=title, config=config, autosize="none",
        background="transparent", **size,
    )  # fmt: skip


def _limit_lines(limits: Mapping[str, float | None], unit: str, y: Any) -> list[Any]:
    """Thin lines across the panel: both limits, and what was expected between them, dotted."""
    import altair as alt

    dashes = {"low": [1, 0], "expected": [1, 3], "high": [1, 0]}
    return [
        alt.Chart(alt.InlineData(values=[{"limit": in_display_unit(at, unit)}]))
        .mark_rule(color=LIMIT, strokeWidth=0.8, strokeDash=dashes[name])
        .encode(y=y("limit"))
        for name, at in limits.items()
        if at is not None
    ]


def _layers(base: Any, y: Any) -> list[Any]:
    """From back to front: interval, prior year, target, what is open, what is settled, numbers."""
    import altair as alt

    status = alt.datum.status
    return [
        base.mark_area(color=BAND, opacity=0.12).encode(y=y("ci_low"), y2=alt.Y2("ci_high:Q")),
        base.mark_rule(color=BAND, opacity=0.25).encode(y=y("ci_low"), y2=alt.Y2("ci_high:Q")),
        base.mark_line(color=PRIOR, strokeWidth=1.5, point={"color": PRIOR, "size": 14}).encode(
            y=y("prior_year_value")
        ),
        base.mark_line(color=INK, strokeWidth=1.2, strokeDash=[5, 3]).encode(y=y("target")),
        base.mark_line(color=INK, strokeWidth=1.2, strokeDash=[1, 2]).encode(y=y("open")),
        base.mark_line(color=INK, strokeWidth=2).encode(y=y("settled")),
        base.transform_filter(status == "final")
        .mark_point(filled=True, color=INK, opacity=1, size=34)
        .encode(y=y("value")),
        base.transform_filter(status == "low_n")
        .mark_point(filled=True, fill=PALE, stroke=QUIET, strokeWidth=1, opacity=1, size=34)
        .encode(y=y("value")),
        base.transform_filter((status != "final") & (status != "low_n") & alt.expr.isValid(alt.datum.value))
        .mark_point(filled=True, fill="#ffffff", stroke=INK, strokeWidth=1.5, opacity=1, size=34)
        .encode(y=y("value")),
        base.mark_text(dy=-11, fontSize=11, font=FONT, stroke="#ffffff", strokeWidth=5, strokeJoin="round").encode(
            y=y("value"), text=alt.Text("label:N")
        ),
        base.mark_text(dy=-11, fontSize=11, font=FONT, color=INK).encode(y=y("value"), text=alt.Text("label:N")),
    ]


def svg_text(chart: Any, alt_text: str) -> str:
    """The panel as SVG text with its alternative text; fixed size, no ids, no scripts."""
    import altair
    import vl_convert

    version = ".".join(altair.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    svg = vl_convert.vegalite_to_svg(chart.to_dict(validate=False), vl_version=version)
    named = f'<svg role="img" aria-label={quoteattr(alt_text)} '
    return re.sub(r"^<svg ", lambda _: named, svg, count=1)


def legend() -> str:
    """The key to all charts, as SVG text."""
    dot, line = '<circle cx="11" cy="8" r="3.3"', '<line x1="0" y1="8" x2="22" y2="8"'
    items = [
        (f'{line} stroke="{INK}" stroke-width="2"/>{dot} fill="{INK}"/>', "final"),
        (
            f'{line} stroke="{INK}" stroke-width="1.2" stroke-dasharray="1 2"/>'
            f'{dot} fill="#fff" stroke="{INK}" stroke-width="1.5"/>',
            "provisional",
        ),
        (f'{dot} fill="{PALE}" stroke="{QUIET}"/>', "under 30 cases"),
        (f'<rect x="0" y="3" width="22" height="10" fill="{BAND}" opacity="0.15"/>', "95% interval"),
        (f'{line} stroke="{PRIOR}" stroke-width="1.5"/>{dot} fill="{PRIOR}"/>', "a year before"),
        (f'{line} stroke="{INK}" stroke-width="1.2" stroke-dasharray="5 3"/>', "target"),
        (
            f'<line x1="0" y1="3" x2="22" y2="3" stroke="{LIMIT}" stroke-width="0.8"/>'
            f'<line x1="0" y1="13" x2="22" y2="13" stroke="{LIMIT}" stroke-width="0.8"/>',
            "process limits",
        ),
        (f'{line} stroke="{LIMIT}" stroke-width="0.8" stroke-dasharray="1 3"/>', "expected"),
    ]
    places = [(0, 0), (95, 0), (200, 0), (0, 20), (95, 20), (200, 20), (310, 0), (310, 20)]
    parts = [
        f'<g transform="translate({x},{y})">{mark}<text x="28" y="12" font-family="{FONT}" font-size="11px"'
        f' fill="{QUIET}">{escape(name)}</text></g>'
        for (mark, name), (x, y) in zip(items, places, strict=True)
    ]
    label = "Key: " + ", ".join(name for _, name in items) + "; a gap is a value that is missing or withheld"
    return (
        f'<svg role="img" aria-label={quoteattr(label)} xmlns="http://www.w3.org/2000/svg" width="410" height="38"'
        f' viewBox="0 0 410 38">{"".join(parts)}</svg>'
    )
