"""What the weekly file says beyond numbers: what moved, why, what to do, whether it helped; from the published marts.

The statistics are in transforms/insight; here they are asked, and their answers made fit for the file's audience.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from transforms.insight import drivers, effects, escalations, recommend
from transforms.insight.actions import read_actions
from transforms.insight.moves import BaselineError, explain_move
from transforms.insight.signals import find_signals
from transforms.insight.voice import TRAILING_WEEKS, hear
from transforms.leadership.disclosure import SMALLEST_SHOWN
from transforms.leadership.frames import Frames, read_sql, week_name
from transforms.leadership.records import Record, records

if TYPE_CHECKING:
    from transforms.leadership.frames import Fetch

HISTORY_WEEKS = 80  # 26 of the baseline, 26 before them, a long window, and the weeks that a start is cold
CAUSE_WEEKS = 26  # that a move is compared with
CAUSES_SHOWN = 3  # of a KPI
GROUPS_WATCHED = 10
WATCHED_CHANCE = 0.05  # of a group: among hundreds, the rules alone fire somewhere every week
STAGES = "refund_stage_time"  # the KPI whose dimension `stage` takes apart the duration below
STAGED = "refund_cycle_time"
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
    to_date: dict[str, Record] = field(default_factory=dict)
    not_examined: list[str] = field(default_factory=list)
    ledger: list[Record] = field(default_factory=list)

    def recommend(
        self, scorecard: Sequence[Mapping[str, Any]], catalogue: Sequence[Record], week: date
    ) -> list[Record]:
        """Actions to propose for what moved; sizes come from the scorecard's cases."""
        return recommend.recommend(self.signals, self.causes, scorecard, catalogue, week, self.ledger)


def find(fetch: Fetch, frames: Frames, week: date, ledger: Path | None = None) -> Findings:
    """Look at everything that the published marts allow; what they lack is named in `not_examined`.

    ledger: the file of actions people have taken up; raises ActionsError when it cannot be read.
    """
    found = Findings()
    tables = set(fetch(read_sql("tables"), [])["table_name"])
    catalogue = {row["kpi"]: row for row in records(frames.catalogue)}
    _find_signals(fetch, frames, week, catalogue, found)
    if "kpi_slices" in tables:
        _find_causes(fetch, catalogue, found)
    else:
        found.not_examined.append("causes")
    if ledger is not None:
        _measure_actions(fetch, frames, catalogue, ledger, found)
    else:
        found.not_examined.append("actions")
    if "comments" in tables:
        found.voice = _hear(fetch, frames, week)
    else:
        found.not_examined.append("voice")
    if "kpi_rows" in tables:
        found.drivers = _drivers(fetch, week)
    if "open_cases" in tables:
        found.escalations = escalations.escalations(lambda sql: _asked(fetch, sql))
    found.to_date = _to_date(fetch, frames, week)
    return found


def _find_signals(fetch: Fetch, frames: Frames, week: date, catalogue: Mapping[str, Record], found: Findings) -> None:
    slices = fetch(read_sql("slices"), [week - timedelta(weeks=HISTORY_WEEKS), week])
    for row in records(find_signals(slices, frames.catalogue, week)):
        monday = row["week"]
        told = row | {"week": week_name(monday) if monday else None, "monday": monday}
        told |= {"unit": catalogue[row["kpi"]]["unit"], "better": catalogue[row["kpi"]]["better"]}
        key = (row["kpi"], row["dimension"], row["dimension_value"])
        if row["dimension"] == "all":
            found.judged[row["kpi"]] = told
        if row["verdict"] in TESTED and monday and not frames.hidden.hides(key, monday):
            found.signals.append(told)
    found.signals = _worth_telling(found.signals)


