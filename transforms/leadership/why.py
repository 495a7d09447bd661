"""Why KPIs moved: the causes of each, in its settled week and, of a duration, in newer ones; from the published marts.

The search is in transforms/insight/moves.py. Here it is given its sums, and what it finds its figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations
from statistics import pstdev
from typing import TYPE_CHECKING

import pandas as pd

from transforms.insight.expected import LEAST_BASELINE
from transforms.insight.lattice import UNKNOWN
from transforms.insight.moves import clearness, explain_alone, explain_early, explain_move, surer
from transforms.insight.signals import COLUMNS as JUDGED
from transforms.insight.told import is_gap, is_taken_apart
from transforms.leadership.frames import Frames, parse_week, read_sql, week_name
from transforms.leadership.records import Record, records
from transforms.leadership.words import better_of, listed, unit_of
from transforms.models import HORIZONS, PAIR

if TYPE_CHECKING:
    from transforms.leadership.findings import Findings
    from transforms.leadership.frames import Fetch

CAUSE_WEEKS = 26  # that a move is compared with
CAUSES_SHOWN = 3  # of a KPI
LEAST_POINTS, LEAST_SHARE = 0.5, 0.01  # a smaller part of a move, of an NPS or of any other KPI, is not worth telling
LEAST_ALONE = 0.2  # of that, for a group that moved alone: much of a small group is little of the whole
ONCE_MOVED, BY_ITSELF = 0.05, 0.0003  # of a search: for the place of a signal, and where nothing was signalled
FOUND_BY_SEARCH = "found by a search of all groups"
SETTLED = ("final", "low_n")  # a few cases in the last week: the search has looked at two and three weeks too
SEEN = 0.5  # of a stage's hours: one that shows less of them within its first days is not looked into there
WHOLE = max(HORIZONS)  # days after which a duration is settled
NEWS = 3  # weeks: what moved before that was told in earlier files
FIGURES = ("contribution", "ci_low", "ci_high")


def find_causes(fetch: Fetch, frames: Frames, week: date, catalogue: Mapping[str, Record], found: Findings) -> None:
    """Why each KPI moved in the week that was judged, against the weeks before it: into found.causes and found.signals.

    A move of a small part can drown in the whole: where no signal was found, the search looks for one by itself, in the
    last week and the last two and three together, at a level at which it hardly ever finds one by chance. A duration that
    has stages is looked into before it is settled too: by what its newer cases waited within their first days.
    """
    moved = {s["kpi"]: s["monday"] for s in reversed(found.signals) if s["verdict"] == "signal" and not is_gap(s)}
    for kpi, known in catalogue.items():
        if not is_taken_apart(known) or known.get("part_of"):  # a part is looked into with its whole
            continue
        staged = next((entry for entry in catalogue.values() if entry.get("part_of") == kpi), None)
        judged = found.judged.get(kpi)
        monday = moved.get(kpi) or (judged["monday"] if judged else None)
        told: list[_Told] = []
        if monday is not None:
            sums = _Sums.read(fetch, known, staged, monday, WHOLE)
            found.stages = _stage_means(sums.parts, monday) if sums.parts is not None else found.stages
            told = [_Told(cause, sums) for cause in _settled(sums, kpi in moved)]
        if staged:
            told = _ranked([*told, *_early(fetch, frames, week, known, staged)], kpi in moved)
        found.causes += [one.cause for one in told]
        shown = [_signal_of(fetch, frames, one) for one in told if one.is_early or kpi not in moved]
        found.signals += [signal for signal in shown if signal]
    found.causes = clearest_first(found.causes, week)


@dataclass(frozen=True)
class _Sums:
    """The finest sums of a KPI in a week and the weeks before it. parts: of its stages; days: of a case that hours are of."""

    known: Record
    monday: date
    cases: pd.DataFrame
    dimensions: list[str]
    parts: pd.DataFrame | None = None
    days: int | None = None

    @classmethod
    def read(cls, fetch: Fetch, known: Record, staged: Record | None, monday: date, days: int) -> _Sums:
        span = [monday - timedelta(weeks=CAUSE_WEEKS), monday]
        cases, above = fetch(read_sql("finest"), [known["kpi"], *span]), known["numerator_dimensions"]
        dimensions = [d for d in known["dimensions"] if d not in above and cases[d].nunique() > 1]
        if staged is None:
            return cls(known, monday, cases, dimensions)
        hours = f"hours_in_{days}_days"
        stages = fetch(read_sql("finest"), [staged["kpi"], *span]).rename(columns={staged["within"]: "stage"})
        of_stage = stages.groupby("stage")
        seen = of_stage[hours].sum() / of_stage[f"hours_in_{WHOLE}_days"].sum()
        enough = seen.index[seen >= SEEN]
        stages = stages[stages["stage"].isin(enough)].assign(numerator=lambda rows: rows[hours])
        # Once it is settled the whole is the restricted mean's, in which an ended case waited all of the days.
        cases = cases if days == WHOLE else cases.assign(numerator=cases[hours])
        return cls(known, monday, cases, dimensions, _staged(stages, cases, dimensions), days)

    @property
    def usual(self) -> float | None:
        """The KPI in the weeks before, in its unit; None where these, or this week, are too few to be compared."""
        week = pd.Timestamp(self.monday)
        before = self.cases[self.cases["week"] < week]
        is_there = self.cases.loc[self.cases["week"] == week, "denominator"].sum()
        if before["week"].nunique() < LEAST_BASELINE or not before["denominator"].sum() or not is_there:
            return None
        return float(self.known["per"] * before["numerator"].sum() / before["denominator"].sum())

    def worth_telling(self, causes: Sequence[Record], least_part: float) -> list[Record]:
        """The causes in the KPI's unit, without those that are little. least_part: of what else would be too little."""
        told: list[Record] = []
        least = LEAST_POINTS if self.known["unit"] == "points" else LEAST_SHARE * abs(self.usual or 0.0)
        for cause in causes:
            figures = {name: cause[name] * self.known["per"] for name in FIGURES if cause[name] is not None}
            if abs(figures["contribution"]) >= least * least_part:
                more = {"rank": len(told) + 1, "week": week_name(self.monday), "unit": self.known["unit"]}
                told.append(cause | figures | more | {"within_days": self.days})
        return told


