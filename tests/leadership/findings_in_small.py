"""Invented findings of every kind for the payload of the small marts, with texts that would do harm if they were run."""

from __future__ import annotations

import copy
from typing import Any

from marts_in_small import EVIL, FORMULA, MARKUP

EMPTY = (
    *(
        "brief",
        "signals",
        "causes",
        "unnamed",
        "recommendations",
        "actions",
        "drivers",
        "stages",
        "ageing",
        "contact_reasons",
        "ledger_refused",
    ),
    "avoidable",
)
Row = dict[str, Any]


def with_findings(payload: Row) -> Row:
    """The payload with findings of every kind."""
    full = copy.deepcopy(payload)
    full |= {
        "brief": BRIEF,
        "signals": SIGNALS,
        "causes": CAUSES,
        "unnamed": UNNAMED,
        "recommendations": RECOMMENDATIONS,
        "actions": ACTIONS,
        "voice": VOICE,
        "drivers": DRIVERS,
        "escalations": ESCALATIONS,
        "stages": STAGES,
        "ageing": AGEING,
        "contact_reasons": CONTACT_REASONS,
        "avoidable": AVOIDABLE,
        "not_examined": [],
    }
    full["trust"]["restated"] = [RESTATED]
    whole = next(entry for entry in full["definitions"] if entry["kpi"] == "refund_cycle_time")
    part = {"kpi": "refund_stage_time", "label": "Refund time by stage", "part_of": "refund_cycle_time"}
    full["definitions"].append(whole | part)
    for row in full["scorecard"]:
        row |= _judged(row, full)
    for series in full["series"]:
        series["limits"] = _limits(series)
    return full


def without_findings(payload: Row) -> Row:
    """The payload of a week in which all was looked at and nothing was found."""
    bare = copy.deepcopy(payload)
    bare |= {name: [] for name in EMPTY} | {"voice": None, "escalations": None, "not_examined": []}
    for series in bare["series"]:
        series["limits"] = None
    return bare


def _judged(row: Row, payload: Row) -> Row:
    """Verdict, sparkline and values to date of a scorecard row, one of each kind."""
    verdicts = {
        "refund_cycle_time": "signal",
        "contacts_per_1k_orders": "signal",
        "nps": "watch",
        "csat": "cannot_tell",
    }
    verdict = verdicts.get(row["kpi"], "noise") if row["is_headline"] else "cannot_tell"
    points = next(s["weeks"] for s in payload["series"] if s["kpi"] == row["kpi"])
    value = row["final_value"]
    span = {"value": value, "prior_year_value": value and value * 0.97, "days": 22}
    return {
        "verdict": verdict,
        "verdict_week": None if verdict == "cannot_tell" else row["final_week"],
        "verdict_reason": {"signal": "outside the limits", "cannot_tell": "it is withheld"}.get(verdict)
        if row["is_headline"]
        else None,
        "smallest_visible_change": None if verdict == "cannot_tell" else value * 0.08,
        "sparkline": [point["value"] for point in points],
        "month_to_date": span if row["statistic"] == "value" else None,
        "quarter_to_date": span if row["statistic"] == "value" else None,
        "year_to_date": span | {"prior_year_value": None} if row["statistic"] == "value" else None,
    }


def _limits(series: Row) -> Row | None:
    known = [point["value"] for point in series["weeks"] if point["value"] is not None]
    if series["kpi"] == "csat":
        return None
    middle = sum(known) / len(known)
    # what moved lies above its limits
    shift = 0.86 if series["kpi"] in ("refund_cycle_time", "contacts_per_1k_orders") else 1.0
    return {"low": 0.92 * shift * middle, "expected": shift * middle, "high": 1.08 * shift * middle}


def _signal(kpi: str, value: float, expected: float, half: float, unit: str, **more: Any) -> Row:
    return {
        "kpi": kpi, "statistic": "value", "dimension": "all", "dimension_value": "all", "week": "2026-W47",
        "value": value, "ci_low": None, "ci_high": None, "expected": expected, "limit_low": expected - half, "limit_high": expected + half, "n": 1234,
        "rule": "outside the limits", "verdict": "signal", "smallest_visible_change": half * 0.8, "unit": unit,
        "better": "lower",
    } | more  # fmt: skip


