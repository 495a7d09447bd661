"""What the weekly file says beyond numbers: what moved, why, what to do, whether it helped; from the published marts.

The statistics are in transforms/insight; here they are asked, and their answers made fit for the file's audience.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from itertools import combinations
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from transforms.insight import drivers, effects, escalations, recommend
from transforms.insight.actions import read_actions
from transforms.insight.expected import LEAST_BASELINE
from transforms.insight.moves import clearness, explain_alone, explain_move, surer
from transforms.insight.signals import COLUMNS as JUDGED
from transforms.insight.signals import find_signals
from transforms.insight.voice import TRAILING_WEEKS, hear
from transforms.leadership.few import keep_back
from transforms.leadership.frames import Frames, read_sql, week_name
from transforms.leadership.records import Record, records
from transforms.leadership.to_date import Spans, values_to_date

if TYPE_CHECKING:
    from transforms.leadership.frames import Fetch

HISTORY_WEEKS = 80  # 26 of the baseline, 26 before them, a long window, and the weeks that a start is cold
CAUSE_WEEKS = 26  # that a move is compared with
CAUSES_SHOWN = 3  # of a KPI
GROUPS_WATCHED = 10
WATCHED_CHANCE = 0.05  # of a group: among hundreds, the rules alone fire somewhere every week
# What is a sum over cases can be taken apart by them; a stock and the parts of one whole are judged, and not taken apart.
SEARCHED = ("share", "net_share", "rate", "duration")
MOST_PER = 1000  # a denominator that is no number of cases, such as seconds, has no cases to look into
LEAST_POINTS, LEAST_SHARE = 0.5, 0.01  # a smaller part of a move, of an NPS or of any other KPI, is not worth telling
LEAST_ALONE = 0.2  # of that, for a group that moved alone: much of a small group is little of the whole
ONCE_MOVED, BY_ITSELF = 0.05, 0.0003  # of a search: for the place of a signal, and where nothing was signalled
FOUND_BY_SEARCH = "moved alone; found by a search of all groups"
SETTLED = ("final", "low_n")  # a few cases in the last week: the search has looked at two and three weeks too
PAIR = " × "
TESTED = ("signal", "watch")


@dataclass
class Findings:
    """Everything found, in the shapes of kpis.json; `judged`: the verdict on every KPI as a whole, by id."""

    judged: dict[str, Record] = field(default_factory=dict)
    signals: list[Record] = field(default_factory=list)
    causes: list[Record] = field(default_factory=list)
    actions: list[Record] = field(default_factory=list)
    voice: Record | None = None
    drivers: list[Record] = field(default_factory=list)
    escalations: Record | None = None
    stages: list[Record] = field(default_factory=list)
    to_date: Spans = field(default_factory=dict)
    not_examined: list[str] = field(default_factory=list)
    ledger: list[Record] = field(default_factory=list)
    ledger_refused: list[str] = field(default_factory=list)

    def recommend(
        self, scorecard: Sequence[Mapping[str, Any]], catalogue: Sequence[Record], week: date
    ) -> list[Record]:
        """Actions to propose for what moved; sizes come from the scorecard's cases."""
        return recommend.recommend(self.signals, self.causes, scorecard, catalogue, week, self.ledger)


def find(fetch: Fetch, frames: Frames, week: date, ledger: Path | None = None) -> Findings:
    """Look at everything that the published marts allow; what they lack is named in `not_examined`.

    ledger: the file of actions people have taken up; what cannot be read of it is in `ledger_refused`.
    """
    found = Findings()
    tables = set(fetch(read_sql("tables"), [])["table_name"])
    catalogue = {row["kpi"]: row for row in records(frames.catalogue)}
    _find_signals(fetch, frames, week, catalogue, found)
    if "kpi_slices" in tables:
        _find_causes(fetch, frames, catalogue, found)
    else:
        found.not_examined.append("causes")
    if ledger is not None:
        _measure_actions(fetch, frames, catalogue, ledger, found)
    else:
        found.not_examined.append("actions")
    if "comments" in tables:
        found.voice = _hear(fetch, week)
    else:
        found.not_examined.append("voice")
    if "kpi_rows" in tables:
        found.drivers = _drivers(fetch, week)
    else:
        found.not_examined.append("drivers")
    if "open_cases" in tables:
        found.escalations = escalations.escalations(lambda sql: _asked(fetch, sql))
    else:
        found.not_examined.append("escalations")
    found.to_date = values_to_date(fetch, frames, week, tables)
    if frames.audience != "analysts":
        keep_back(found, frames.hidden, week, catalogue)
    return found


