"""What customers say in a week: themes with their share, trend and weight in NPS, quotes, and words that are new."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from transforms.insight.keyness import new_words
from transforms.insight.quotes import QUOTES, Quote, choose, with_typicality
from transforms.insight.shares import newcombe, nps_difference, wilson
from transforms.voice.patterns import themes as lexicon

TRAILING_WEEKS = 13
SCALE = "0-10"  # on which promoters and detractors are told; the contract has one survey type on it
UNHAPPY = 0.6  # of the scale: 0-6 of 0-10, 1-3 of 1-5, 1-4 of 1-7


@dataclass(frozen=True)
class ThemeFigures:
    """A theme among the week's comments. Shares 0-1; changes are differences of shares; None: it cannot be told.

    nps_points: how far the NPS of the week's commented answers lies below (negative) or above what it is without the
    theme's: its share times the difference of its NPS to the rest. It is about those who wrote, and an association.
    """

    id: str
    label: str
    tone: str  # 'friction', 'praise' or 'neutral'
    n: int
    share: float
    share_low: float | None
    share_high: float | None
    share_before: float | None
    change: float | None
    change_low: float | None
    change_high: float | None
    nps_n: int
    nps_points: float | None
    nps_low: float | None
    nps_high: float | None
    quotes: tuple[Quote, ...]


@dataclass(frozen=True)
class NewWord:
    """A word or pair of words of unhappy comments without a theme, used more than in the weeks before."""

    term: str
    n: int
    n_before: int
    z: float


@dataclass(frozen=True)
class Voice:
    """What customers say in a week: `n` comments, `n_before` in the `weeks_before` weeks that it is compared with."""

    week: date
    n: int
    n_before: int
    weeks_before: int
    without_theme: int
    themes: tuple[ThemeFigures, ...]  # frictions by what they cost and how often they are named, then the others
    quotes: tuple[Quote, ...]
    words: tuple[NewWord, ...]


def hear(comments: pd.DataFrame, week: date) -> Voice:
    """The voice of a week (its Monday), from rows of the mart `comments`."""
    marked = _marked(comments)
    day = pd.to_datetime(marked["responded_on"])
    monday = pd.Timestamp(week)
    now = marked[(day >= monday) & (day < monday + timedelta(weeks=1))]
    before = marked[(day < monday) & (day >= monday - timedelta(weeks=TRAILING_WEEKS))]
    weeks = int(pd.to_datetime(before["responded_on"]).dt.to_period("W-SUN").nunique())
    table = _figures(now, before)
    said = with_typicality(_by_theme(now))
    figures = [_theme(row, said[said["theme"] == row["id"]]) for row in table.to_dict("records")]
    figures.sort(key=lambda f: (f.tone != "friction", f.nps_points if f.nps_points is not None else 0.0, -f.n, f.id))
    found = new_words(_unexplained(now), _unexplained(before))
    words = tuple(NewWord(*row) for row in found.itertuples(index=False, name=None))
    leading = said[said["leads"]].drop_duplicates("response_id")
    without = int((now["count"] == 0).sum())
    return Voice(week, len(now), len(before), weeks, without, tuple(figures), choose(leading, QUOTES), words)


def _marked(comments: pd.DataFrame) -> pd.DataFrame:
    """With `unhappy`, the NPS counts of a row, and how many themes it has; one order whatever order the rows came in."""
    rows = comments.sort_values("response_id").reset_index(drop=True)
    edges = rows["scale"].astype(str).str.extract(r"(\d+)-(\d+)").astype(float)
    height = (rows["score"] - edges[0]) / (edges[1] - edges[0])
    is_nps = rows["scale"] == SCALE
    return rows.assign(
        unhappy=(height <= UNHAPPY + 1e-9),
        promoters=(is_nps & (rows["score"] >= 9)).astype(int),
        passives=(is_nps & rows["score"].between(7, 8)).astype(int),
        detractors=(is_nps & (rows["score"] <= 6)).astype(int),
        count=rows["themes"].str.len().fillna(0).astype(int),
    )


def _by_theme(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per comment and theme; `leads`: it is the comment's first."""
    each = rows.assign(theme=rows["themes"]).explode("theme")
    return each.assign(leads=~each.index.duplicated()).dropna(subset="theme").reset_index(drop=True)


def _figures(now: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """One row per theme that is named in the week or was before."""
    classes = ["promoters", "passives", "detractors"]
    table = pd.DataFrame([{"id": t.id, "label": t.label, "tone": t.tone} for t in lexicon()])
    counts = _by_theme(now).groupby("theme")[classes].sum().reindex(table["id"], fill_value=0).to_numpy(float)
    n, n0 = (
        _by_theme(part)["theme"].value_counts().reindex(table["id"], fill_value=0).to_numpy() for part in (now, before)
    )
    of, of0 = np.full(len(table), len(now)), np.full(len(table), len(before))
    low, high = wilson(n, of)
    change, change_low, change_high = newcombe(n, of, n0, of0)
    every = now[classes].sum().to_numpy(float)
    points, points_low, points_high = nps_difference(counts, every - counts)
    share = counts.sum(axis=1) / max(every.sum(), 1)
    table = table.assign(
        n=n,
        share=n / max(len(now), 1),
        share_low=low,
        share_high=high,
        share_before=n0 / len(before) if len(before) else np.nan,
        change=change,
        change_low=change_low,
        change_high=change_high,
        nps_n=counts.sum(axis=1).astype(int),
        nps_points=share * points,
        # With a handful of answers the adjusted interval can miss the raw difference: it is widened to hold it.
        nps_low=share * np.fmin(points, points_low),
        nps_high=share * np.fmax(points, points_high),
    )
    return table[(n > 0) | (n0 > 0)]


def _unexplained(rows: pd.DataFrame) -> pd.Series:
    """What unhappy customers wrote that no theme covers."""
    return rows.loc[rows["unhappy"] & (rows["count"] == 0), "comment"]


def _theme(row: Mapping[Hashable, Any], said: pd.DataFrame) -> ThemeFigures:
    known: dict[str, Any] = {str(name): None if isinstance(v, float) and np.isnan(v) else v for name, v in row.items()}
    return ThemeFigures(**known, quotes=choose(said, QUOTES))
