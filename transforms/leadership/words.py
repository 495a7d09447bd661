"""Numbers, dates and codes as a reader meets them. Formats only: 0.123 is 12.3%, 148.8 hours are 6.2 days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

NONE = "–"
HOURS_IN_DAY = 24
READ_IN_DAYS_FROM = 72  # hours; below it a reader still thinks in hours
LEAST_DAYS = 0.1  # a part of a move that is smaller has two decimals: it is not nothing
MEASURED_SIZES = ("points", "refund-days")  # what is at stake is counted in whole things, but for these

# unit of kpi_weekly -> what an axis or a table heading calls it
UNITS = {
    "share": "%",
    "points": "points",
    "per_1k": "per 1,000 orders",
    "per_day": "per day of waiting",
    "count": "cases",
    "hours": "hours",
    "days": "days",
}
_SUFFIX = {unit: f" {said}" for unit, said in UNITS.items() if unit != "share"}
_SHORT = {"hours": " h", "days": " d"}

# status -> icon and words; the icon never stands alone
STATUSES = {
    "final": ("●", "final"),
    "provisional": ("○", "provisional"),
    "low_n": ("◌", "under 30 cases"),
    "not_reached": ("◇", "not reached"),
    "suppressed": ("■", "suppressed"),
    "withheld": ("✕", "withheld"),
    "missing": ("–", "no data"),
}
STATUS_MEANINGS = {
    "final": "settled, the week and its waiting window are over",
    "provisional": "will still change, the week or its waiting window is not over; not compared with a final value",
    "low_n": "read the interval, not the value",
    "not_reached": "too few cases got that far for this statistic to exist yet",
    "suppressed": "fewer than 10 cases, or would give such a number away; shown to analysts only",
    "withheld": "a failed check touches it; not shown until that is settled",
    "missing": "nothing was published for this week",
}

# verdict on a week -> symbol, word and meaning; verdict on an action -> symbol and words
VERDICTS = {
    "signal": ("◆", "signal", "more than ordinary variation"),
    "watch": ("◐", "watch", "unusual, not yet sure"),
    "noise": ("≈", "noise", "ordinary variation, or a change too small to see"),
    "cannot_tell": ("?", "cannot tell", "it could not be judged"),
}
ACTION_VERDICTS = {
    "worked": ("●", "worked"),
    "no_evidence": ("≈", "no evidence"),
    "harmed": ("✕", "did harm"),
    "too_early": ("○", "too early"),
}

_STATISTICS = {
    "value": "",
    "restricted_mean": "mean over 30 days",
    "poststratified": "weighted to who was asked",
    "n_eff": "effective number of answers",
    "nowcast": "expected in the end, 90 % interval",
    "value_tiers_1_4": "attribution tiers 1–4",
    "bound_low": "lower bound",
    "bound_high": "upper bound",
}
_QUANTILES = {"p25": "25% of cases within", "p50": "median", "p90": "90% of cases within"}


def statistic_words(statistic: str) -> str:
    """'p90' is '90% of cases within'; '' for the plain value."""
    if statistic.startswith("credited_by_day_"):
        return f"credited within {statistic.removeprefix('credited_by_day_')} days"
    if statistic.startswith("km_"):
        return f"{statistic_words(statistic.removeprefix('km_'))}, if paid at all"
    return _STATISTICS.get(statistic, _QUANTILES.get(statistic, statistic))


def unit_of(unit: str, statistic: str) -> str:
    """The unit of a statistic of a KPI: the share credited by a day is a share, though its KPI counts hours."""
    if statistic == "n_eff":
        return "count"
    return "share" if statistic.startswith("credited_by_day_") else unit


def better_of(better: str, unit: str, statistic: str) -> str:
    """Which way is better: a higher share credited by a day is good, though its KPI should be low."""
    return "higher" if unit_of(unit, statistic) != unit else better


def display_unit(unit: str, values: Iterable[float | None]) -> str:
    """'days' for hours once any of a KPI's values is longer than three days; else the unit itself."""
    long = any(value > READ_IN_DAYS_FROM for value in values if value is not None)
    return "days" if unit == "hours" and long else unit


def in_display_unit(value: float, unit: str) -> float:
    """A value of kpi_weekly in its display unit: only hours read in days change."""
    return value / HOURS_IN_DAY if unit == "days" else value