BRIEF = [
    "Refund cycle time (mean over 30 days) got worse: it rose to 7.4 days, against an expected 6.1 days (95% interval"
    " 7.1 to 7.7; outside the limits).",
    "The first cause is that step inspect took longer in market VN × carrier jnt (contribution 0.9 days,"
    " 95% interval 0.7 to 1.1); ruled out: the mix of categories.",
    "At stake: 1,140 refund-days a week (Refund cycle time) and 412 contacts a week (Contacts per 1,000 orders).",
    f"Also Contacts per 1,000 orders (97.3) got worse {EVIL}.",
    "The first of 2 decisions, asked of warehouse by 27 November 2026: staff the inspection of returned goods in market VN"
    " × carrier jnt until nothing waits longer than agreed.",
    f"Of earlier actions, “Approve clear returns by rule {MARKUP}” worked (Refund cycle time −0.4 days, 95% interval −0.6 to"
    " −0.2) and “Call ten detractors” shows no evidence of an effect.",
]
SIGNALS = [
    _signal("refund_cycle_time", 177.6, 146.4, 14.4, "hours", statistic="restricted_mean", week="2026-W42"),
    _signal("contacts_per_1k_orders", 97.31, 86.02, 7.5, "per_1k", rule="3 of 4 weeks nearer a limit than the centre"),
    _signal("return_contact_rate", 0.3123, 0.2301, 0.04, "share", dimension="market × carrier",
            dimension_value=f"{FORMULA} × jnt"),
    _signal("csat", 0.8711, 0.8105, 0.03, "share", better="higher", week="2026-W46"),
    _signal("nps", 36.42, 38.95, 4.1, "points", better="higher", verdict="watch", rule="9 weeks on one side"),
    _signal("return_rate", 0.1013, 0.0902, 0.02, "share", verdict="watch", dimension="market", dimension_value=EVIL,
            rule="2 weeks together", limit_low=None, limit_high=None, smallest_visible_change=None, n=None),
]  # fmt: skip
CAUSES = [
    {"kpi": "refund_cycle_time", "rank": 1, "where": {"market": "VN", "carrier": "jnt"}, "part": "stage",
     "stage": "inspect", "contribution": 21.6, "ci_low": 16.8, "ci_high": 26.4, "week": "2026-W42", "unit": "hours",
     "ruled_out": ["the mix of categories", f"seller tier {EVIL}"]},
    {"kpi": "refund_cycle_time", "rank": 2, "where": {"category": "beauty"}, "part": "mix", "stage": None,
     "contribution": 6.24, "ci_low": 2.4, "ci_high": 9.6, "week": "2026-W42", "unit": "hours",
     "ruled_out": ["the mix of categories"]},
    {"kpi": "contacts_per_1k_orders", "rank": 1, "where": {"market": MARKUP}, "part": "rate", "stage": None,
     "contribution": 8.87, "ci_low": 6.21, "ci_high": None, "week": "2026-W47", "unit": "per_1k", "ruled_out": []},
    {"kpi": "contacts_per_1k_orders", "rank": 2, "where": {}, "part": "slice", "stage": None, "contribution": -1.13,
     "ci_low": None, "ci_high": None, "week": "2026-W47", "unit": "per_1k", "ruled_out": []},
]  # fmt: skip
UNNAMED = [
    {"kpi": "ces", "week": "2026-W46", "part": "rate", "stage": None, "where": {"market": EVIL}, "has_risen": False},
]
RECOMMENDATIONS = [
    {"id": "r1a2b3c4d", "what": "Staff the inspection of returned goods in market VN × carrier jnt until nothing waits"
     " longer than agreed", "owner": "warehouse", "kpi": "refund_cycle_time", "where": {"market": "VN", "carrier": "jnt"},
     "part": "stage", "stage": "inspect", "because": "Refund cycle time was 7.4 days, against an expected 6.1 days; step"
     " inspect in market VN × carrier jnt explains 0.9 days of it",
     "size": {"value": 1139.7, "unit": "refund-days", "one": "refund-day", "per": "week"},
     "expected_effect": {"value": -21.6, "ci_low": -26.4, "ci_high": -16.8, "unit": "hours"},
     "decide_by": "2026-11-27", "status": "proposed", "also": [{"kpi": "return_contact_rate", "where": {"market": "VN"},
     "because": "Returns with a contact was 31.2%, against an expected 23.0%", "size": {"value": 12.0, "unit": "returns with"
     " a contact", "one": "return with a contact", "per": "week"}, "expected_effect": {"value": -0.082, "ci_low": -0.11,
     "ci_high": -0.05, "unit": "share"}}],
     "ledger_row": "r1a2b3c4d,Staff the inspection of returned goods,refund_cycle_time,carrier=jnt & market=VN,accepted,,"
     "warehouse,"},
    {"id": "r2b3c4d5e", "what": f"=Read twenty contacts in market {EVIL}", "owner": "customer-service",
     "kpi": "contacts_per_1k_orders", "where": {"market": EVIL}, "part": "rate", "stage": None,
     "because": "Contacts per 1,000 orders was 97.3, against an expected 86.0", "size": {"value": 1.0,
     "unit": "contacts", "one": "contact", "per": "week"}, "expected_effect": None, "also": [], "decide_by": "2026-11-27",
     "status": "started", "ledger_row": '"=r2b3c4d5e",x,contacts_per_1k_orders,all,accepted,,customer-service,'},
]  # fmt: skip


