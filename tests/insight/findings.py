"""Findings in the shapes of kpis.json, small enough to read."""

from __future__ import annotations

from datetime import date
from typing import Any

MONDAY = date(2026, 11, 16)
Row = dict[str, Any]


def kpi(id: str, label: str, unit: str, better: str, owner: str = "insights", **more: Any) -> Row:
    kinds = {"points": "net_share", "share": "share", "per_1k": "rate", "hours": "duration"}
    row = {"kpi": id, "label": label, "unit": unit, "better": better, "owner": owner, "kind": kinds.get(unit, "rate")}
    row |= {"read_in": "days" if unit == "hours" else unit, "per": {"points": 100, "per_1k": 1000}.get(unit, 1)}
    return row | {"dimensions": ["market", "carrier", "fulfilment"]} | more


CATALOGUE = [
    kpi("nps", "NPS", "points", "higher"),
    kpi("refund_cycle_time", "Refund cycle time", "hours", "lower", "returns-and-refunds"),
    kpi("contacts_per_1k_orders", "Contacts per 1,000 orders", "per_1k", "lower", "customer-service"),
    kpi("csat", "CSAT", "share", "higher"),
    kpi("late_refund_open", "Refunds open past the agreed time", "count", "lower", kind="count"),
    kpi("resolution_mix", "Resolution mix", "share", "higher", kind="mix"),
    kpi("lost_parcels", "Lost parcels", "share", "lower", "logistics"),  # has no words of its own
]


def signal(kpi: str, value: float, expected: float, verdict: str = "signal", **more: Any) -> Row:
    statistic = "restricted_mean" if kpi == "refund_cycle_time" else "value"
    row = {"kpi": kpi, "statistic": statistic, "dimension": "all", "dimension_value": "all"}
    return (
        row | {"value": value, "expected": expected, "verdict": verdict, "rule": "outside the limits", "n": 300} | more
    )


def cause(kpi: str, contribution: float, rank: int = 1, **more: Any) -> Row:
    row = {"kpi": kpi, "rank": rank, "where": {"market": "VN", "carrier": "jnt"}, "part": "rate", "stage": None}
    wide = abs(contribution) / 4
    row |= {"contribution": contribution, "ci_low": contribution - wide, "ci_high": contribution + wide}
    return row | {"ruled_out": []} | more


def scorecard(kpi: str, label: str, verdict: str = "noise", **more: Any) -> Row:
    row = {"kpi": kpi, "label": label, "statistic": "value", "is_headline": True, "verdict": verdict, "value": 1.0}
    return row | {"n": 500, "status": "final", "ci_low": None, "ci_high": None} | more


def action(what: str, verdict: str, **more: Any) -> Row:
    row = {"what": what, "kpi": "nps", "statistic": "value", "started": "2026-08-03", "effect": 4.21}
    return row | {"ci_low": 1.1, "ci_high": 7.34, "verdict": verdict} | more
