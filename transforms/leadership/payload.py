"""One typed structure for the weekly file: every renderer reads it, none reads the marts.

Numbers are those of kpi_weekly and kpi_monthly, unchanged. What the file could not look at is an empty list, named in
`not_examined`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from transforms.insight.brief import brief
from transforms.leadership.frames import PRIOR_YEAR, Frames, months_before, week_name
from transforms.leadership.quality import data_quality, trust
from transforms.leadership.records import Record, monthly_rows, records, week_rows, weekly_rows, whole_number
from transforms.leadership.sections.avoided import avoidable_rows
from transforms.leadership.shape import Definition, Judgement, Limits, Point, ScorecardRow, Series, TargetStatus
from transforms.leadership.words import better_of, display_unit, unit_of
from transforms.stages import STAGES

if TYPE_CHECKING:
    from transforms.leadership.findings import Findings

WEEKS_SHOWN = 6
MONTHS_SHOWN = 12
OLDEST_FINAL = timedelta(weeks=26)
DURATION_STATISTICS = ["p90", "credited_by_day_7"]  # beside the headline: the long waits, and a promise people know
SIGNAL = (
    *("kpi", "statistic", "dimension", "dimension_value", "week", "value", "ci_low", "ci_high"),
    *("expected", "limit_low", "limit_high", "n"),
    *("z", "p_value", "q_value", "rule", "run_weeks", "verdict", "smallest_visible_change", "unit", "better"),
)
NOT_TESTED = "not tested"
NOTHING_PUBLISHED = "no row was published for this week"

Weekly = Mapping[tuple[str, str, date], Record]  # (kpi, statistic, Monday or first of the month) -> row


def build_payload(frames: Frames, week: date, found: Findings) -> dict[str, Any]:
    """The payload of the week starting on Monday `week`, ready for json.dumps; its shape is `shape.Payload`.

    found: of the same frames and week (`findings.find`).
    """
    catalogue = records(frames.catalogue)
    weekly = _by_period(weekly_rows(frames), "week")
    monthly = _by_period(monthly_rows(frames), "month")
    scorecard = [
        _scorecard_row(kpi, statistic, weekly, week, found)
        for kpi in catalogue
        if not _is_of_groups(kpi)
        for statistic in _statistics(kpi)
    ]
    series = [_series(kpi, weekly, monthly, week, found) for kpi in catalogue]
    definitions = [_definition(kpi, scorecard, series) for kpi in catalogue]
    avoidable = avoidable_rows(frames)
    not_examined = [*found.not_examined, *(["restated"] if frames.restated is None else [])]
    not_examined += ["avoidable"] if avoidable is None else []
    payload: dict[str, Any] = {
        "week": week_name(week),
        "monday": week.isoformat(),
        "as_of": iso(frames.as_of),
        "is_over": frames.is_over,
        "audience": frames.audience,
        "brief": [],
        "trust": trust(frames, week),
        "scorecard": scorecard,
        "signals": [{name: row[name] for name in SIGNAL} for row in found.signals],
        "causes": found.causes,
        "unnamed": found.unnamed,
        "recommendations": found.recommend(scorecard, definitions, week),
        "actions": found.actions,
        "ledger_refused": found.ledger_refused,
        "not_examined": not_examined,
        "series": series,
        "stages": sorted(found.stages, key=_place_of_stage),
        "ageing": _groups(frames, "overdue"),
        "contact_reasons": _groups(frames, "contact_reason"),
        "avoidable": avoidable or [],
        "voice": found.voice,
        "drivers": found.drivers,
        "escalations": found.escalations,
        "data_quality": data_quality(frames),
        "definitions": definitions,
    }
    payload["brief"] = brief(payload)
    return payload


def _place_of_stage(row: Record) -> int:
    """Where in the course of a refund a stage comes: the waterfall falls in that order."""
    return STAGES.index(row["stage"]) if row["stage"] in STAGES else len(STAGES)


def iso(at: datetime) -> str:
    """UTC, to the second, with Z: 2026-11-23T02:00:00Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def target_status(row: Mapping[str, Any], better: str) -> TargetStatus | None:
    """Whether a settled value meets its target: 'open' when the 95 % interval holds the target.

    None without a target, or while the value is not final: a provisional value is not judged.
    """
    target, low, high = row["target"], row["ci_low"], row["ci_high"]
    if row["status"] != "final" or target is None or low is None or high is None:
        return None
    if low <= target <= high:
        return "open"
    return "met" if (low > target) == (better == "higher") else "missed"


