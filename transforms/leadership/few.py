"""What findings would tell of few cases, taken out of them for a file that leaves the analysts' circle.

The figures of kpi_weekly are suppressed in `records`; what is found beside them says numbers too: answers that met with a
friction, comments of a theme, open cases by name, and a baseline that a hidden week is part of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from transforms.leadership.cells import ALL
from transforms.leadership.disclosure import CASES_WIDTH, SMALLEST_SHOWN, is_few
from transforms.leadership.frames import parse_week
from transforms.leadership.hidden import Hidden
from transforms.leadership.records import Record
from transforms.models import PAIR

if TYPE_CHECKING:
    from transforms.leadership.findings import Findings

BASELINE = 26  # weeks that a week is judged by
REACH = 32  # how many weeks back they lie at most: windows of up to three weeks, a pause and the baseline itself
OVERDUE = "overdue"  # the dimension of the KPI whose cells a list of open cases by name would fill in
OPEN_FOR, LATE = "open for ", "open past the agreed time"  # a reason of a case with its days, and without
SCALE = {"points": 100.0, "per_1k": 1000.0}  # of a value to cases; else 1
WHOLE_PERCENT = 2  # digits of a share over the weeks before: more would tell the count of a hidden week among them


def keep_back(found: Findings, hidden: Hidden, week: date, catalogue: Mapping[str, Record]) -> None:
    """Take out of the findings what they say of fewer than 10 cases, or of a figure that is hidden."""
    kept_back = [row for row in found.causes if _is_hidden_cause(row, row["where"], hidden, catalogue)]
    found.causes = [row for row in found.causes if row not in kept_back]
    found.unnamed = [_unnamed(row, hidden, catalogue) for row in kept_back]
    found.drivers = [_driver(row) for row in found.drivers]
    found.voice = _voice(found.voice, hidden, week) if found.voice else None
    if found.escalations:
        late = next((kpi for kpi, known in catalogue.items() if OVERDUE in known["dimensions"]), "")
        shown = [_case(row, hidden, late, week) for row in found.escalations["shown"]]
        if any(key[:2] == (late, OVERDUE) and of == week for key, of in hidden.cells):
            shown = [_without_days(row) for row in shown]
        found.escalations = found.escalations | {"shown": shown}
    found.signals = [_blurred(row, hidden) for row in found.signals]
    found.judged = {kpi: _blurred(row, hidden) for kpi, row in found.judged.items()}


def _is_hidden_cause(row: Record, where: Mapping[str, str], hidden: Hidden, catalogue: Mapping[str, Record]) -> bool:
    """Whether a slice's cell is not shown in the week of a cause; of three dimensions there are no cells."""
    names = [name for name in catalogue[row["kpi"]]["dimensions"] if name in where]
    cell = (PAIR.join(names), PAIR.join(where[name] for name in names)) if names else ALL
    return hidden.hides((row["kpi"], *cell), parse_week(row["week"]))


def _unnamed(row: Record, hidden: Hidden, catalogue: Mapping[str, Record]) -> Record:
    """That there is a cause, which way it went, and a place around it that is shown (else {}); no figure of it."""
    around = [{name: row["where"][name]} for name in row["where"] if len(row["where"]) > 1]
    shown = [where for where in around if not _is_hidden_cause(row, where, hidden, catalogue)]
    told = {name: row[name] for name in ("kpi", "week", "part", "stage")}
    return told | {"where": next(iter(shown), {}), "has_risen": row["contribution"] > 0}


def _driver(row: Record) -> Record:
    """Both sides or neither: together they are the answers that other frictions were compared in."""
    if not (is_few(row["exposed"]) or is_few(row["unexposed"])):
        return row
    return row | dict.fromkeys(("exposed", "unexposed", "share", "explained"))


def _voice(voice: Record, hidden: Hidden, week: date) -> Record:
    if is_few(voice["n"]):
        return voice | {"n": None, "without_theme": None, "themes": [], "quotes": [], "words": []}
    without = voice["without_theme"]
    is_told = not (is_few(without) or is_few(voice["n"] - without))
    return voice | {
        "n_before": None if is_few(voice["n_before"]) else voice["n_before"],
        "without_theme": without if is_told else None,
        "themes": [_theme(row, hidden, week) for row in voice["themes"] if row["n"] >= SMALLEST_SHOWN],
        "words": [row for row in voice["words"] if row["n"] >= SMALLEST_SHOWN],
        "quotes": [_quote(row, hidden, week) for row in voice["quotes"]],
    }


