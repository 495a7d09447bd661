"""The sentences above the scorecard: statuses, targets and what is withheld, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from transforms.leadership.scorecard import display_units
from transforms.leadership.words import STATUSES, counted, interval, listed, statistic_words, worded

FOR_ANALYSTS = "For analysts only, not to be passed on: figures of fewer than 10 cases are shown."


def headlines(payload: Mapping[str, Any]) -> list[str]:
    """True sentences, in the order a reader needs them; none says that something moved."""
    return [
        *([FOR_ANALYSTS] if payload["audience"] == "analysts" else []),
        _counts(payload),
        *_targets(payload),
        *_withheld_sentence(payload),
        "This file does not test what moved, why, or whether actions worked: it makes no claim about signals, causes"
        " or effects. A difference between two numbers below may be chance.",
    ]


def _counts(payload: Mapping[str, Any]) -> str:
    counts = Counter(row["status"] for row in payload["scorecard"] if row["is_headline"])
    parts = [f"{counts[status]} {words}" for status, (_, words) in STATUSES.items() if counts[status]]
    parts += [f"{number} {status}" for status, number in counts.items() if status not in STATUSES]
    return f"{counted(counts.total(), 'KPI', 'KPIs')} this week: {listed(parts)}."


def _targets(payload: Mapping[str, Any]) -> list[str]:
    units = display_units(payload)
    rows = [row for row in payload["scorecard"] if row["is_headline"]]
    judged = [row for row in rows if row["final_target_status"]]
    order = ("missed", "open", "met")
    sentences = [_target_sentence(row, units[row["kpi"]]) for status in order for row in judged
                 if row["final_target_status"] == status]  # fmt: skip
    without = sum(row["target"] is None and row["final_target"] is None for row in rows)
    if without == len(rows):
        return ["No KPI has a target."]
    if without:
        sentences.append(f"{counted(without, 'KPI has', 'KPIs have')} no target.")
    return sentences


def _target_sentence(row: Mapping[str, Any], unit: str) -> str:
    way = "at least" if row["better"] == "higher" else "at most"
    verdict = {
        "missed": "misses its target of",
        "met": "meets its target of",
        "open": "cannot be told apart from its target of",
    }[row["final_target_status"]]
    name = row["label"] if row["statistic"] == "value" else f"{row['label']} ({statistic_words(row['statistic'])})"
    return (
        f"{name} {verdict} {way} {worded(row['final_target'], unit)}: {worded(row['final_value'], unit)}"
        f" (95% interval {interval(row['final_ci_low'], row['final_ci_high'], unit)}) in {row['final_week']}."
    )


def _withheld_sentence(payload: Mapping[str, Any]) -> list[str]:
    whole = [row["kpi"] for row in payload["trust"]["withheld"] if not row["where"]]
    slices = len(payload["trust"]["withheld"]) - len(whole)
    labels = {entry["kpi"]: entry["label"] for entry in payload["definitions"]}
    sentences = []
    if whole:
        verb = "is" if len(whole) == 1 else "are"
        sentences.append(f"{listed(labels.get(kpi, kpi) for kpi in whole)} {verb} withheld; the reason stands below.")
    if slices:
        sentences.append(f"{counted(slices, 'slice', 'slices')} of other KPIs withheld; the reasons stand below.")
    return sentences