def figure(value: float | None, unit: str) -> str:
    """A value in its display unit, as in a table cell: '12.3%', '41.2', '6.2 d'. Unknown is a dash."""
    if value is None:
        return NONE
    if unit == "count":
        text = f"{value:,.0f}"
    elif unit == "per_day":
        text = f"{value:,.3f}"
    elif unit == "share":
        text = f"{value:.2%}" if 0 < abs(value) < 0.001 else f"{value:.1%}"
    else:
        shown = in_display_unit(value, unit)
        text = f"{shown:,.2f}" if unit == "days" and 0 < abs(shown) < LEAST_DAYS else f"{shown:,.1f}"
    negative = text.startswith("-") and any(digit in text for digit in "123456789")
    return ("−" if negative else "") + text.lstrip("-") + _SHORT.get(unit, "")


def worded(value: float | None, unit: str) -> str:
    """A value in a sentence: '41.2 points', '6.2 days'."""
    if value is None:
        return NONE
    said = _bare(value, unit)
    return f"{said} case" if unit == "count" and said == "1" else said + _SUFFIX.get(unit, "")


def interval(low: float | None, high: float | None, unit: str) -> str:
    """'38.1 to 44.2'; a bound that is not known is a dash, and so is an interval without bounds."""
    if low is None and high is None:
        return NONE
    return f"{_bare(low, unit)} to {figure(high, unit)}"


def _bare(value: float | None, unit: str) -> str:
    short = _SHORT.get(unit)
    return figure(value, unit).removesuffix(short) if short else figure(value, unit)


def signed(value: float | None, unit: str) -> str:
    """A change with its sign: '+0.3', '−1.2 d'; of a share in percentage points, '+1.2 pp'."""
    if value is None:
        return NONE
    text = f"{100 * value:,.1f} pp" if unit == "share" else figure(value, unit)
    text = text.replace("-0.0", "0.0").replace("-", "−")
    is_zero = not any(digit in text for digit in "123456789")
    return text if is_zero or text.startswith("−") else f"+{text}"


def signed_interval(low: float | None, high: float | None, unit: str) -> str:
    """'−1.2 to +0.3 pp'."""
    if low is None and high is None:
        return NONE
    first, last = signed(low, unit), signed(high, unit)
    for ending in (" pp", " h", " d"):
        first = first.removesuffix(ending) if last.endswith(ending) else first
    return f"{first} to {last}"


def size_words(size: Mapping[str, Any] | None) -> str:
    """What is at stake: '7 contacts a week', 'under 1 contact a week', '3.4 points'.

    What is counted is whole; points and refund-days below 10 have one decimal.
    """
    if size is None:
        return NONE
    value, is_measured = size["value"], size["unit"] in MEASURED_SIZES
    if not is_measured and value < 1:
        text = "under 1"
    elif is_measured and value < 10:
        text = f"{value:.1f}".removesuffix(".0")
    else:
        text = f"{value:,.0f}"
    unit = size["one"] if text in ("1", "under 1") else size["unit"]
    return f"{text} {unit}" + (f" a {size['per']}" if size["per"] else "")


def place_words(where: Mapping[str, str]) -> str:
    """{'market': 'VN', 'carrier': 'royal_mail'} is 'market VN, carrier royal mail'; {} is 'everything'."""
    return ", ".join(f"{name} {value}".replace("_", " ") for name, value in where.items()) or "everything"


def day_words(day: str | None) -> str:
    """'2026-11-27' is '27 November 2026'; unknown is a dash."""
    if day is None:
        return NONE
    at = date.fromisoformat(day)
    return f"{at.day} {at:%B %Y}"


def count(number: float | None) -> str:
    """1,234; unknown is a dash."""
    return NONE if number is None else f"{number:,.0f}"


def counted(number: int, one: str, many: str) -> str:
    """'1 file', '2 files'."""
    return f"{number:,} {one if number == 1 else many}"


def status_words(status: str) -> tuple[str, str]:
    """Icon and words of a status; an unforeseen status speaks for itself."""
    return STATUSES.get(status, ("?", status))


def days_of_week(monday: date) -> str:
    """'16 to 22 November 2026', naming month and year once where they are the same."""
    sunday = monday + timedelta(days=6)
    start = f"{monday.day}"
    if monday.month != sunday.month:
        start += f" {monday:%B}"
    if monday.year != sunday.year:
        start += f" {monday.year}"
    return f"{start} to {sunday.day} {sunday:%B} {sunday.year}"


def moment(at: datetime) -> str:
    """'24 November 2026, 02:00 UTC'."""
    return f"{at.day} {at:%B %Y}, {at:%H:%M} UTC"


def lag(hours: float | None) -> str:
    """'3.5 h', '2.1 days' from three days on; a dash when not known."""
    if hours is None:
        return NONE
    return f"{hours / HOURS_IN_DAY:,.1f} days" if hours > READ_IN_DAYS_FROM else f"{hours:,.1f} h"


def listed(names: Iterable[str]) -> str:
    """'a, b and c'."""
    *first, last = list(names) or [NONE]
    return f"{', '.join(first)} and {last}" if first else last
