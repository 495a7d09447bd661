"""What is told of a move: by which of its signals, and with which causes. One rule for the brief and for what it asks.

A move is a KPI in a week; a signal is a row of kpis.json's `signals`, a cause one of its `causes`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from transforms.insight.lattice import UNKNOWN
from transforms.insight.readings import STOCK
from transforms.insight.signals import MIX
from transforms.leadership.words import better_of
from transforms.models import MOST_PER, PAIR

Row = Mapping[str, Any]


def move_of(row: Row) -> tuple[str, str | None]:
    """What a signal and its causes have in common: the KPI, and the week it moved in; newer weeks can tell of another."""
    return row["kpi"], row.get("week")


def place_of(signal: Row) -> dict[str, str]:
    """The dimensions and values that it is of; {} for everything."""
    if signal["dimension"] == "all":
        return {}
    names = signal["dimension"].split(PAIR)
    # A value can hold the sign that stands between the two of a pair.
    return dict(zip(names, signal["dimension_value"].split(PAIR, len(names) - 1), strict=True))


def is_gap(signal: Row) -> bool:
    """Whether it is of cases that lack a value: a gap in the data, and no place where somebody can act."""
    return UNKNOWN in place_of(signal).values()


def way_of(signal: Row, kpi: Row) -> str:
    """'worse' or 'better'; 'other' for a part of a mix, of which neither more nor less is good."""
    if kpi["kind"] == MIX:
        return "other"
    way = better_of(kpi["better"], kpi["unit"], signal["statistic"])
    return "better" if (signal["value"] > signal["expected"]) == (way == "higher") else "worse"


def causes_of(signal: Row, causes: Iterable[Row], kpi: Row) -> list[Row]:
    """The causes of its move that go its way, the first first.

    A part of the move is in the KPI's unit, also where a share of its cases shows the move.
    """
    sign = 1 if (way_of(signal, kpi) == "better") == (kpi["better"] == "higher") else -1
    own = [cause for cause in causes if move_of(cause) == move_of(signal) and cause["contribution"] * sign > 0]
    return sorted(own, key=lambda cause: cause["rank"])


def teller(signals: Sequence[Row], cause: Row | None, kpi: Row) -> Row:
    """Which of a move's signals is told of a cause: that of the whole, else one that went its way, in a place that holds it."""

    def order(signal: Row) -> tuple[bool, bool, bool]:
        place = place_of(signal)
        if cause is None:
            return bool(place), False, False
        return bool(place), not causes_of(signal, [cause], kpi), not place.items() <= cause["where"].items()

    return min(signals, key=order)


def is_taken_apart(kpi: Row) -> bool:
    """Whether causes of its moves are looked for: a sum over cases, no stock and no parts of one whole."""
    return kpi["kind"] not in (STOCK, MIX) and kpi["per"] <= MOST_PER


def is_unexplained(kpi: Row, told: Collection[str]) -> bool:
    """Whether causes of its move were looked for, and none is told. told: KPIs of which one is; of its stages too."""
    return is_taken_apart(kpi) and not {kpi["kpi"], kpi.get("part_of")} & set(told)