def _by_period(rows: list[Record], column: str) -> Weekly:
    return {(row["kpi"], row["statistic"], row[column]): row for row in rows}


def _statistics(kpi: Record) -> list[str]:
    beside = DURATION_STATISTICS if kpi["kind"] == "duration" else []
    return [kpi["headline_statistic"], *(name for name in beside if name != kpi["headline_statistic"])]


def _is_of_groups(kpi: Record) -> bool:
    """Whether its whole says nothing: parts of one sum, or stages of one duration. Its groups are told elsewhere."""
    return kpi["kind"] == "mix" or bool(kpi.get("part_of")) or (kpi["kind"] == "duration" and bool(kpi.get("within")))


def _scorecard_row(kpi: Record, statistic: str, weekly: Weekly, week: date, found: Findings) -> ScorecardRow:
    row = weekly.get((kpi["kpi"], statistic, week), _nothing(NOTHING_PUBLISHED))
    better = better_of(kpi["better"], kpi["unit"], statistic)
    final_week = _final_week(kpi["kpi"], statistic, weekly, week)
    final = weekly[kpi["kpi"], statistic, final_week] if final_week else _nothing(None)
    return {
        "kpi": kpi["kpi"],
        "label": kpi["label"],
        "question": kpi["question"],
        "statistic": statistic,
        "unit": unit_of(kpi["unit"], statistic),
        "better": better,
        "is_headline": statistic == kpi["headline_statistic"],
        "value": row["value"],
        "ci_low": row["ci_low"],
        "ci_high": row["ci_high"],
        "n": whole_number(row["n"]),
        "status": row["status"],
        "note": row["note"],
        "prior_value": row["prior_value"],
        "prior_status": _status(weekly, kpi["kpi"], statistic, week - timedelta(weeks=1)),
        "prior_year_value": row["prior_year_value"],
        "prior_year_status": _status(weekly, kpi["kpi"], statistic, week - PRIOR_YEAR),
        "target": row["target"],
        "target_status": target_status(row, better),
        "definition_version": row["definition_version"],
        "final_week": week_name(final_week) if final_week else None,
        "final_value": final["value"],
        "final_ci_low": final["ci_low"],
        "final_ci_high": final["ci_high"],
        "final_n": whole_number(final["n"]),
        "final_prior_value": final["prior_value"],
        "final_prior_year_value": final["prior_year_value"],
        "final_target": final["target"],
        "final_target_status": target_status(final, better),
        **_verdict(kpi, statistic, weekly, week, found),
    }


def _verdict(kpi: Record, statistic: str, weekly: Weekly, week: date, found: Findings) -> Judgement:
    """Signal or noise, in the KPI's latest settled week; a duration is judged by its mean over 30 days."""
    judged = found.judged.get(kpi["kpi"])
    is_judged = judged is not None and statistic in (judged["statistic"], kpi["headline_statistic"])
    spans = found.to_date.get((kpi["kpi"], statistic), {})
    weeks = [week - timedelta(weeks=back) for back in reversed(range(WEEKS_SHOWN))]
    points = [weekly.get((kpi["kpi"], statistic, monday)) for monday in weeks]
    return {
        "verdict": judged["verdict"] if judged and is_judged else "cannot_tell",
        "verdict_week": judged["week"] if judged and is_judged else None,
        "verdict_reason": (judged["reason"] or judged["rule"] or None) if judged and is_judged else NOT_TESTED,
        "smallest_visible_change": judged["smallest_visible_change"] if judged and is_judged else None,
        "sparkline": [row["value"] if row else None for row in points],
        "month_to_date": spans.get("month_to_date"),
        "quarter_to_date": spans.get("quarter_to_date"),
        "year_to_date": spans.get("year_to_date"),
    }