def _action(verdict: str, what: str, effect: float | None, half: float, **more: Any) -> Row:
    around = (
        {"ci_low": None, "ci_high": None} if effect is None else {"ci_low": effect - half, "ci_high": effect + half}
    )
    return {
        "id": f"r{verdict}", "what": what, "kpi": "refund_cycle_time", "where": {"market": "SG"}, "status": "done",
        "owner": "platform", "started": "2026-09-07", "effect": effect, "verdict": verdict, "unit": "hours",
        "because": "against 4 slices that it did not touch", "method": "difference in differences", "weeks_after": 9,
    } | around | more  # fmt: skip


ACTIONS = [
    _action("worked", f"Approve clear returns by rule {MARKUP}", -9.6, 4.8),
    _action("no_evidence", "Call ten detractors", 1.42, 3.3, kpi="nps", unit="points", where={}),
    _action("harmed", "Ask for photos before approval", 0.0312, 0.011, kpi="return_contact_rate", unit="share"),
    _action("too_early", f"{FORMULA} Route parcels elsewhere", None, 0.0, status="accepted", started=None,
            method=None, weeks_after=0, because="it has not started"),
]  # fmt: skip


def _theme(label: str, tone: str, n: int, share: float, points: float | None) -> Row:
    nps = {"nps_low": None, "nps_high": None} if points is None else {"nps_low": points - 1.1, "nps_high": points + 1.1}
    return {
        "id": label.lower(), "label": label, "tone": tone, "n": n, "share": share, "share_low": share - 0.02,
        "share_high": share + 0.02, "change": 0.0213, "change_low": 0.0041, "change_high": 0.0385,
        "nps_points": points,
    } | nps  # fmt: skip