def _theme(row: Record, hidden: Hidden, week: date) -> Record:
    """Without what its few answers would say; against the weeks before, in whole percent."""
    before = ("share_before", "change", "change_low", "change_high")
    told = row | {name: None if row[name] is None else round(row[name], WHOLE_PERCENT) for name in before}
    if is_few(row["nps_n"]):
        told |= dict.fromkeys(("nps_n", "nps_points", "nps_low", "nps_high"))
    return told | {"quotes": [_quote(quote, hidden, week) for quote in row["quotes"]]}


def _quote(quote: Record, hidden: Hidden, week: date) -> Record:
    """Without the answer's id; its score and market only where the score's figures of that market are shown."""
    survey = quote["survey_type"]
    told = {name: value for name, value in quote.items() if name != "response_id"}
    if hidden.hides((survey, *ALL), week):
        told["score"] = None
    if told["score"] is None or hidden.hides((survey, "market", quote["market"]), week):
        told["market"] = None
    return told


def _case(row: Record, hidden: Hidden, late: str, week: date) -> Record:
    """A case without the market or carrier whose cases are hidden in `late`: counting the list would tell them.

    An order's currency tells its market, and a carrier may do so.
    """
    where = {name: row[name] or "unknown" for name in ("market", "carrier")}
    pair = PAIR.join(where)
    is_hidden = {name: hidden.hides((late, name, value), week) for name, value in where.items()}
    is_pair = (late, pair) in hidden.tables or hidden.hides((late, pair, PAIR.join(where.values())), week)
    if is_hidden["market"]:
        row = row | dict.fromkeys(("market", "carrier", "order_value", "currency"))
    return row | {"carrier": None} if is_hidden["carrier"] or is_pair else row


def _without_days(row: Record) -> Record:
    """A case without how long it is open, which counts the cases that are late by so much."""
    reasons = [LATE if reason.startswith(OPEN_FOR) else reason for reason in row["reasons"]]
    return row | dict.fromkeys(("waiting_days", "impact")) | {"reasons": reasons}


def _blurred(row: Record, hidden: Hidden) -> Record:
    """A verdict as it is, and what was expected only as exactly as a hidden week of the baseline allows."""
    key = (row["kpi"], row["dimension"], row["dimension_value"])
    if row.get("expected") is None or not any(hidden.hides(key, week) for week in _baseline(row["monday"])):
        return row
    cases = BASELINE * max(row["n"] or 0, SMALLEST_SHOWN)
    step = 2 * CASES_WIDTH * SCALE.get(row["unit"], 1.0) / cases
    told = {name: _to_step(row[name], step) for name in ("expected", "limit_low", "limit_high")}
    visible = {name: _to_digits(row.get(name), 1) for name in ("smallest_visible_change", "smallest_lasting_change")}
    return row | told | visible | {name: _to_digits(row.get(name), 1) for name in ("z", "p_value", "q_value")}


def _baseline(monday: date) -> Iterator[date]:
    return (monday - timedelta(weeks=back) for back in range(1, REACH + 1))


def _to_step(value: float | None, step: float) -> float | None:
    """To the next power of ten from `step` on, and to two digits at most."""
    if not value:
        return value
    places = -ceil(log10(step))
    return round(_to_digits(value, 2) or 0.0, places)


def _to_digits(value: float | None, digits: int) -> float | None:
    return value if not value else round(value, digits - 1 - floor(log10(abs(value))))


def hidden_totals(hidden: Hidden) -> set[tuple[str, date]]:
    """The KPIs and weeks whose total is hidden, here or in an earlier file."""
    issued = {(key, week) for week, issue in (hidden.issues or {}).items() for key in issue.suppressed}
    return {(key[0], week) for key, week in hidden.cells | issued if key[1:] == ALL}