def _groups(frames: Frames, dimension: str) -> list[dict[str, Any]]:
    """The week's groups of the KPI that has such a dimension: kpi, dimension_value, value, prior year, numerator, n."""
    names = ("kpi", "dimension_value", "value", "prior_year_value", "numerator", "n", "status")
    return [
        {name: row[name] for name in names}
        for row in week_rows(frames)
        if row["dimension"] == dimension and row["statistic"] == "value"
    ]


def _final_week(kpi: str, statistic: str, weekly: Weekly, week: date) -> date | None:
    """The latest settled week, of the last 26: a quantile that is hardly ever reached has none, and not that of a year ago."""
    finals = [
        monday
        for (name, stat, monday), row in weekly.items()
        if name == kpi and stat == statistic and row["status"] == "final" and monday >= week - OLDEST_FINAL
    ]
    return max(finals, default=None)


def _status(weekly: Weekly, kpi: str, statistic: str, monday: date) -> str | None:
    row = weekly.get((kpi, statistic, monday))
    return row["status"] if row else None


def _nothing(note: str | None) -> Record:
    columns = ("value", "ci_low", "ci_high", "n", "prior_value", "prior_year_value", "target", "definition_version")
    return dict.fromkeys(columns) | {"status": "missing", "note": note}


def _series(kpi: Record, weekly: Weekly, monthly: Weekly, week: date, found: Findings) -> Series:
    statistic = kpi["headline_statistic"]
    weeks = [week - timedelta(weeks=back) for back in reversed(range(WEEKS_SHOWN))]
    months = [months_before(week, back) for back in reversed(range(MONTHS_SHOWN))]
    return {
        "kpi": kpi["kpi"],
        "label": kpi["label"],
        "statistic": statistic,
        "unit": kpi["unit"],
        "better": kpi["better"],
        "weeks": [_point(weekly, kpi["kpi"], statistic, monday, week_name(monday)) for monday in weeks],
        "months": [_point(monthly, kpi["kpi"], statistic, first, f"{first:%Y-%m}") for first in months],
        "limits": _limits(found.judged.get(kpi["kpi"]), statistic),
    }


def _limits(judged: Record | None, statistic: str) -> Limits | None:
    """The process limits of the week that was judged, where it is the series' own statistic."""
    if judged is None or judged["statistic"] != statistic or judged["expected"] is None:
        return None
    return {"low": judged["limit_low"], "expected": judged["expected"], "high": judged["limit_high"]}


def _point(rows: Weekly, kpi: str, statistic: str, start: date, name: str) -> Point:
    row = rows.get((kpi, statistic, start), _nothing(None))
    return {
        "period": name,
        "start": start.isoformat(),
        "value": row["value"],
        "ci_low": row["ci_low"],
        "ci_high": row["ci_high"],
        "n": whole_number(row["n"]),
        "prior_year_value": row["prior_year_value"],
        "target": row["target"],
        "status": row["status"],
    }


def _definition(kpi: Record, scorecard: Sequence[ScorecardRow], series: Sequence[Series]) -> Definition:
    fields = {name: kpi.get(name) for name in Definition.__annotations__}
    fields["read_in"] = display_unit(kpi["unit"], _shown(kpi.get("part_of") or kpi["kpi"], scorecard, series))
    fields |= {name: whole_number(fields[name]) for name in ("window_days", "per")}
    for name in ("dimensions", "sources", "changes"):
        fields[name] = list(fields[name] or [])
    return cast(Definition, fields)


def _shown(kpi: str, scorecard: Sequence[ScorecardRow], series: Sequence[Series]) -> Iterator[float | None]:
    """The values of a KPI that the file shows of its headline; the parts of a duration are read in its unit."""
    for row in scorecard:
        if row["kpi"] == kpi and row["is_headline"]:
            yield from (row["value"], row["final_value"])
    for one in series:
        if one["kpi"] == kpi:
            yield from (point["value"] for point in (*one["weeks"], *one["months"]))
