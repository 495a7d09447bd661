"""The weekly workbook: numbers as numbers, text as text, and native charts of the headline KPIs.

The units are those of kpi_weekly: shares are fractions (shown as percent), durations hours.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from transforms.leadership.frames import Frames
from transforms.leadership.sections.found_tabs import Tab
from transforms.leadership.tabs import SERIES_NAMES, workbook_tabs
from transforms.leadership.words import UNITS, statistic_words

NUMBER_FORMATS = {
    "share": "0.0%",
    "points": "0.0",
    "per_1k": "0.0",
    "per_day": "0.000",
    "count": "#,##0",
    "hours": "0.0",
}
LINE_HEIGHT, LONGEST_WRAPPED = 15, 600  # points; characters
HEADING_HEIGHT = 45  # points; three lines
LONGEST_CELL = 32_767  # characters; a longer text would be dropped without a word
SMALLEST_COLUMN, NUMBER_COLUMN, LARGEST_COLUMN = 7, 10, 50
# columns whose unit is that of their row, by how they end; and columns that always have the same
MEASURES = (
    "value", "ci_low", "ci_high", "target", "expected", "limit_low", "limit_high", "visible_change", "contribution",
    "effect", "effect_low", "effect_high", "old", "new", "week_change", "year_change", "target_gap", "to_date",
    "year_before",
)  # fmt: skip
FIXED = dict.fromkeys(("n", "final_n", "count", "exposed", "unexposed", "n_before", "contacts"), "count")
FIXED |= dict.fromkeys(("share", "share_low", "share_high", "change", "change_low", "change_high"), "share")
IN_POINTS = (
    "nps_points", "nps_low", "nps_high", "size", "impact", "waiting_days", "z", "contacts_low", "contacts_high",
    "late_days", "target_hours",
)  # fmt: skip
FIXED |= dict.fromkeys(IN_POINTS, "points")
FIXED |= {f"{name}{end}": "points" for name in ("difference", "points") for end in ("", "_low", "_high")}


@dataclass(frozen=True)
class Workbook:
    """The file's bytes, and how many rows each tab holds."""

    content: bytes
    rows: dict[str, int]


def render_xlsx(payload: Mapping[str, Any], frames: Frames) -> Workbook:
    """The workbook of a payload and the frames it was built from; the same input gives the same bytes."""
    import xlsxwriter

    buffer = io.BytesIO()
    tabs = workbook_tabs(payload, frames)
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    as_of = datetime.fromisoformat(payload["as_of"]).replace(tzinfo=None)
    book.set_properties({"title": f"Returns and refunds KPIs, {payload['week']}", "created": as_of})
    styles = _styles(book)
    sheets = {tab.name: _write(book, tab, styles) for tab in tabs}
    _draw(book, sheets["Charts"], next(tab for tab in tabs if tab.name == "Chart data"), payload)
    book.close()
    return Workbook(buffer.getvalue(), {tab.name: len(tab.rows) for tab in tabs if tab.columns})


def _styles(book: Any) -> dict[str, Any]:
    styles = {unit: book.add_format({"num_format": code, "valign": "top"}) for unit, code in NUMBER_FORMATS.items()}
    styles["head"] = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    styles["count"] = book.add_format({"num_format": "#,##0", "valign": "top"})
    styles["date"] = book.add_format({"num_format": "yyyy-mm-dd", "valign": "top", "align": "left"})
    # Text stays text also when a reader opens its cell and presses return.
    styles["text"] = book.add_format({"valign": "top", "quote_prefix": True})
    styles["long"] = book.add_format({"valign": "top", "text_wrap": True, "quote_prefix": True})
    styles["number"] = book.add_format({"num_format": "General", "valign": "top"})
    return styles


def _write(book: Any, tab: Tab, styles: Mapping[str, Any]) -> Any:
    sheet = book.add_worksheet(tab.name)
    if not tab.columns:
        return sheet
    for column, name in enumerate(tab.columns):
        sheet.write_string(0, column, name.replace("_", " "), styles["head"])
        texts = [name, *(str(row.get(name) or "") for row in tab.rows)]
        sheet.set_column(column, column, min(max(SMALLEST_COLUMN, _width(name, texts)), LARGEST_COLUMN))
    for place, row in enumerate(tab.rows, start=1):
        for column, name in enumerate(tab.columns):
            _cell(sheet, place, column, row.get(name), styles, _style(name, row))
        lines = max(_lines(row.get(name)) for name in tab.columns)
        if lines > 1:
            sheet.set_row(place, LINE_HEIGHT * lines)
    if tab.empty and not tab.rows:
        sheet.write_string(1, 0, tab.empty, styles["text"])
    sheet.set_row(0, HEADING_HEIGHT)
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(len(tab.rows), 1), len(tab.columns) - 1)
    sheet.set_landscape()
    sheet.repeat_rows(0)
    sheet.fit_to_pages(1, 0)
    return sheet


