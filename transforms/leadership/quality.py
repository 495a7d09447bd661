"""How far the numbers can be trusted: sources, checks, quarantine, and what is withheld."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from transforms.leadership.frames import Frames, week_name
from transforms.leadership.records import Record, records, whole_number
from transforms.leadership.shape import (
    Checks,
    DataQuality,
    FailedCheck,
    Ingested,
    QuarantineReason,
    RefusedFile,
    Restated,
    Source,
    Trust,
    Withheld,
)

SECONDS_IN_HOUR = 3600
NO_REASON = "no reason was recorded"


def trust(frames: Frames, week: date) -> Trust:
    """What a reader should know before the first number of the week that starts on Monday `week`."""
    withheld = _withheld(records(frames.week_rows[frames.week_rows["status"] == "withheld"]))
    return {
        "sources": _sources(frames),
        "checks": _checks(records(frames.checks)),
        "withheld": [*withheld, *_lacking(frames, week)],
        "restated": [] if frames.restated is None else [_restated(row) for row in records(frames.restated)],
    }


def data_quality(frames: Frames) -> DataQuality:
    """Rows in and out, refused files, quarantined rows by reason, and the checks that did not pass."""
    return {
        "ingest": [_ingested(row) for row in records(frames.sources)],
        "refused": [_refused(row) for row in records(frames.refused)],
        "quarantine": [
            QuarantineReason(source=row["source"], reason=row["reason"] or NO_REASON, rows=int(row["rows_quarantined"]))
            for row in records(frames.quarantine)
        ],
        "checks": [_failed(row) for row in records(frames.checks) if not row["success"]],
    }


def _sources(frames: Frames) -> list[Source]:
    known = [] if frames.latest_records is None else records(frames.latest_records)
    latest = {row["source"]: row["latest_at"] for row in known}
    delivered = {row["source"]: row["latest_delivery"] for row in records(frames.sources)}
    return [_source(name, latest.get(name), delivered.get(name), frames.as_of) for name in sorted(latest | delivered)]


def _source(name: str, record: Any, delivery: Any, as_of: datetime) -> Source:
    at = _moment(record) or _moment(delivery)
    # A run can look back from an earlier as-of than its files came in: then their age says nothing.
    hours = (as_of - at).total_seconds() / SECONDS_IN_HOUR if at and at <= as_of else None
    return {
        "source": name,
        "latest": at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None,
        "lag_hours": None if hours is None else round(hours, 1),
        "latest_is": "record" if record else "delivery",
    }


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    at = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _checks(rows: list[Record]) -> Checks:
    passed = sum(bool(row["success"]) for row in rows)
    severities = Counter(str(row["severity"]) for row in rows if not row["success"])
    return {"passed": passed, "failed": len(rows) - passed, "failed_by_severity": dict(sorted(severities.items()))}


def _withheld(rows: list[Record]) -> list[Withheld]:
    """The KPIs and slices of withheld rows, each once: a slice of a KPI that is withheld as a whole goes without saying."""
    found = {
        (row["kpi"], row["dimension"], row["dimension_value"]): row["note"] or NO_REASON
        for row in rows
        if "×" not in row["dimension"]
    }
    whole = {kpi for kpi, dimension, _ in found if dimension == "all"}
    return [
        {"kpi": kpi, "where": {} if dimension == "all" else {dimension: value}, "reason": reason}
        for (kpi, dimension, value), reason in found.items()
        if dimension == "all" or kpi not in whole
    ]


def _lacking(frames: Frames, week: date) -> list[Withheld]:
    """The KPIs of which there is no row in the week, as a source that they need has stopped."""
    if frames.latest_records is None:
        return []
    stopped = {row["source"]: row for row in records(frames.latest_records)}
    there, found = set(frames.week_rows["kpi"]), list[Withheld]()
    for kpi in records(frames.catalogue):
        settled = datetime.combine(week, time(), UTC) + timedelta(days=7 + int(kpi["window_days"] or 0))
        needed = [stopped[source] for source in kpi["sources"] or [] if source in stopped]
        reasons = [row["reason"] for row in needed if (at := _moment(row["lacking_since"])) and at < settled]
        if reasons and kpi["kpi"] not in there:
            found.append({"kpi": kpi["kpi"], "where": {}, "reason": reasons[0]})
    return found


_CAUSES = {
    "late_data": "late data",
    "corrections": "corrections",
    "definition_change": "change of definition",
    "backfill": "backfill",
}


def _restated(row: Record) -> Restated:
    """A published number and its value now; `parts` add up to the difference."""
    parts = {name: row[name] for name in _CAUSES if row[name]}
    changed = f" ({', '.join(row['changed'])})" if row.get("changed") else ""
    said = ", ".join(
        f"{_CAUSES[name]}{changed if name == 'definition_change' else ''} {part:+.4g}" for name, part in parts.items()
    )
    return {
        "kpi": row["kpi"],
        "statistic": row["statistic"],
        "week": week_name(row["week"]),
        "old": row["published_value"],
        "new": row["value"],
        "reason": said,
        "parts": parts,
    }


def _ingested(row: Record) -> Ingested:
    return {
        "source": row["source"],
        "files": int(row["files"]),
        "files_refused": int(row["files_refused"]),
        "rows_read": int(row["rows_read"]),
        "rows_accepted": int(row["rows_accepted"]),
        "rows_superseded": int(row["rows_superseded"]),
        "rows_quarantined": int(row["rows_quarantined"]),
    }


def _refused(row: Record) -> RefusedFile:
    at = _moment(row["ingested_at"])
    return {
        "source": row["source"],
        "file": row["file"],
        "reason": row["refused_reason"],
        "ingested_at": at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None,
    }


def _failed(row: Record) -> FailedCheck:
    return {
        "layer": row["layer"],
        "table": row["table_name"],
        "expectation": row["expectation"],
        "column": row["column_name"],
        "severity": row["severity"],
        "unexpected": whole_number(row["unexpected_count"]),
        "elements": whole_number(row["element_count"]),
        "expected": row["expected"],
        "withholds": list(row["withholds"] or []),
    }
