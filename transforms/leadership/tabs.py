"""What the workbook's tabs hold, as records; `xlsx` writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from transforms.leadership.changes import COMPARED, changes
from transforms.leadership.frames import Frames, week_name
from transforms.leadership.records import Record, monthly_rows, segment_rows, weekly_rows
from transforms.leadership.scorecard import SPANS
from transforms.leadership.sections.found_tabs import Tab, found_tabs
from transforms.leadership.view import brief_sentences
from transforms.leadership.words import statistic_words, unit_of

SCORECARD = [
    "label", "kpi", "statistic", "reads", "unit", "value", "ci_low", "ci_high", "n", "status", "prior_value",
    "prior_status", "prior_year_value", "prior_year_status", "target", "target_status", *COMPARED, *SPANS,
    *(f"{span}_year_before" for span in SPANS), "verdict", "verdict_week", "verdict_reason", "smallest_visible_change", "final_week", "final_value", "final_ci_low", "final_ci_high", "final_n",
    "final_prior_value", "final_prior_year_value", "final_target", "final_target_status", "note",
]  # fmt: skip
FIGURES = [
    "kpi", "period", "start", "dimension", "dimension_value", "statistic", "reads", "unit", "value", "ci_low",
    "ci_high", "n", "numerator", "denominator", "status", "note", "prior_value", "prior_year_value", "target",
    "definition_version",
]  # fmt: skip
SERIES_NAMES = ("final", "not final", "year before", "target")


def workbook_tabs(payload: Mapping[str, Any], frames: Frames) -> list[Tab]:
    """All tabs in their order; the tab of the charts has no rows of its own."""
    units = {entry["kpi"]: entry["unit"] for entry in payload["definitions"]}
    weekly = _figures(weekly_rows(frames), "week", units)
    return [
        Tab("Brief", ["part", "text"], _brief(payload)),
        Tab("Scorecard", SCORECARD, [_scorecard(row) for row in payload["scorecard"]]),
        Tab("Charts", [], []),
        *found_tabs(payload),
        Tab("Weekly", FIGURES, weekly),
        Tab("Monthly", FIGURES, _figures(monthly_rows(frames), "month", units)),
        Tab("Segments", FIGURES, _figures(segment_rows(frames), "week", units)),
        Tab("Data quality", ["part", "source", "what", "reason", "count", "detail"], _quality(payload)),
        Tab("Definitions", list(payload["definitions"][0]) if payload["definitions"] else [], _definitions(payload)),
        _chart_data(payload, weekly),
    ]


def _brief(payload: Mapping[str, Any]) -> list[Record]:
    """What the page says first."""
    told = [("week", payload["week"]), ("as of", payload["as_of"]), ("audience", payload["audience"])]
    return [{"part": part, "text": text} for part, text in told] + [
        {"part": f"sentence {number}", "text": text} for number, text in enumerate(brief_sentences(payload), start=1)
    ]


def _scorecard(row: Mapping[str, Any]) -> Record:
    """The row with its differences, and the values to date as columns."""
    spans = {span: row[span] or {} for span in SPANS}
    return {
        **row,
        **changes(row),
        **{span: found.get("value") for span, found in spans.items()},
        **{f"{span}_year_before": found.get("prior_year_value") for span, found in spans.items()},
        "reads": statistic_words(row["statistic"]),
    }


def _figures(rows: Iterable[Record], period: str, units: Mapping[str, str]) -> list[Record]:
    return [
        row
        | {
            "period": week_name(row[period]) if period == "week" else f"{row[period]:%Y-%m}",
            "start": row[period],
            "reads": statistic_words(row["statistic"]),
            "unit": unit_of(units.get(row["kpi"], ""), row["statistic"]),
        }
        for row in rows
    ]


def _quality(payload: Mapping[str, Any]) -> list[Record]:
    quality, rows = payload["data_quality"], []
    for row in quality["ingest"]:
        rows += [
            {"part": "rows taken in", "source": row["source"], "what": name, "count": row[name]}
            for name in ("files", "files_refused", "rows_read", "rows_accepted", "rows_superseded", "rows_quarantined")
        ]
    for row in quality["refused"]:
        rows.append({"part": "refused file", "source": row["source"], "what": row["file"], "reason": row["reason"]})
    for row in quality["quarantine"]:
        rows.append({"part": "quarantine", "source": row["source"], "reason": row["reason"], "count": row["rows"]})
    for row in quality["checks"]:
        where = ".".join(part for part in (row["layer"], row["table"], row["column"]) if part)
        detail = f"of {row['elements']} rows; withholds {', '.join(row['withholds']) or 'nothing'}"
        rows.append({"part": f"check, {row['severity']}", "what": where, "reason": row["expectation"],
                     "count": row["unexpected"], "detail": detail})  # fmt: skip
    for row in payload["trust"]["withheld"]:
        where = ", ".join(f"{name} {value}" for name, value in row["where"].items()) or "everything"
        rows.append({"part": "withheld", "what": f"{row['kpi']}, {where}", "reason": row["reason"]})
    return rows


def _definitions(payload: Mapping[str, Any]) -> list[Record]:
    rows = [
        {name: ", ".join(value) if isinstance(value, list) else value for name, value in entry.items()}
        for entry in payload["definitions"]
    ]
    sql = (payload["escalations"] or {}).get("sql")
    return [*rows, {"label": "Cases to look at now", "definition": sql}] if sql else rows


def _chart_data(payload: Mapping[str, Any], weekly: Sequence[Record]) -> Tab:
    """A row per week and four columns per KPI, so that a missing week is an empty cell and its line has a gap."""
    found = {(row["kpi"], row["statistic"], row["period"]): row for row in weekly}
    periods = sorted({row["period"] for row in weekly})
    columns, rows = ["period"], [{"period": period} for period in periods]
    for series in payload["series"]:
        names = [f"{series['kpi']} {name}" for name in SERIES_NAMES]
        columns += names
        for row in rows:
            figure = found.get((series["kpi"], series["statistic"], row["period"]), {})
            is_final = figure.get("status") == "final"
            value = figure.get("value")
            values = [
                value if is_final else None,
                None if is_final else value,
                figure.get("prior_year_value"),
                figure.get("target"),
            ]
            row.update(dict(zip(names, values, strict=True)))
    return Tab("Chart data", columns, rows)