def _find_signals(fetch: Fetch, frames: Frames, week: date, catalogue: Mapping[str, Record], found: Findings) -> None:
    slices = fetch(read_sql("slices"), [week - timedelta(weeks=HISTORY_WEEKS), week])
    for row in records(find_signals(slices, frames.catalogue, week)):
        monday = row["week"]
        told = row | {"week": week_name(monday) if monday else None, "monday": monday}
        told |= {"unit": catalogue[row["kpi"]]["unit"], "better": catalogue[row["kpi"]]["better"]}
        told |= {name: None for name in JUDGED if isinstance(row[name], float) and not isfinite(row[name])}
        key = (row["kpi"], row["dimension"], row["dimension_value"])
        if row["dimension"] == "all":
            found.judged[row["kpi"]] = told
        if row["verdict"] in TESTED and monday and not frames.hidden.hides(key, monday):
            found.signals.append(told)
    found.signals = _worth_telling(found.signals)


def _worth_telling(rows: list[Record]) -> list[Record]:
    """Signals, then what is watched: KPIs as a whole, and the groups that are least like chance. Best known first."""
    worth = {"signal": 0, "watch": 1}
    ordered = sorted(rows, key=lambda s: (worth[s["verdict"]], s["dimension"] != "all", s["p_value"] or 0, s["kpi"]))
    groups = [row for row in ordered if row["verdict"] == "watch" and row["dimension"] != "all"]
    unlikely = [row for row in groups if row["p_value"] <= WATCHED_CHANCE][:GROUPS_WATCHED]
    return [row for row in ordered if row["verdict"] == "signal" or row["dimension"] == "all" or row in unlikely]


def _find_causes(fetch: Fetch, frames: Frames, catalogue: Mapping[str, Record], found: Findings) -> None:
    """Why each KPI moved in the week that was judged, against the weeks before it.

    A move of a small part can drown in the whole: where no signal was found, the search looks for one by itself, in the
    last week and the last two and three together, at a level at which it hardly ever finds one by chance.
    """
    moved = {s["kpi"]: s["monday"] for s in reversed(found.signals) if s["verdict"] == "signal"}
    for kpi, known in catalogue.items():
        judged = found.judged.get(kpi)
        monday = moved.get(kpi) or (judged["monday"] if judged else None)
        if monday is None or known["kind"] not in SEARCHED or known["per"] > MOST_PER or known.get("part_of"):
            continue
        causes, sums = _causes_of(fetch, known, catalogue, monday, kpi in moved, found)
        if kpi not in moved:
            causes = [c for c in causes if "unknown" not in c["where"].values()]
            shown = [_signal_of(fetch, frames, known, cause, sums, monday) for cause in causes]
            found.signals += [signal for signal in shown if signal]
        found.causes += causes
    found.causes = _clearest_first(found.causes)
    found.signals = _worth_telling(found.signals)


def _clearest_first(causes: Sequence[Record]) -> list[Record]:
    """The KPI whose first cause is the least like chance comes first; within a KPI by rank."""
    clear = {cause["kpi"]: clearness(cause) for cause in causes if cause["rank"] == 1}
    return sorted(causes, key=lambda cause: (-clear[cause["kpi"]], cause["kpi"], cause["rank"]))


def _causes_of(
    fetch: Fetch, known: Record, catalogue: Mapping[str, Record], monday: date, has_moved: bool, found: Findings
) -> tuple[list[Record], pd.DataFrame]:
    """The causes that are worth telling, and the sums that they were looked for in."""
    kpi, span, week = known["kpi"], [monday - timedelta(weeks=CAUSE_WEEKS), monday], pd.Timestamp(monday)
    sums = fetch(read_sql("finest"), [kpi, *span])
    above = list(known["numerator_dimensions"])
    dimensions = [d for d in known["dimensions"] if d not in above and sums[d].nunique() > 1]
    staged = next((entry for entry in catalogue.values() if entry.get("part_of") == kpi), None)
    parts = None
    if staged:
        stages = fetch(read_sql("finest"), [staged["kpi"], *span]).rename(columns={staged["within"]: "stage"})
        parts = _staged(stages, sums, dimensions)
        found.stages = _stage_means(parts, monday)
    before = sums[sums["week"] < week]
    if (
        before["week"].nunique() < LEAST_BASELINE
        or before["denominator"].sum() == 0
        or not sums.loc[sums["week"] == week, "denominator"].sum()
    ):
        return [], sums
    usual = known["per"] * before["numerator"].sum() / before["denominator"].sum()
    least = LEAST_POINTS if known["unit"] == "points" else LEAST_SHARE * abs(usual)
    causes: list[Record] = []
    parted = explain_move(kpi, sums, dimensions, week, parts, CAUSES_SHOWN, ONCE_MOVED, above) if has_moved else []
    alone = explain_alone(kpi, sums, dimensions, week, parts, CAUSES_SHOWN, BY_ITSELF, above)
    told_of = surer(parted, alone)
    least *= LEAST_ALONE if told_of is alone else 1.0
    for cause in told_of:
        figures = ("contribution", "ci_low", "ci_high")
        told = cause | {name: cause[name] * known["per"] for name in figures if cause[name] is not None}
        if abs(told["contribution"]) >= least:
            causes.append(told | {"rank": len(causes) + 1, "week": week_name(monday), "unit": known["unit"]})
    return causes, sums


