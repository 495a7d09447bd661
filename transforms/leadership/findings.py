"""What the weekly file says beyond numbers: what moved, why, what to do, whether it helped; from the published marts.

The statistics are in transforms/insight; here they are asked, and their answers made fit for the file's audience.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transforms.insight import drivers, effects, escalations, recommend
from transforms.insight.actions import read_actions
from transforms.insight.signals import COLUMNS as JUDGED
from transforms.insight.signals import find_signals
from transforms.insight.voice import TRAILING_WEEKS, hear
from transforms.leadership.few import keep_back
from transforms.leadership.frames import Frames, read_sql, week_name
from transforms.leadership.records import Record, records
from transforms.leadership.to_date import Spans, values_to_date
from transforms.leadership.why import find_causes

if TYPE_CHECKING:
    from transforms.leadership.frames import Fetch

HISTORY_WEEKS = 80  # 26 of the baseline, 26 before them, a long window, and the weeks that a start is cold
GROUPS_WATCHED = 10
WATCHED_CHANCE = 0.05  # of a group: among hundreds, the rules alone fire somewhere every week
TESTED = ("signal", "watch")


@dataclass
class Findings:
    """Everything found, in the shapes of kpis.json; `judged`: the verdict on every KPI as a whole, by id."""

    judged: dict[str, Record] = field(default_factory=dict)
    signals: list[Record] = field(default_factory=list)
    causes: list[Record] = field(default_factory=list)
    unnamed: list[Record] = field(default_factory=list)  # causes in a place whose figures are hidden
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
        self, scorecard: Sequence[Mapping[str, Any]], definitions: Sequence[Mapping[str, Any]], week: date
    ) -> list[Record]:
        """Actions to propose for what moved; sizes come from the scorecard's cases."""
        return recommend.recommend(self.signals, self.causes, scorecard, definitions, week, self.ledger)


def find(fetch: Fetch, frames: Frames, week: date, ledger: Path | None = None) -> Findings:
    """Look at everything that the published marts allow; what they lack is named in `not_examined`.

    ledger: the file of actions people have taken up; what cannot be read of it is in `ledger_refused`.
    """
    found = Findings()
    catalogue = {row["kpi"]: row for row in records(frames.catalogue)}
    _find_signals(fetch, frames, week, catalogue, found)
    if "kpi_slices" in frames.tables:
        find_causes(fetch, frames, week, catalogue, found)
        found.signals = _worth_telling(found.signals)
    else:
        found.not_examined.append("causes")
    if ledger is not None:
        _measure_actions(fetch, frames, catalogue, ledger, found)
    else:
        found.not_examined.append("actions")
    if "comments" in frames.tables:
        found.voice = _hear(fetch, week)
    else:
        found.not_examined.append("voice")
    if "kpi_rows" in frames.tables:
        found.drivers = _drivers(fetch, week)
    else:
        found.not_examined.append("drivers")
    if "open_cases" in frames.tables:
        found.escalations = escalations.escalations(lambda sql: _asked(fetch, sql))
    else:
        found.not_examined.append("escalations")
    found.to_date = values_to_date(fetch, frames, week, frames.tables)
    if frames.audience != "analysts":
        keep_back(found, frames.hidden, week, catalogue)
    return found


def _find_signals(fetch: Fetch, frames: Frames, week: date, catalogue: Mapping[str, Record], found: Findings) -> None:
    slices = fetch(read_sql("slices"), [week - timedelta(weeks=HISTORY_WEEKS), week])
    cells = ["kpi", "statistic", "dimension", "dimension_value", "week"]
    intervals = slices[[*cells, "ci_low", "ci_high"]].astype({"week": "datetime64[ns]"})
    for row in records(find_signals(slices, frames.catalogue, week).merge(intervals, "left", cells)):
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
