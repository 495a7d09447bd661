"""The trust strip: how old, checked, complete and unchanged the numbers are, before the first of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict

from transforms.leadership.sections.tables import Table, is_examined, label_of, table
from transforms.leadership.words import (
    NONE,
    counted,
    figure,
    lag,
    listed,
    moment,
    place_words,
    statistic_words,
    unit_of,
)

MOST_NAMED = 4  # in the strip; the tables of the data-quality part have all
MOST_SHOWN = 15
SEVERITIES = {"warn": "warned", "fail": "failed"}  # what a check that is not met did


class Trust(TypedDict):
    """The strip: a few facts, each with its name."""

    sources: str
    checks: str
    withheld: list[list[str]]  # KPI, where, reason
    withheld_more: str
    restated: str


def trust_strip(payload: Mapping[str, Any], units: Mapping[str, str]) -> Trust:
    """What a reader should know before the first number."""
    trust = payload["trust"]
    withheld = [[label_of(payload, row["kpi"]), place_words(row["where"]), row["reason"]] for row in trust["withheld"]]
    left = len(withheld) - MOST_NAMED
    return {
        "sources": _sources(trust["sources"]),
        "checks": _checks(trust["checks"]),
        "withheld": withheld[:MOST_NAMED],
        "withheld_more": f"{left} more, listed under data quality" if left > 0 else "",
        "restated": _restated(payload, units),
    }


def trust_tables(payload: Mapping[str, Any], units: Mapping[str, str]) -> list[Table]:
    """Sources, withheld and restated figures in full."""
    trust = payload["trust"]
    restated = [
        [row["week"], _figure_name(payload, row), *_values(row, units), row["reason"] or NONE]
        for row in trust["restated"]
    ]
    withheld = [[label_of(payload, row["kpi"]), place_words(row["where"]), row["reason"]] for row in trust["withheld"]]
    sources = [[row["source"], _newest(row), _age(row)] for row in trust["sources"]]
    return [
        table("Sources and their lag", ["Source", "Newest", "Lag"], [2], sources, "No source delivered anything."),
        _cut("Withheld", ["KPI", "Where", "Why"], [], withheld, "Nothing is withheld."),
        _cut("Restated since it was published", ["Week", "Figure", "Was", "Is", "Why"], [2, 3], restated,
             "No published figure has changed." if is_examined(payload, "restated")
             else "Whether published figures changed was not examined."),
    ]  # fmt: skip


def _cut(title: str, headings: list[str], numeric: list[int], rows: list[list[Any]], empty: str) -> Table:
    left = len(rows) - MOST_SHOWN
    more = f"{counted(left, 'further row', 'further rows')} in the workbook." if left > 0 else ""
    return table(title, headings, numeric, rows[:MOST_SHOWN], empty, more)


def _sources(sources: list[Mapping[str, Any]]) -> str:
    """'orders 3.2 h, surveys 26.0 h', the oldest first."""
    ranked = sorted(sources, key=lambda row: -(row["lag_hours"] if row["lag_hours"] is not None else float("inf")))
    return ", ".join(f"{row['source']} {_age(row)}" for row in ranked) or "No source delivered anything"


def _age(source: Mapping[str, Any]) -> str:
    return "age not known" if source["lag_hours"] is None else lag(source["lag_hours"])


def _newest(source: Mapping[str, Any]) -> str:
    latest = moment(datetime.fromisoformat(source["latest"])) if source["latest"] else NONE
    return f"{'newest record' if source['latest_is'] == 'record' else 'newest file taken in'} {latest}"


def _checks(checks: Mapping[str, Any]) -> str:
    total = checks["passed"] + checks["failed"]
    if not total:
        return "No checks were recorded."
    kinds = [_failed(severity, number) for severity, number in checks["failed_by_severity"].items()]
    failed = listed(kinds or ([f"{checks['failed']} failed"] if checks["failed"] else ["none failed"]))
    return f"{checks['passed']:,} of {counted(total, 'check', 'checks')} passed, {failed}."


def _failed(severity: str, number: int) -> str:
    """'10 warned', '1 failed': what is severe withholds something, a warning does not."""
    return f"{number} {SEVERITIES.get(severity, f'failed ({severity})')}"


def _restated(payload: Mapping[str, Any], units: Mapping[str, str]) -> str:
    rows = payload["trust"]["restated"]
    if not rows:
        return trust_tables(payload, units)[-1]["empty"]
    first = rows[0]
    was, now = _values(first, units)
    said = f"{_figure_name(payload, first)} of {first['week']} was {was}, is {now} ({first['reason']})"
    figures = counted(len(rows), "published figure has changed", "published figures have changed")
    return f"{figures}: {said}." if len(rows) == 1 else f"{figures}, such as {said}; all under data quality."


def _figure_name(payload: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    detail = statistic_words(row["statistic"])
    return label_of(payload, row["kpi"]) + (f" ({detail})" if detail else "")


def _values(row: Mapping[str, Any], units: Mapping[str, str]) -> list[str]:
    unit = unit_of(units.get(row["kpi"], ""), row["statistic"])
    return [figure(row["old"], unit), figure(row["new"], unit)]