def _is_wrapped(value: Any) -> bool:
    """Sentences are; a query stays on its line, or it would fill the screen."""
    return isinstance(value, str) and LARGEST_COLUMN < len(value) <= LONGEST_WRAPPED and "\n" not in value


def _lines(value: Any) -> int:
    """How many lines a cell takes: not every reader works that out by itself."""
    return -(-len(value) // (LARGEST_COLUMN - 6)) if _is_wrapped(value) else 1


def _width(name: str, texts: Sequence[str]) -> int:
    """Numbers stand under wrapped headings; the column of a text is as wide as its longest line."""
    longest_word = max(len(word) for word in re.split("[_ ]", name))
    is_number = name.endswith(MEASURES) or name in FIXED or " " in name
    return max(NUMBER_COLUMN, longest_word + 3) if is_number else max(longest_word, *map(len, texts[1:]), 0) + 3


def _style(name: str, row: Mapping[str, Any]) -> str:
    if name in FIXED:
        return FIXED[name]
    return str(row.get("unit") or "number") if name.endswith(MEASURES) else "number"


def _cell(sheet: Any, row: int, column: int, value: Any, styles: Mapping[str, Any], style: str) -> None:
    """Text is always written as text: what looks like a formula in a name from outside stays a name."""
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, int | float):
        sheet.write_number(row, column, value, styles.get(style, styles["number"]))
    elif isinstance(value, date):
        sheet.write_datetime(row, column, value, styles["date"])
    else:
        sheet.write_string(row, column, str(value)[:LONGEST_CELL], styles["long" if _is_wrapped(value) else "text"])


def _no_formula(title: str) -> str:
    """A chart's title in which ! stands before letters and digits would be read as a reference to a cell."""
    return title.replace("!", "! ")


def _draw(book: Any, sheet: Any, data: Tab, payload: Mapping[str, Any]) -> None:
    """Two native line charts in a row, one for each headline KPI."""
    looks = [
        {"line": {"color": "#1b2a41", "width": 2}},
        {"line": {"color": "#1b2a41", "width": 1, "dash_type": "round_dot"},
         "marker": {"type": "circle", "size": 5, "border": {"color": "#1b2a41"}, "fill": {"color": "#ffffff"}}},
        {"line": {"color": "#8d97a5", "width": 1.25}},
        {"line": {"color": "#1b2a41", "width": 1, "dash_type": "dash"}},
    ]  # fmt: skip
    sheet.hide_gridlines(2)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    last = max(len(data.rows), 1)
    for number, series in enumerate(payload["series"]):
        chart = book.add_chart({"type": "line"})
        for place, (name, look) in enumerate(zip(SERIES_NAMES, looks, strict=True)):
            column = 1 + len(SERIES_NAMES) * number + place
            chart.add_series({"name": name, "categories": [data.name, 1, 0, last, 0],
                              "values": [data.name, 1, column, last, column], **look})  # fmt: skip
        unit = series["unit"]
        said = UNITS.get(unit, unit)
        words = [series["label"], statistic_words(series["statistic"]), "" if said in series["label"] else said]
        chart.set_title(
            {
                "name": _no_formula(", ".join(word for word in words if word)),
                "name_font": {"size": 11, "bold": True},
                "overlay": False,
            }
        )
        chart.set_x_axis({"interval_unit": 4, "num_font": {"size": 8, "rotation": -45}, "label_position": "low"})
        chart.set_y_axis({"num_format": NUMBER_FORMATS.get(unit, "0.0"), "num_font": {"size": 8},
                          "major_gridlines": {"visible": True, "line": {"color": "#e8ebef"}}})  # fmt: skip
        chart.set_legend({"position": "bottom", "font": {"size": 8}})
        chart.set_size({"width": 560, "height": 290})
        chart.show_blanks_as("gap")
        sheet.insert_chart(
            number // 2 * 15, number % 2 * 9, chart, {"description": f"{series['label']} by week, last 53 weeks"}
        )