def _worth_telling(rows: list[Record]) -> list[Record]:
    """Signals, then what is watched: KPIs as a whole, and the groups that are least like chance. Best known first."""
    worth = {"signal": 0, "watch": 1}
    ordered = sorted(rows, key=lambda s: (worth[s["verdict"]], s["dimension"] != "all", s["p_value"], s["kpi"]))
    groups = [row for row in ordered if row["verdict"] == "watch" and row["dimension"] != "all"]
    unlikely = [row for row in groups if row["p_value"] <= WATCHED_CHANCE][:GROUPS_WATCHED]
    return [row for row in ordered if row["verdict"] == "signal" or row["dimension"] == "all" or row in unlikely]


def _find_causes(fetch: Fetch, catalogue: Mapping[str, Record], found: Findings) -> None:
    """Why each KPI that moved did: in the week that was judged, against the weeks before it."""
    for kpi, monday in {s["kpi"]: s["monday"] for s in reversed(found.signals) if s["verdict"] == "signal"}.items():
        known = catalogue[kpi]
        if known["kind"] not in ("share", "net_share", "rate", "duration") or kpi == STAGES:
            continue
        span = [monday - timedelta(weeks=CAUSE_WEEKS), monday]
        sums = fetch(read_sql("finest"), [kpi, *span])
        dimensions = [
            d for d in known["dimensions"] if d not in known["numerator_dimensions"] and sums[d].nunique() > 1
        ]
        stages = None
        if kpi == STAGED and STAGES in catalogue:
            stages = _staged(fetch(read_sql("finest"), [STAGES, *span]), sums, dimensions)
            found.stages = _stage_means(stages, monday)
        try:
            causes = explain_move(kpi, sums, dimensions, monday, stages, CAUSES_SHOWN)
        except BaselineError:
            continue
        for cause in causes:
            scaled = {
                name: cause[name] * known["per"]
                for name in ("contribution", "ci_low", "ci_high")
                if cause[name] is not None
            }
            found.causes.append(cause | scaled | {"week": week_name(monday), "unit": known["unit"]})


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
    found.ledger = read_actions(ledger, catalogue.values(), frames.as_of.date())
    if found.ledger:
        acted = fetch(read_sql("acted"), [json.dumps(sorted({action["kpi"] for action in found.ledger}))])
        found.actions = effects.measure_effects(acted, found.ledger, catalogue.values())


def _hear(fetch: Fetch, frames: Frames, week: date) -> Record:
    """Themes and quotes of the week; a theme of few comments is not told to anybody but analysts."""
    comments = fetch(read_sql("comments"), [week + timedelta(days=6)])
    told = asdict(hear(comments, week))
    told["week"] = week_name(week)
    if frames.audience != "analysts":
        told["themes"] = [theme for theme in told["themes"] if theme["n"] >= SMALLEST_SHOWN]
        told["words"] = [word for word in told["words"] if word["n"] >= SMALLEST_SHOWN]
    return told


def _drivers(fetch: Fetch, week: date) -> list[Record]:
    sql, told, outcome = drivers.question()
    first, last = week - timedelta(weeks=TRAILING_WEEKS - 1), week + timedelta(days=6)
    counts = fetch(sql, [told, outcome, first, last])
    return [asdict(driver) for driver in drivers.weigh(counts)] if len(counts) else []


def _to_date(fetch: Fetch, frames: Frames, week: date) -> dict[str, Record]:
    """kpi -> {month_to_date, quarter_to_date, year_to_date}, each {value, prior_year_value, days} or None."""
    found: dict[str, Record] = {}
    for row in records(fetch(read_sql("to_date"), [week + timedelta(days=6)])):
        if row["n"] < SMALLEST_SHOWN and frames.audience != "analysts":
            continue
        spans = found.setdefault(row["kpi"], {})
        span = spans.setdefault(f"{row['span']}_to_date", {"value": None, "prior_year_value": None, "days": 0})
        span |= {"prior_year_value": row["value"]} if row["is_prior"] else {"value": row["value"], "days": row["days"]}
    whole = {kpi for (kpi, dimension, _), _ in frames.hidden.cells if dimension == "all"}
    return {kpi: spans for kpi, spans in found.items() if kpi not in whole}


def _asked(fetch: Fetch, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    rows = records(fetch(sql, []))
    return list(rows[0]) if rows else [], [tuple(row.values()) for row in rows]