VOICE = {
    "n": 1312, "n_before": 10411, "without_theme": 287,
    "themes": [
        _theme("Slow refund", "friction", 214, 0.1631, -4.27),
        _theme(f"Courier {EVIL}", "friction", 120, 0.0915, -2.06),
        _theme("Polite staff", "praise", 97, 0.0739, 1.88),
        _theme("Other", "neutral", 41, 0.0312, None),
    ],
    "quotes": [
        {"response_id": "s1", "comment": f"My refund takes weeks {EVIL}", "language": "en", "score": 2.0, "theme": "slow_refund",
         "survey_type": "nps", "market": "SG"},
        {"response_id": "s2", "comment": f"Hoàn tiền quá chậm {MARKUP}", "language": "vi", "score": 3.0, "theme": "slow_refund",
         "survey_type": "nps", "market": "VN"},
        {"response_id": "s3", "comment": '=HYPERLINK("http://evil")', "language": None, "score": 9.0, "theme": "other",
         "survey_type": "csat", "market": "SG"},
        {"response_id": "s4", "comment": "Call me at [phone], I am [name] of [order]", "language": "en", "score": 0.0,
         "theme": "polite_staff", "survey_type": "nps", "market": "MY"},
        {"response_id": "s5", "comment": "คืนเงินช้ามาก", "language": "th", "score": 1.0, "theme": "slow_refund",
         "survey_type": "nps", "market": "TH"},
    ],
    "words": [{"term": "kho", "n": 31, "n_before": 2, "z": 4.61}, {"term": "-inspect", "n": 12, "n_before": 1, "z": 3.2}],
}  # fmt: skip
DRIVERS = [
    {"id": "refund_over_7_days", "label": "The refund took longer than 7 days", "exposed": 612, "unexposed": 2318,
     "share": 0.2089, "difference": -24.31, "difference_low": -29.02, "difference_high": -19.6, "points": 5.08,
     "points_low": 4.1, "points_high": 6.06, "caveats": ["observed, not assigned", "overlaps with “had to ask”"]},
    {"id": "damaged", "label": f"It arrived damaged {EVIL}", "exposed": 44, "unexposed": 900, "share": 0.0466,
     "difference": None, "difference_low": None, "difference_high": None, "points": None, "points_low": None,
     "points_high": None, "caveats": []},
]  # fmt: skip
ESCALATIONS = {
    "cases": 143,
    "sql": "select return_id, '<b>' from marts.open_cases limit 20",
    "shown": [
        {"rank": rank, "return_id": f"R-{10_000 + rank}", "order_id": f"O-{rank}", "market": "VN",
         "carrier": None if rank == 3 else "jnt", "waits_for": "inspect", "waiting_days": 31.4 - rank, "sla_days": 14,
         "contacts": 7 - rank // 4, "nps_class": "detractor" if rank < 5 else None,
         "order_value": 129.9 * rank, "currency": "SGD", "impact": 7.25 - rank / 4,
         "reasons": [f"open for {31 - rank} days, agreed 14", "7 contacts", *([FORMULA] if rank == 1 else [])]}
        for rank in range(1, 21)
    ],
}  # fmt: skip
STAGES = [
    {"stage": stage, "clock_owner": owner, "hours": hours, "before_hours": before}
    for stage, owner, hours, before in (
        ("approve", "seller and platform", 12.3, 13.1), ("ship", "customer", 38.2, 37.7),
        ("transit", "carrier", 44.6, 44.0), ("inspect", "warehouse", 49.5, 27.2), ("issue", "platform", 8.8, 8.6),
        ("credit", "bank", 24.2, 24.9),
    )
]  # fmt: skip


def _group(kpi: str, name: str, value: float | None, before: float | None, n: int | None) -> Row:
    status = "final" if n else "suppressed"
    return {"kpi": kpi, "dimension_value": name, "value": value, "prior_year_value": before, "numerator": value, "n": n,
            "status": status}  # fmt: skip


AGEING = [
    _group("late_refund_open", "0-7 days", 212, 180, 1203),
    _group("late_refund_open", "8-14 days", 97, 60, 1203),
    _group("late_refund_open", "over 30 days", 31, 44, 1203),
]
CONTACT_REASONS = [
    _group("contacts_per_1k_orders", "where is my refund", 31.23, 24.08, 9311),
    _group("contacts_per_1k_orders", "delivery", 22.71, 23.02, 9311),
    _group("contacts_per_1k_orders", EVIL, 4.04, None, 9311),
    _group("contacts_per_1k_orders", "other", None, None, None),
]


def _avoided(stage: str, owner: str | None, target: float | None, contacts: float | None, days: float | None) -> Row:
    is_known = contacts is not None and days is not None
    value = contacts / days if contacts is not None and days is not None else None
    low, high = (None if value is None else share * value for share in (0.7, 1.4))
    return {
        "kpi": "contacts_past_stage_target", "stage": stage, "clock_owner": owner, "target_hours": target,
        "contacts": contacts, "contacts_low": low and days and low * days, "contacts_high": high and days and high * days,
        "late_days": days, "value": value, "ci_low": low, "ci_high": high, "n": 61 if is_known else None,
        "status": "final" if is_known else "suppressed",
    }  # fmt: skip


AVOIDABLE = [
    _avoided("inspect", "warehouse", 48.0, 1023.0, 4120.5),
    _avoided("approve", "platform and seller", 24.0, 36.0, 512.25),
    _avoided("credit", f"bank {EVIL}", 72.0, None, None),
    _avoided("all", None, None, 1062.0, 4711.75),
]
RESTATED = {"kpi": "nps", "statistic": "value", "week": "2026-W45", "old": 38.21, "new": 37.94,
            "reason": "late data -0.27", "parts": {"late_data": -0.27}}  # fmt: skip
