"""What the weekly file reads from the published marts, and which week it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from transforms.leadership.disclosure import SMALLEST_SHOWN
from transforms.leadership.hidden import Hidden, Issue, find_hidden, only_withheld

if TYPE_CHECKING:
    import pandas as pd

    Fetch = Callable[[str, Sequence[Any]], pd.DataFrame]

Audience = Literal["leadership", "analysts"]

WEEKS_READ = 53  # a year and the week it is compared with
MONTHS_READ = 13
LINK_WEEKS = 13  # in which what counts the same is taken to be the same
NO_COINCIDENCE = (6, 30)  # weeks and cases
PRIOR_YEAR = timedelta(days=364)  # 52 whole weeks, so that weekdays line up


class WeekError(ValueError):
    """The week asked for cannot be written; the message says what was found and what to do."""


@dataclass(frozen=True)
class Frames:
    """The published rows one weekly file is made of, one frame per file of `reads/`.

    `hidden` says which of them are not shown: nothing is hidden from analysts.
    """

    tables: frozenset[str]  # that are published: what lies without one of them is not looked at
    as_of: datetime
    is_over: bool  # the week, on every clock of the business
    catalogue: pd.DataFrame
    weekly: pd.DataFrame
    monthly: pd.DataFrame
    week_rows: pd.DataFrame
    linked: pd.DataFrame
    hidden_weeks: pd.DataFrame
    hidden_months: pd.DataFrame
    sources: pd.DataFrame
    latest_records: pd.DataFrame | None
    refused: pd.DataFrame
    quarantine: pd.DataFrame
    checks: pd.DataFrame
    restated: pd.DataFrame | None
    version: pd.DataFrame
    stage_targets: pd.DataFrame | None = None
    # Week rows and what is linked, of the weeks compared with that no file was written of.
    without_issue: Mapping[date, tuple[pd.DataFrame, pd.DataFrame]] = field(default_factory=dict)
    hidden: Hidden = field(default_factory=Hidden)
    audience: Audience = "analysts"
    # Rows that are shown, by frame, once `records` made them; never carried over to other `hidden` or `audience`.
    shown: dict[str, list[dict[str, Any]]] = field(default_factory=dict, init=False, repr=False, compare=False)


def read_frames(
    fetch: Fetch, week: date, audience: Audience = "leadership", issues: Mapping[date, Issue] | None = None
) -> Frames:
    """Read everything the file of the week starting on Monday `week` needs, and find what it must not show.

    `fetch(sql, params)` answers a DataFrame from the published marts; `issues` is what earlier files kept back.
    Raises WeekError for a week without rows.
    """
    published = _published(fetch)
    if week not in published:
        raise WeekError(_absent(week, published))
    month = week.replace(day=1)
    first_week, first_month = week - timedelta(weeks=WEEKS_READ - 1), months_before(week, MONTHS_READ - 1)
    few = (SMALLEST_SHOWN, SMALLEST_SHOWN)
    week_rows, linked = _counted(fetch, week)
    tables = frozenset(fetch(read_sql("columns"), [])["table_name"])
    frames = Frames(
        tables=tables,
        as_of=max(published.values()),
        is_over=week in _over(fetch),
        catalogue=fetch(read_sql("catalogue"), []),
        weekly=fetch(read_sql("weekly"), [first_week, week]),
        monthly=fetch(read_sql("monthly"), [first_month, month]),
        week_rows=week_rows,
        linked=linked,
        hidden_weeks=fetch(
            read_sql("hidden_weeks"),
            [*few, first_week - PRIOR_YEAR, week, *_compared(week)],
        ),
        hidden_months=fetch(read_sql("hidden_months"), [*few, months_before(first_month, 12), month]),
        sources=fetch(read_sql("sources"), []),
        latest_records=fetch(read_sql("latest_records"), []) if "sources" in tables else None,
        refused=fetch(read_sql("refused"), []),
        quarantine=fetch(read_sql("quarantine"), []),
        checks=fetch(read_sql("checks"), []),
        restated=fetch(read_sql("restated"), [SMALLEST_SHOWN]) if "restatements" in tables else None,
        version=fetch(read_sql("version"), []),
        stage_targets=fetch(read_sql("stage_targets"), [week]) if "stage_targets" in tables else None,
    )
    if audience == "analysts":
        return replace(frames, hidden=only_withheld(frames))
    issues = issues or {}
    alone = {
        monday: _counted(fetch, monday) for monday in _compared(week) if monday in published and monday not in issues
    }
    frames = replace(frames, without_issue=alone)
    return replace(frames, hidden=find_hidden(frames, week, issues), audience=audience)


def _compared(week: date) -> tuple[date, date]:
    """The Mondays that every figure of the week is compared with."""
    return week - timedelta(weeks=1), week - PRIOR_YEAR


def _counted(fetch: Fetch, week: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All rows of a week, and which of them count the same."""
    since = week - timedelta(weeks=LINK_WEEKS - 1)
    return fetch(read_sql("week_rows"), [week]), fetch(read_sql("linked"), [since, week, *NO_COINCIDENCE])


def resolve_week(fetch: Fetch, week: str | None) -> date:
    """The Monday of `week` ('2026-W47'), or of the latest published week that is over at the marts' as-of time."""
    if week is not None:
        return parse_week(week)
    published = _published(fetch)
    if not published:
        raise WeekError("kpi_weekly has no rows, expected at least one week; run `nightly` first")
    over = _over(fetch) & published.keys()
    if not over:
        raise WeekError(
            f"no week in kpi_weekly is over at {max(published.values()):%Y-%m-%d %H:%M} UTC, found {_span(published)};"
            " name one with --week, or run `nightly` again once a week is over"
        )
    return max(over)


def parse_week(week: str) -> date:
    """The Monday of an ISO week such as 2026-W47; WeekError for anything else."""
    year, _, number = week.partition("-W")
    try:
        if len(year) != 4 or len(number) != 2:
            raise ValueError(week)
        return date.fromisocalendar(int(year), int(number), 1)
    except ValueError as error:
        raise WeekError(f"--week: found {week!r}, expected an ISO week such as 2026-W47") from error


def week_name(monday: date) -> str:
    """2026-11-16 is 2026-W47."""
    year, number, _ = monday.isocalendar()
    return f"{year}-W{number:02d}"


def months_before(day: date, months: int) -> date:
    """The first day of the month that lies `months` months before that of `day`."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, 1)


def _published(fetch: Fetch) -> dict[date, datetime]:
    frame = fetch(read_sql("weeks"), [])
    weeks = [timestamp.date() for timestamp in frame["week"]]
    moments = [_utc(timestamp.to_pydatetime()) for timestamp in frame["as_of"]]
    return dict(zip(weeks, moments, strict=True))


def _over(fetch: Fetch) -> set[date]:
    return {moment.date() for moment in fetch(read_sql("weeks_over"), [])["week"]}


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _absent(week: date, published: dict[date, datetime]) -> str:
    found = _span(published) if published else "no weeks at all"
    return f"kpi_weekly has no rows for {week_name(week)}, found {found}; choose one of them, or run `nightly` for it"


def _span(published: dict[date, datetime]) -> str:
    return f"{len(published)} weeks from {week_name(min(published))} to {week_name(max(published))}"


def read_sql(name: str) -> str:
    """The SELECT in `reads/` of that name."""
    return resources.files(__package__).joinpath("reads", f"{name}.sql").read_text(encoding="utf-8")