@dataclass(frozen=True)
class _Told:
    """A cause, and the sums it was found in."""

    cause: Record
    sums: _Sums

    @property
    def is_early(self) -> bool:
        """Whether it is of cases that are not settled."""
        return self.sums.days not in (None, WHOLE)

    def is_of(self, other: _Told) -> bool:
        """Whether it is the same stage, in the same place or one that holds the other."""
        mine, its = self.cause["where"].items(), other.cause["where"].items()
        return bool(self.cause["stage"] == other.cause["stage"] and (mine <= its or its <= mine))


def _settled(sums: _Sums, has_moved: bool) -> list[Record]:
    """The causes of the settled week."""
    if sums.usual is None:
        return []
    kpi, week, above = sums.known["kpi"], pd.Timestamp(sums.monday), list(sums.known["numerator_dimensions"])
    args = (kpi, sums.cases, sums.dimensions, week, sums.parts, CAUSES_SHOWN)
    by_itself = BY_ITSELF / (len(HORIZONS) if sums.days else 1)
    parted = explain_move(*args, ONCE_MOVED, above) if has_moved else []
    alone = explain_alone(*args, by_itself, above)
    causes = surer(parted, alone)
    told = sums.worth_telling(causes, LEAST_ALONE if causes is alone else 1.0)
    return told if has_moved else [cause for cause in told if UNKNOWN not in cause["where"].values()]


def _early(fetch: Fetch, frames: Frames, week: date, known: Record, staged: Record) -> list[_Told]:
    """Causes in weeks that are not settled: of each horizon, in the newest week whose cases are all that old."""
    found = []
    for days, statistic in HORIZONS.items():
        monday = _newest_settled(frames, known["kpi"], statistic, week)
        if days == WHOLE or monday is None:
            continue
        sums = _Sums.read(fetch, known, staged, monday, days)
        if sums.usual is not None and sums.parts is not None:
            level = BY_ITSELF / len(HORIZONS)
            causes = explain_early(known["kpi"], sums.parts, sums.dimensions, pd.Timestamp(monday), significance=level)
            causes = [cause for cause in causes if UNKNOWN not in cause["where"].values()]
            found += [_Told(cause, sums) for cause in sums.worth_telling(causes, LEAST_ALONE)]
    return found


def _newest_settled(frames: Frames, kpi: str, statistic: str, week: date) -> date | None:
    """The newest week, up to the file's, in which a statistic of a KPI as a whole can no longer change."""
    rows = frames.weekly
    is_one = (rows["kpi"] == kpi) & (rows["statistic"] == statistic) & rows["status"].isin(SETTLED)
    weeks = [moment.date() for moment in rows.loc[is_one, "week"]]
    return max((monday for monday in weeks if monday <= week), default=None)


def _ranked(told: Sequence[_Told], has_moved: bool) -> list[_Told]:
    """Of causes found at several ages of the cases the first few, each place once, by the clearest that tells it.

    What a KPI moved by as a whole comes first, and nothing is reordered where no newer week tells any.
    """
    if not any(one.is_early for one in told):
        return list(told)
    kept: list[_Told] = []
    for one in sorted(told, key=lambda one: (not has_moved or one.is_early, -clearness(one.cause))):
        if not any(one.is_of(other) for other in kept):
            kept.append(one)
    return [_Told(one.cause | {"rank": rank}, one.sums) for rank, one in enumerate(kept[:CAUSES_SHOWN], start=1)]


def clearest_first(causes: Sequence[Record], week: date) -> list[Record]:
    """The KPI whose first cause is the least like chance comes first, after it those of weeks long gone; within a KPI by rank."""
    first = {cause["kpi"]: cause for cause in causes if cause["rank"] == 1}
    old = {kpi for kpi, cause in first.items() if parse_week(cause["week"]) < week - timedelta(weeks=NEWS)}
    return sorted(causes, key=lambda c: (c["kpi"] in old, -clearness(first[c["kpi"]]), c["kpi"], c["rank"]))


