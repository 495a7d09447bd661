"""Proposals about one thing are one decision: KPIs that move together, in one place, asked of one owner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Record = dict[str, Any]
APART = ("better", "mix")  # parts that ask for something else than to put it right
OF_AN_EFFECT = ("kpi", "where", "because", "size", "expected_effect")


def joined(proposals: Iterable[Mapping[str, Any]], together: Iterable[Sequence[str]]) -> list[Record]:
    """The proposals in their order, each with what it would do for other KPIs: `also`, a list of OF_AN_EFFECT.

    together: KPIs that see the same thing in several ways. Two proposals of such KPIs are one if their places are the same,
    or one lies in the other, and they ask the same owner; or one names a step of a refund, whose owner the other's cannot
    know. What is taken up already, and what is not, stay apart.
    """
    kept: list[Record] = []
    for one in proposals:
        host = next((other for other in kept if _are_one(other, one, together)), None)
        if host is None:
            kept.append({**one, "also": []})
        elif one["kpi"] not in {effect["kpi"] for effect in effects_of(host)}:  # else it tells the same cases again
            host["also"].append({name: one[name] for name in OF_AN_EFFECT})
    return kept


def move_together(kpi: str, other: str, together: Iterable[Sequence[str]]) -> bool:
    """Whether two KPIs see the same thing."""
    return any(kpi in kpis and other in kpis for kpis in together)


def place_among(kpi: str, together: Iterable[Sequence[str]]) -> int:
    """Where a KPI comes among those that move together: the first of them tells the thing; 0 for one that moves alone."""
    return next((kpis.index(kpi) for kpis in together if kpi in kpis), 0)


def effects_of(proposal: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a proposal would do, for each of its KPIs: rows of OF_AN_EFFECT, its own first."""
    return [proposal, *proposal["also"]]


def _are_one(a: Mapping[str, Any], b: Mapping[str, Any], together: Iterable[Sequence[str]]) -> bool:
    kinds = [one["part"] if one["part"] in APART else "worse" for one in (a, b)]
    return (
        a["kpi"] != b["kpi"]
        and move_together(a["kpi"], b["kpi"], together)
        and kinds[0] == kinds[1]
        and a["status"] == b["status"]
        and (a["stage"] == b["stage"] or None in (a["stage"], b["stage"]))
        and (a["owner"] == b["owner"] or a["stage"] != b["stage"])
        and (a["where"].items() <= b["where"].items() or b["where"].items() <= a["where"].items())
    )
