"""A table of text, as every part of the file uses it, and what is said in its place when there is nothing to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

Cell = str | list[str]  # a text, or a text and what stands small below it


class Table(TypedDict):
    """A table of text. `numeric` holds the places of the columns to align right; `empty` is said without rows."""

    title: str
    headings: list[str]
    numeric: list[int]
    rows: list[list[Cell]]
    more: str
    empty: str


def table(
    title: str, headings: Sequence[str], numeric: Sequence[int], rows: Sequence[list[Cell]], empty: str, more: str = ""
) -> Table:
    """The table of these parts."""
    return {
        "title": title,
        "headings": list(headings),
        "numeric": list(numeric),
        "rows": list(rows),
        "more": more,
        "empty": empty,
    }


def is_examined(payload: Mapping[str, Any], name: str) -> bool:
    """Whether somebody looked: an empty list of what was examined says that there is nothing."""
    return name not in payload["not_examined"]


def nothing(payload: Mapping[str, Any], name: str, what: str, none_found: str) -> str:
    """What is said where there is nothing to show: that nobody looked, or that nothing was found."""
    return none_found if is_examined(payload, name) else f"{what} not examined for this file."


def label_of(payload: Mapping[str, Any], kpi: str) -> str:
    """The KPI's name; its id where the catalogue does not have it."""
    return next((str(entry["label"]) for entry in payload["definitions"] if entry["kpi"] == kpi), kpi)


def read_in(units: Mapping[str, str], row: Mapping[str, Any]) -> str:
    """The unit a finding is read in: of hours the one that the whole file has for its KPI."""
    own = str(row["unit"])
    return units.get(row["kpi"], own) if own == "hours" else own
