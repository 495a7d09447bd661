"""What one weekly file does not show: cells of its week, earlier weeks and months, and what earlier files kept back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from transforms.leadership.cells import Cell, Key
from transforms.leadership.disclosure import Kind, hidden_cells, left_out, too_small
from transforms.leadership.links import Link
from transforms.leadership.months import Total, months_to_hide
from transforms.models import PAIR

if TYPE_CHECKING:
    import pandas as pd

    from transforms.leadership.frames import Frames

_KEY = ["kpi", "dimension", "dimension_value"]
_KIND = ["kpi", "kind", "unit", "numerator_dimensions"]
OWN = "value"  # the statistic that is the KPI itself


@dataclass(frozen=True)
class Issue:
    """What an earlier file kept back of its own week: rows marked suppressed, and tables of pairs left out."""

    suppressed: frozenset[Key]
    tables: frozenset[tuple[str, str]]
    kpis: frozenset[str]

    def keeps_back(self, key: Key) -> bool:
        """Whether the cell was hidden in that file. A KPI that it did not have was not hidden."""
        is_left_out = PAIR in key[1] and key[0] in self.kpis and key[:2] not in self.tables
        return key in self.suppressed or is_left_out


@dataclass(frozen=True)
class Hidden:
    """What must not be shown. `blank`: cells without a value to compare with, hidden or withheld."""

    cells: frozenset[tuple[Key, date]] = frozenset()
    blank: frozenset[tuple[Key, date]] = frozenset()
    months: frozenset[tuple[Key, date]] = frozenset()
    blank_months: frozenset[tuple[Key, date]] = frozenset()
    tables: frozenset[tuple[str, str]] = frozenset()
    issues: Mapping[date, Issue] | None = None

    def hides(self, key: Key, week: date) -> bool:
        """Whether the cell's figures of that week are hidden."""
        issue = (self.issues or {}).get(week)
        return (key, week) in self.cells or (issue is not None and issue.keeps_back(key))

    def blanks(self, key: Key, week: date) -> bool:
        """Whether a later figure must not be compared with that one."""
        return (key, week) in self.blank or self.hides(key, week)

    def hides_month(self, key: Key, month: date) -> bool:
        """The same as `hides`, of a month."""
        return (key, month) in self.months

    def blanks_month(self, key: Key, month: date) -> bool:
        """The same as `blanks`, of a month."""
        return (key, month) in self.blank_months or self.hides_month(key, month)


def read_issues(folder: Path) -> dict[date, Issue]:
    """What the files in `<out>/weekly` kept back, by Monday."""
    return {_monday(path.parent.name): _issue(path) for path in sorted(folder.glob("[0-9]*-W*/kpis.parquet"))}


def find_hidden(frames: Frames, week: date, issues: Mapping[date, Issue]) -> Hidden:
    """All that the file of that week must not show to anybody but analysts.

    Weeks that it is compared with and that have no file of their own yet keep back what theirs would.
    """
    kinds = {
        str(kpi): Kind(kind == "net_share", unit == "per_1k", kind == "count", frozenset(counted_by))
        for kpi, kind, unit, counted_by in frames.catalogue[_KIND].itertuples(index=False, name=None)
    }
    hidden, tables = _of_a_week(frames.week_rows, frames.linked, kinds, issues.get(week))
    before = {monday: issue for monday, issue in issues.items() if monday < week}
    for monday, (rows, linked) in frames.without_issue.items():
        before[monday] = _without_pairs(rows, linked, kinds)
    earlier = frames.hidden_weeks
    found = Hidden(
        cells=frozenset((key, week) for key in hidden) | _keyed(earlier[earlier["is_small"]], "week"),
        blank=_keyed(earlier, "week"),
        blank_months=_keyed(frames.hidden_months, "month"),
        tables=tables,
        issues=before,
    )
    return replace(found, months=_months(frames, found, kinds))


def _without_pairs(rows: pd.DataFrame, linked: pd.DataFrame, kinds: Mapping[str, Kind]) -> Issue:
    """What is not compared with, of a week that has no file: all pairs, so that no time goes into protecting them.

    Where what is counted has dimensions of its own, as a contact its reason, figures of single dimensions are hidden for
    the sake of pairs: of such a KPI the total alone is compared with.
    """
    is_single = ~rows["dimension"].str.contains(PAIR, regex=False)
    kept, _ = _of_a_week(rows[is_single], linked, kinds)
    by_itself = [kpi for kpi, kind in kinds.items() if kind.counted_by]
    others = rows[is_single & rows["kpi"].isin(by_itself) & (rows["dimension"] != "all")]
    return Issue(kept | set(others[_KEY].itertuples(index=False, name=None)), frozenset(), frozenset(kinds))


