"""The shape of the weekly payload: what kpis.json holds and every renderer reads.

Shares and rates are fractions, durations hours, NPS points: the units of kpi_weekly, unchanged.
A figure that is not known, withheld or suppressed is None, never 0.
"""

from __future__ import annotations

from typing import Literal, TypedDict

Verdict = Literal["signal", "watch", "noise", "cannot_tell"]
TargetStatus = Literal["met", "missed", "open"]


class Source(TypedDict):
    """One extract and how old the newest thing in it is at the as-of time."""

    source: str
    latest: str | None
    lag_hours: float | None
    latest_is: Literal["record", "delivery"]  # the newest record in the files, or only the newest file


class Checks(TypedDict):
    """Expectations of the latest run, counted; a warning that did not pass is among the failed."""

    passed: int
    failed: int
    failed_by_severity: dict[str, int]


class Withheld(TypedDict):
    """A KPI, or a slice of it, that is not shown."""

    kpi: str
    where: dict[str, str]  # {} is the whole KPI
    reason: str


class Restated(TypedDict):
    """A number that was published and has changed since."""

    kpi: str
    statistic: str
    week: str
    old: float | None
    new: float | None
    reason: str
    parts: dict[str, float]  # late_data, corrections, definition_change, backfill; they add up to new - old


class Trust(TypedDict):
    """What a reader should know before the first number."""

    sources: list[Source]
    checks: Checks
    withheld: list[Withheld]
    restated: list[Restated]


class ToDate(TypedDict):
    """A ratio over the settled days of a month, quarter or year to the week's end, or the curve of a duration over all of
    them; and over as many days a year before.
    """

    value: float | None
    prior_year_value: float | None
    days: int


class Judgement(TypedDict):
    """Signal or noise in the KPI's latest settled week, and what the row's course is."""

    verdict: Verdict
    verdict_week: str | None
    verdict_reason: str | None  # what fired, or why it cannot be told
    smallest_visible_change: float | None
    sparkline: list[float | None]  # of the last six weeks
    month_to_date: ToDate | None
    quarter_to_date: ToDate | None
    year_to_date: ToDate | None


class ScorecardRow(Judgement):
    """A KPI and statistic in the week, and in its latest settled week."""

    kpi: str
    label: str
    question: str
    statistic: str
    unit: str
    better: str
    is_headline: bool
    value: float | None
    ci_low: float | None
    ci_high: float | None
    n: int | None
    status: str
    note: str | None
    prior_value: float | None
    prior_status: str | None
    prior_year_value: float | None
    prior_year_status: str | None
    target: float | None
    target_status: TargetStatus | None
    definition_version: str | None
    final_week: str | None  # the latest week whose value is settled; this week where it is final
    final_value: float | None
    final_ci_low: float | None
    final_ci_high: float | None
    final_n: int | None
    final_prior_value: float | None
    final_prior_year_value: float | None
    final_target: float | None
    final_target_status: TargetStatus | None


class Point(TypedDict):
    """A KPI in one period; None where nothing was published or nothing may be shown."""

    period: str  # 2026-W47 or 2026-11
    start: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    n: int | None
    prior_year_value: float | None
    target: float | None
    status: str


class Limits(TypedDict):
    """The natural process limits of the week that was judged, and what was expected of it."""

    low: float | None
    expected: float
    high: float | None


class Series(TypedDict):
    """A KPI's headline statistic, oldest period first, every period present."""

    kpi: str
    label: str
    statistic: str
    unit: str
    better: str
    weeks: list[Point]
    months: list[Point]
    limits: Limits | None


class Ingested(TypedDict):
    """What all files of a source brought, in rows."""

    source: str
    files: int
    files_refused: int
    rows_read: int
    rows_accepted: int
    rows_superseded: int
    rows_quarantined: int


class RefusedFile(TypedDict):
    """A file that could not be taken in."""

    source: str
    file: str
    reason: str
    ingested_at: str | None


class QuarantineReason(TypedDict):
    """Rows of a source that broke the contract for one reason."""

    source: str
    reason: str
    rows: int


class FailedCheck(TypedDict):
    """An expectation that did not pass."""

    layer: str
    table: str
    expectation: str
    column: str | None
    severity: str
    unexpected: int | None
    elements: int | None
    expected: str | None
    withholds: list[str]


class DataQuality(TypedDict):
    """Everything that was lost or doubtful on the way in."""

    ingest: list[Ingested]
    refused: list[RefusedFile]
    quarantine: list[QuarantineReason]
    checks: list[FailedCheck]


class Definition(TypedDict):
    """A KPI as its file declares it."""

    kpi: str
    label: str
    question: str
    kind: str
    unit: str
    per: int  # what a numerator over a denominator is multiplied by
    read_in: str  # what its figures are shown in wherever people read them: 'days' for hours that are long
    better: str
    anchor: str
    grain: str
    window_days: int | None
    owner: str
    headline_statistic: str
    within: str | None  # the dimension that every group of it has, such as the stage
    part_of: str | None  # the duration that this one takes apart
    target: float | None
    dimensions: list[str]
    sources: list[str]
    changes: list[str]
    definition_version: str
    definition: str


class Payload(TypedDict):
    """The whole weekly file."""

    week: str
    monday: str
    as_of: str
    is_over: bool
    audience: Literal["leadership", "analysts"]  # leadership: figures of few cases are suppressed
    brief: list[str]  # at most six sentences, the first first to read
    trust: Trust
    scorecard: list[ScorecardRow]
    signals: list[dict[str, object]]
    causes: list[dict[str, object]]
    unnamed: list[dict[str, object]]  # kpi, week, part, stage, where (a place around it, or {}), has_risen
    recommendations: list[dict[str, object]]
    actions: list[dict[str, object]]
    ledger_refused: list[str]  # what could not be read of the actions ledger, by line
    not_examined: list[str]  # the lists above that are empty because nobody looked, not because nothing was found
    series: list[Series]
    stages: list[dict[str, object]]  # of the duration that moved: mean hours of each of its stages, and before
    ageing: list[dict[str, object]]
    contact_reasons: list[dict[str, object]]
    avoidable: list[dict[str, object]]  # contacts of days past a stage's target, by stage, then all (stage 'all')
    voice: dict[str, object] | None
    drivers: list[dict[str, object]]
    escalations: dict[str, object] | None
    data_quality: DataQuality
    definitions: list[Definition]
