"""What the brief cannot tell, in sentences: places whose figures are kept back, and KPIs that are withheld or say nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from transforms.insight.recommend import step_words, where_words
from transforms.leadership.words import listed

MOST_NAMED = 4  # in one list; the others are counted

Row = Mapping[str, Any]


def unnamed_words(unnamed: Iterable[Row], known: Mapping[str, Row]) -> list[str]:
    """A sentence for each cause in a place too small for its figures to be shown: that there is one, and around where."""
    said = []
    for row in unnamed:
        verb = step_words(1 if row["has_risen"] else -1) if row["stage"] else "rose" if row["has_risen"] else "fell"
        verb = "changed its cases" if row["part"] == "mix" else verb
        step = f"step {row['stage']} of " if row["stage"] else ""
        where = where_words(row["where"]).removeprefix("in ")
        where = f"the cases {where}" if where.startswith("where ") else where
        place = f"a part of {where}" if where else "a place"
        label = known[row["kpi"]]["label"]
        said.append(
            f"{step[:1].upper()}{step[1:]}{label} {verb} in week {row['week']} in {place} whose figures are kept back"
            " here; the file for analysts names it."
        )
    return list(dict.fromkeys(said))


def untold_words(scorecard: Iterable[Row], withheld: Iterable[Row] = ()) -> list[str]:
    """Which KPIs nothing can be said of; withheld: those that are said to be withheld, as a whole or in places."""
    said = {row["kpi"] for row in withheld if not row["where"]}
    told = [row for row in scorecard if row["verdict"] == "cannot_tell" and row.get("is_headline", True)]
    named = list(dict.fromkeys(row["label"] for row in told if row["kpi"] not in said))
    return [f"It could not be told whether {some(named)} moved."] if named else []


def withheld_words(rows: Iterable[Row], known: Mapping[str, Row]) -> list[str]:
    """Which KPIs are withheld as a whole, and why."""
    labels: dict[str, list[str]] = {}
    for row in rows:
        if not row["where"]:
            labels.setdefault(row["reason"], []).append(known[row["kpi"]]["label"])
    clauses = [f"{some(named)}, as {reason}" for reason, named in labels.items()]
    return [f"Withheld: {'; '.join(clauses)}."] if clauses else []


def some(named: Sequence[str]) -> str:
    """The first of a list, and how many more there are."""
    more = len(named) - MOST_NAMED
    return listed([*named[:MOST_NAMED], f"{more} more"] if more > 0 else named)