def _signal_of(
    fetch: Fetch, frames: Frames, known: Record, cause: Record, sums: pd.DataFrame, monday: date
) -> Record | None:
    """The figure of the group that the search found, as a signal; None where there is none that may be shown.

    Groups of three dimensions have no figure of their own: that of the two in which it shows most is told.
    """
    week, per = pd.Timestamp(monday), known["per"]
    moves = []
    for names in combinations([d for d in known["dimensions"] if d in cause["where"]], min(2, len(cause["where"]))):
        above = [d for d in names if d in known["numerator_dimensions"]]
        base = _within(sums, {d: cause["where"][d] for d in names if d not in above})
        counted = _within(base, {d: cause["where"][d] for d in above})
        now, past = base["week"] == week, base["week"] < week
        of_cases = base.loc[past, "denominator"].sum(), base.loc[now, "denominator"].sum()
        if all(of_cases):
            expected = per * counted.loc[counted["week"] < week, "numerator"].sum() / of_cases[0]
            value = per * counted.loc[counted["week"] == week, "numerator"].sum() / of_cases[1]
            moves.append((abs(value - expected), names, expected))
    for _, names, expected in sorted(moves, reverse=True):
        dimension, value = PAIR.join(names), PAIR.join(cause["where"][d] for d in names)
        statistic = "restricted_mean" if known["kind"] == "duration" else "value"
        rows = records(fetch(read_sql("cell"), [known["kpi"], statistic, dimension, value, monday]))
        is_shown = not frames.hidden.hides((known["kpi"], dimension, value), monday)
        if is_shown and rows and rows[0]["value"] is not None and rows[0]["status"] in SETTLED:
            told: Record = dict.fromkeys(JUDGED) | {name: rows[0][name] for name in ("value", "n", "status")}
            told |= {"kpi": known["kpi"], "statistic": statistic, "dimension": dimension, "dimension_value": value}
            rule = f"{FOUND_BY_SEARCH}, {cause['weeks']} weeks together" if cause["weeks"] > 1 else FOUND_BY_SEARCH
            told |= {"week": week_name(monday), "monday": monday, "verdict": "signal", "rule": rule}
            return told | {"expected": float(expected), "unit": known["unit"], "better": known["better"]}
    return None


def _within(sums: pd.DataFrame, where: Mapping[str, str]) -> pd.DataFrame:
    """The rows of a slice; what has no value of a dimension is 'unknown' in it."""
    for dimension, value in where.items():
        sums = sums[sums[dimension].fillna("unknown") == value]
    return sums


def _staged(stages: pd.DataFrame, cases: pd.DataFrame, dimensions: Sequence[str]) -> pd.DataFrame:
    """Hours in each stage over all cases of the week, so that the stages' means add up to the whole's."""
    by = ["week", *dimensions]
    hours = stages.groupby([*by, "stage"], dropna=False)["hours_waited"].sum().rename("numerator").reset_index()
    owners = stages[["stage", "clock_owner"]].drop_duplicates("stage")
    all_cases = cases.groupby(by, dropna=False)["denominator"].sum().reset_index()
    every = all_cases.merge(owners, how="cross")
    return every.merge(hours, on=[*by, "stage"], how="left").fillna({"numerator": 0.0})


def _stage_means(stages: pd.DataFrame, monday: date) -> list[Record]:
    """Mean hours per return of each stage, in the judged week and in those before."""
    is_now = pd.to_datetime(stages["week"]).dt.date == monday
    sums = stages.assign(is_now=is_now).groupby(["stage", "clock_owner", "is_now"])[["numerator", "denominator"]].sum()
    means = (sums["numerator"] / sums["denominator"]).unstack().reindex(columns=[True, False]).reset_index()
    means.columns = ["stage", "clock_owner", "hours", "before_hours"]
    return records(means)


def _measure_actions(
    fetch: Fetch, frames: Frames, catalogue: Mapping[str, Record], ledger: Path, found: Findings
) -> None:
    found.ledger, found.ledger_refused = read_actions(ledger, catalogue.values(), frames.as_of.date())
    if found.ledger:
        acted = fetch(read_sql("acted"), [json.dumps(sorted({action["kpi"] for action in found.ledger}))])
        found.actions = effects.measure_effects(acted, found.ledger, catalogue.values())


def _hear(fetch: Fetch, week: date) -> Record:
    """Themes, quotes and new words of the week."""
    return asdict(hear(fetch(read_sql("comments"), [week + timedelta(days=6)]), week)) | {"week": week_name(week)}


def _drivers(fetch: Fetch, week: date) -> list[Record]:
    sql, told, outcome = drivers.question()
    first, last = week - timedelta(weeks=TRAILING_WEEKS - 1), week + timedelta(days=6)
    counts = fetch(sql, [told, outcome, first, last])
    return [asdict(driver) for driver in drivers.weigh(counts)] if len(counts) else []


def _asked(fetch: Fetch, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    rows = records(fetch(sql, []))
    return list(rows[0]) if rows else [], [tuple(row.values()) for row in rows]