def _signal_of(fetch: Fetch, frames: Frames, told: _Told) -> Record | None:
    """The figure of the group that the search found, as a signal; None where there is none that may be shown.

    Groups of three dimensions have no figure of their own, and a duration's mean can hide what one of its stages did: of
    the figures that moved as the cause says, that which did most beyond what it strays by from week to week is told.
    """
    cause, known, monday = told.cause, told.sums.known, told.sums.monday
    names = [d for d in known["dimensions"] if d in cause["where"]]
    keys = [
        (known["kpi"], statistic, PAIR.join(some) or "all", PAIR.join(cause["where"][name] for name in some) or "all")
        for some in combinations(names, min(2, len(names)))
        for statistic in _statistics(told)
    ]
    shown = [key for key in keys if not frames.hidden.hides((key[0], *key[2:]), monday)]
    figures = [figure for key in shown for figure in _figure(fetch, key, told)]
    if not figures:
        return None
    _, (kpi, statistic, dimension, value), row, expected = max(figures, key=lambda figure: figure[0])
    rule = f"{FOUND_BY_SEARCH} over the last {cause['weeks']} weeks" if cause["weeks"] > 1 else FOUND_BY_SEARCH
    return dict.fromkeys(JUDGED) | {
        "kpi": kpi, "statistic": statistic, "dimension": dimension, "dimension_value": value,
        "week": week_name(monday), "monday": monday, "status": row["status"],
        **{name: row[name] for name in ("value", "ci_low", "ci_high", "n")},
        "expected": expected, "verdict": "signal", "rule": rule, "unit": unit_of(known["unit"], statistic),
        "better": better_of(known["better"], known["unit"], statistic),
    }  # fmt: skip


def _statistics(told: _Told) -> list[str]:
    """What can show a move: of a duration the mean, once it is settled, and the shares credited by then."""
    if told.sums.known["kind"] != "duration":
        return ["value"]
    return [statistic for days, statistic in HORIZONS.items() if days <= (told.sums.days or WHOLE)]


def _figure(
    fetch: Fetch, key: tuple[str, str, str, str], told: _Told
) -> list[tuple[float, tuple[str, str, str, str], Record, float]]:
    """A figure of the cause's week, with what it was in the weeks before; nothing where it did not move as the cause did.

    First of it, how far it moved, over its standard deviation in the weeks before.
    """
    monday, known = told.sums.monday, told.sums.known
    rows = records(fetch(read_sql("cell"), [*key, monday - timedelta(weeks=CAUSE_WEEKS), monday]))
    rows = [row for row in rows if row["value"] is not None and row["status"] in SETTLED]
    before = [row for row in rows if row["week"] <= monday - timedelta(weeks=told.cause["weeks"])]
    if len(before) < LEAST_BASELINE or rows[-1]["week"] != monday:
        return []
    cases = sum(row["denominator"] for row in before)
    expected = sum(row["value"] * row["denominator"] for row in before) / cases
    moved = rows[-1]["value"] - expected
    is_other_way = better_of(known["better"], known["unit"], key[1]) != known["better"]
    if moved * told.cause["contribution"] * (-1 if is_other_way else 1) <= 0:
        return []
    return [(abs(moved) / max(pstdev(row["value"] for row in before), 1e-12), key, rows[-1], expected)]


def _staged(stages: pd.DataFrame, cases: pd.DataFrame, dimensions: Sequence[str]) -> pd.DataFrame:
    """Hours in each stage over all cases of the week, so that the stages' means add up to the whole's."""
    by = ["week", *dimensions]
    hours = stages.groupby([*by, "stage"], dropna=False)["numerator"].sum().reset_index()
    owners = stages.groupby("stage")["clock_owner"].agg(_owners).reset_index()
    all_cases = cases.groupby(by, dropna=False)["denominator"].sum().reset_index()
    every = all_cases.merge(owners, how="cross")
    return every.merge(hours, on=[*by, "stage"], how="left").fillna({"numerator": 0.0})


def _owners(found: pd.Series) -> str:
    """On whose clock a stage is: an approval on that of whoever fulfils the order, which may not be recorded."""
    names = sorted(found.unique())
    return listed([name for name in names if name != UNKNOWN] or names)


def _stage_means(stages: pd.DataFrame, monday: date) -> list[Record]:
    """Mean hours per return of each stage, in the judged week and in those before."""
    is_now = pd.to_datetime(stages["week"]).dt.date == monday
    sums = stages.assign(is_now=is_now).groupby(["stage", "clock_owner", "is_now"])[["numerator", "denominator"]].sum()
    means = (sums["numerator"] / sums["denominator"]).unstack().reindex(columns=[True, False]).reset_index()
    means.columns = ["stage", "clock_owner", "hours", "before_hours"]
    return records(means)