def _of_a_week(
    rows: pd.DataFrame, linked: pd.DataFrame, kinds: Mapping[str, Kind], kept: Issue | None = None
) -> tuple[frozenset[Key], frozenset[tuple[str, str]]]:
    """The cells that are hidden in a file of these rows, and the tables of pairs that it leaves out; kept: what an
    earlier issue of it kept back."""
    cells, *others = _cells(rows)
    first = too_small(cells) | _suppressed(rows) | {c.key for c in cells if kept is not None and kept.keeps_back(c.key)}
    keys = [cell.key for cell in cells]
    hidden = hidden_cells(cells, kinds, first, others, _links(linked, keys))
    out = left_out(keys, np.array([key in hidden for key in keys], bool))
    return frozenset(hidden), frozenset(key[:2] for key, is_out in zip(keys, out, strict=True) if is_out)


def only_withheld(frames: Frames) -> Hidden:
    """What even analysts are not compared with: figures that are withheld."""
    weeks, months = frames.hidden_weeks, frames.hidden_months
    return Hidden(
        blank=_keyed(weeks[~weeks["is_small"]], "week"), blank_months=_keyed(months[~months["is_small"]], "month")
    )


def _months(frames: Frames, found: Hidden, kinds: Mapping[str, Kind]) -> frozenset[tuple[Key, date]]:
    small = _keyed(frames.hidden_months[frames.hidden_months["is_small"]], "month")
    answer = set()
    for kpi, kind in kinds.items():
        key = (kpi, "all", "all")
        weeks = _totals(frames.weekly, kpi, "week")
        months = _totals(frames.monthly, kpi, "month")
        far = {monday for own, monday in found.cells if own == key}  # also weeks before those of the file
        hidden_weeks = {monday: weeks.get(monday) for monday in far | {w for w in weeks if found.hides(key, w)}}
        hidden = {month for own, month in small if own == key}
        over = {month for month in months if (month + timedelta(days=31)).replace(day=1) <= frames.as_of.date()}
        answer |= {(key, month) for month in months_to_hide(hidden_weeks, months, hidden, over, kind)}
    return frozenset(answer)


def _totals(frame: pd.DataFrame, kpi: str, period: str) -> dict[date, Total]:
    rows = frame[frame["kpi"] == kpi].drop_duplicates([period])
    return {
        start.date(): Total(float(n or 0), 0.0 if x != x else float(x))
        for start, n, x in zip(rows[period], rows["n"], rows["numerator"], strict=True)
    }


def _cells(rows: pd.DataFrame) -> list[list[Cell]]:
    """The week's cells, once for every numerator that is published of them; that of the KPI's own value first.

    A statistic may count something else over the same cases, such as contacts of more attribution tiers. What it does
    not count, or counts as the value does, has no numerator in its turn.
    """
    own = rows.sort_values("statistic", key=lambda name: name != OWN, kind="stable").drop_duplicates(_KEY)
    own = own.sort_index()
    keys = list(own[_KEY].itertuples(index=False, name=None))
    cases = dict(zip(keys, own["n"].fillna(0).astype(float), strict=True))
    counted = dict(zip(keys, own["numerator"].astype(float), strict=True))
    told = [counted]
    for _, part in rows[rows["statistic"] != OWN].groupby("statistic"):
        given = zip(part[_KEY].itertuples(index=False, name=None), part["numerator"].astype(float), strict=True)
        numerators = {key: x for key, x in given if x == x}
        differing = {key[0] for key, x in numerators.items() if x != counted[key]}
        if differing:
            told.append({key: x for key, x in numerators.items() if key[0] in differing})
    return [[Cell(key, cases[key], _known(numerators.get(key))) for key in keys] for numerators in told]


def _links(linked: pd.DataFrame, keys: Sequence[Key]) -> list[Link]:
    """The cells of the week that count the same, by what they count it as."""
    place = {key: number for number, key in enumerate(keys)}
    links: dict[int, tuple[list[int], list[int]]] = {}
    for kpi, dimension, value, counted, link in linked.itertuples(index=False, name=None):
        if (own := place.get((kpi, dimension, value))) is not None:
            cases, numerators = links.setdefault(link, ([], []))
            (cases if counted == "n" else numerators).append(own)
    return list(links.values())


def _known(x: float | None) -> float | None:
    return None if x is None or x != x else x


def _suppressed(rows: pd.DataFrame) -> set[Key]:
    return set(rows.loc[rows["status"] == "suppressed", _KEY].itertuples(index=False, name=None))


def _keyed(frame: pd.DataFrame, period: str) -> frozenset[tuple[Key, date]]:
    return frozenset(
        ((kpi, dimension, value), start.date())
        for kpi, dimension, value, start in frame[[*_KEY, period]].itertuples(index=False, name=None)
    )


def _monday(week: str) -> date:
    year, _, number = week.partition("-W")
    return date.fromisocalendar(int(year), int(number), 1)


def _issue(path: Path) -> Issue:
    import pyarrow.parquet as pq

    rows = pq.read_table(path, columns=[*_KEY, "status"]).to_pylist()
    return Issue(
        frozenset((r["kpi"], r["dimension"], r["dimension_value"]) for r in rows if r["status"] == "suppressed"),
        frozenset((r["kpi"], r["dimension"]) for r in rows),
        frozenset(r["kpi"] for r in rows),
    )
