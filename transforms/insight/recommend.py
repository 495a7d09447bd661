"""From findings to proposed actions: what, by whom, why, for how much, and until when to decide.

The words are data (`actions.toml`); a KPI that has none there gets those of its kind of finding.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from transforms.insight.actions import ledger_row, stable_id, where_text
from transforms.insight.lattice import UNKNOWN
from transforms.insight.signals import MIX
from transforms.insight.together import joined, place_among
from transforms.insight.told import causes_of, is_gap, move_of, place_of, teller, way_of
from transforms.leadership.words import listed, statistic_words, unit_of, worded

# unit -> what a value times the denominator is divided by to count cases; another unit has no size in cases
PER = {"share": 1.0, "per_1k": 1000.0}
HOURS_IN_DAY = 24.0
# Process limits lie three standard deviations from what is expected, a 95 % interval 1.96.
OF_LIMITS = 1.959963984540054 / 3
REASONS = {"rate": "the level {where}", "mix": "the part of cases {where}", "stage": "step {stage} {where}"}
ALL_OF_IT = 0.95  # of a move: a cause that makes as much explains it
CAUSES_EACH = 2  # of a KPI that are acted on at once
TEXT_KEYS = {"what", "owner", "owner_where", "repairs"}

Record = dict[str, Any]


class TemplateError(ValueError):
    """`actions.toml` does not say what it must; the message names the place."""


def recommend(
    signals: Iterable[Mapping[str, Any]],
    causes: Iterable[Mapping[str, Any]],
    scorecard: Iterable[Mapping[str, Any]],
    definitions: Iterable[Mapping[str, Any]],
    monday: date,
    ledger: Iterable[Mapping[str, Any]] = (),
) -> list[Record]:
    """Proposed actions for what moved; none without a signal. First what can be put right, last what got better; what
    several KPIs tell of one place is one.

    signals, causes, scorecard: rows of kpis.json; a signal of cases that lack a value asks for nothing. definitions: those of
    kpis.json; monday: of the week the file is about; ledger: actions already taken up. A cause's `contribution` is its
    part of the move of the whole KPI, in the unit of the KPI.

    Each: id, what, owner, kpi, where, part, stage, because, size {value, unit, one, per} or None, expected_effect
    {value, ci_low, ci_high, unit} (if it is put right wholly) or None, decide_by (ISO), status (proposed, or the
    ledger's), ledger_row (the line to copy), also (what it does for other KPIs, see together.py). Sizes are per week: cases = |contribution| × the KPI's denominator,
    refund-days = |hours| / 24 × returns, points as they are.
    """
    words, known = templates(), {row["kpi"]: row for row in definitions}
    bases, taken = _bases(scorecard), {action["id"]: action["status"] for action in ledger}
    moved = [s for s in signals if s["verdict"] == "signal" and s["kpi"] in known and not is_gap(s)]
    found: dict[str, Record] = {}
    ordered = list(causes)
    for finding in _findings(moved, ordered, known):
        made = _recommendation(finding, known[finding["kpi"]], bases, words)
        made["decide_by"] = (monday + timedelta(days=7 + words["decide_within_days"])).isoformat()
        made["status"] = taken.get(made["id"], "proposed")
        found.setdefault(made["id"], made | {"ledger_row": ledger_row(made, place_of(finding["signal"]))})
    ranked = sorted(
        found.values(),
        key=lambda made: (
            made["part"] == "better",
            made["part"] == "slice",
            made["expected_effect"] is None,
            made["stage"] is None,  # a step has somebody who can act on it
            place_among(made["kpi"], words["together"].values()),
        ),
    )
    return joined(ranked, words["together"].values())[: words["most"]]


def where_words(where: Mapping[str, str]) -> str:
    """'in market VN × contact reason where is my refund', 'where market is not recorded'; '' for everything.

    In the order given; a code's words are set apart by spaces, as people read them. The ledger's line has the codes.
    """
    names = {name: name.replace("_", " ") for name in where}
    parts = [f"{names[name]} {value.replace('_', ' ')}" for name, value in where.items() if value != UNKNOWN]
    lacking = [names[name] for name, value in where.items() if value == UNKNOWN]
    said = [f"in {' × '.join(parts)}"] if parts else []
    said += [f"where {listed(lacking)} {'is' if len(lacking) == 1 else 'are'} not recorded"] if lacking else []
    return " ".join(said)


def step_words(contribution: float) -> str:
    """Which way a step of a refund moved."""
    return "took longer" if contribution > 0 else "took less time"


def value_words(value: float, unit: str, label: str) -> str:
    """'6.2 days'; without the unit where the KPI's label says it."""
    said = worded(value, unit)
    return said.removesuffix(" per 1,000 orders") if "per 1,000 orders" in label else said


def change_words(value: float, unit: str, label: str) -> str:
    """A difference of two values: '1.2 days', '2.1 percentage points'; as `value_words`."""
    return value_words(value, unit, label).replace("%", " percentage points")


@cache
def templates() -> Record:
    """The words of `actions.toml`. Raises TemplateError, by name, for what it cannot use."""
    path = Path(__file__).with_name("actions.toml")
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    texts = {f"part.{name}": text for name, text in found["part"].items()}
    texts |= {f"stage.{name}": text for name, text in found["stage"].items()}
    texts |= {f"kpi.{kpi}.{part}": text for kpi, parts in found["kpi"].items() for part, text in parts.items()}
    for name, text in texts.items():
        wrong = set(text) - TEXT_KEYS or {"what"} - set(text)
        if wrong:
            raise TemplateError(f"{path}: [{name}]: {', '.join(sorted(wrong))}: it takes what (always), {TEXT_KEYS}")
        try:
            text["what"].format(where="", label="", stage="", week="")
        except (KeyError, IndexError, ValueError) as error:
            raise TemplateError(
                f"{path}: [{name}]: {error}: it may name {{where}}, {{label}}, {{stage}}, {{week}}"
            ) from error
    return {**found, "texts": texts}


def _findings(
    moved: Sequence[Mapping[str, Any]], causes: Sequence[Mapping[str, Any]], known: Mapping[str, Mapping[str, Any]]
) -> list[Record]:
    """What to act on: the first causes of each KPI and week that moved, else where it moved."""
    findings = []
    moves = dict.fromkeys(map(move_of, moved))
    kpis = {kpi for kpi, _ in moves}
    for kpi, week in moves:
        # The move of a part is the whole's, and told with it; of a mix neither more nor less of a part is to be mended.
        if known[kpi].get("part_of") in kpis or known[kpi]["kind"] == MIX:
            continue
        own = [signal for signal in moved if move_of(signal) == (kpi, week)]
        whole = [signal for signal in own if signal["dimension"] == "all"][:1] or own
        for signal in whole:
            first, way = causes_of(signal, causes, known[kpi])[:CAUSES_EACH], way_of(signal, known[kpi])
            if way == "worse" and first:
                tellers = [teller(whole, cause, known[kpi]) for cause in first]
                told = zip(first, tellers, strict=True)
                findings += [_of_cause(cause, one) | {"unit": known[kpi]["unit"]} for cause, one in told]
            else:
                part = "slice" if way == "worse" else "better"
                unit = unit_of(known[kpi]["unit"], signal["statistic"])
                found = _of_signal(signal, part, first[0]["where"] if first else place_of(signal))
                findings.append(found | {"unit": unit})
    return findings


def _of_signal(signal: Mapping[str, Any], part: str, where: Mapping[str, str]) -> Record:
    change = signal["value"] - signal["expected"]
    half = None
    if signal.get("limit_low") is not None and signal.get("limit_high") is not None:
        half = OF_LIMITS * (signal["limit_high"] - signal["limit_low"]) / 2
    around = {"ci_low": None, "ci_high": None} if half is None else {"ci_low": change - half, "ci_high": change + half}
    return {
        "kpi": signal["kpi"], "signal": signal, "part": part, "stage": None, "where": dict(where),
        "contribution": change, "base": _cases(signal), **around,
    }  # fmt: skip


def _of_cause(cause: Mapping[str, Any], signal: Mapping[str, Any]) -> Record:
    names = ("kpi", "part", "stage", "contribution", "ci_low", "ci_high", "weeks")
    base = _cases(signal) if signal["dimension"] == "all" else None  # a contribution is one to the whole KPI
    return {name: cause.get(name) for name in names} | {"signal": signal, "where": dict(cause["where"]), "base": base}


def _recommendation(
    finding: Mapping[str, Any], kpi: Mapping[str, Any], bases: Mapping[tuple[str, str], float], words: Record
) -> Record:
    where, part, stage, signal = finding["where"], finding["part"], finding["stage"], finding["signal"]
    unit = finding["unit"]
    # What got worse in a KPI that is told by stage has its step in the place.
    within = kpi.get("within") if part == "slice" else None
    step, around = stage or where.get(within or ""), {name: value for name, value in where.items() if name != within}
    text = _text(words["texts"], kpi["kpi"], part, step)
    week = f"week {signal['week']}" if signal.get("week") else "the week it moved"
    said = text["what"].format(where=where_words(around), label=kpi["label"], stage=step or "", week=week)
    base = finding["base"] or bases.get((kpi["kpi"], signal["statistic"])) or bases.get((kpi["kpi"], ""))
    return {
        "id": stable_id(kpi["kpi"], where, part, stage),
        "what": _tidy(said),
        "owner": text.get("owner_where", {}).get(where_text(_fulfilment(where, text)), text.get("owner", kpi["owner"])),
        "kpi": kpi["kpi"],
        "where": where,
        "part": part,
        "stage": stage,
        "because": _because(finding, kpi),
        "size": _size(finding["contribution"], unit, base, words["size"].get(kpi["kpi"])) if part != "better" else None,
        "expected_effect": _effect(finding, unit) if text.get("repairs", True) else None,
    }


def _text(texts: Mapping[str, Record], kpi: str, part: str, stage: str | None) -> Record:
    """The most special text; what a stage does not say of itself, its KPI's part or the part says."""
    names = [f"kpi.{kpi}.{part}", f"part.{part}", "part.slice"]
    names = [f"stage.{stage}", *names] if stage else names
    return next(texts[name] for name in names if name in texts)


def _fulfilment(where: Mapping[str, str], text: Mapping[str, Any]) -> dict[str, str]:
    """The one dimension of the slice that the text's owner depends on."""
    names = {name.partition("=")[0] for name in text.get("owner_where", {})}
    return {name: value for name, value in where.items() if name in names}


def _size(contribution: float, unit: str, base: float | None, counted: Mapping[str, str] | None) -> Record | None:
    """What is at stake in a week: points, refund-days, or cases."""
    amount = abs(contribution)
    if unit == "points":
        return {"value": amount, "unit": "points", "one": "point", "per": None}
    counted = counted or {"one": "case", "many": "cases"}
    if unit == "count":
        return {"value": amount, "unit": counted["many"], "one": counted["one"], "per": None}
    if base is None or unit not in (*PER, "hours"):
        return None
    if unit == "hours":
        return {"value": amount / HOURS_IN_DAY * base, "unit": "refund-days", "one": "refund-day", "per": "week"}
    return {"value": amount / PER[unit] * base, "unit": counted["many"], "one": counted["one"], "per": "week"}


def _effect(finding: Mapping[str, Any], unit: str) -> Record:
    """What the KPI does when the cause is gone: its contribution, the other way."""
    low, high = finding["ci_low"], finding["ci_high"]
    return {
        "value": -finding["contribution"],
        "ci_low": -high if high is not None else None,
        "ci_high": -low if low is not None else None,
        "unit": unit,
    }


def _because(finding: Mapping[str, Any], kpi: Mapping[str, Any]) -> str:
    signal = finding["signal"]
    unit, shown = (unit_of(kpi[name], signal["statistic"]) for name in ("unit", "read_in"))
    place = where_words(place_of(signal))
    detail = f"({statistic_words(signal['statistic'])})" if unit != kpi["unit"] else ""
    said = f"{kpi['label']} {detail} {place} was {value_words(signal['value'], shown, kpi['label'])}"
    said += f", against an expected {value_words(signal['expected'], shown, kpi['label'])}"
    if finding["part"] in REASONS:
        reason = REASONS[finding["part"]].format(where=where_words(finding["where"]), stage=finding["stage"])
        said += f"; {reason} explains " + (_explained(finding, kpi, shown) if unit == finding["unit"] else "it")
    return _tidy(said)


def _explained(finding: Mapping[str, Any], kpi: Mapping[str, Any], shown: str) -> str:
    """'it', or 'it: 1.2 days on the whole, over 3 weeks' where that is no part of the difference between the two values."""
    signal, weeks = finding["signal"], finding["weeks"] or 1
    part = abs(finding["contribution"])
    size = change_words(part, shown, kpi["label"])
    if signal["dimension"] != "all" or weeks > 1:
        return f"it: {size} on the whole" + (f", over {weeks} weeks" if weeks > 1 else "")
    return "it" if part >= ALL_OF_IT * abs(signal["value"] - signal["expected"]) else f"{size} of it"


def _cases(row: Mapping[str, Any]) -> float | None:
    """What a value of kpi_weekly is over: its denominator where the row has it, else its n."""
    return row.get("denominator") or row.get("n") or None


def _bases(scorecard: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], float]:
    """(kpi, statistic) and (kpi, '') -> cases of a week: of the latest settled one where this one is not."""
    bases: dict[tuple[str, str], float] = {}
    for row in scorecard:
        cases = _cases(row) if row["status"] == "final" else row.get("final_n") or _cases(row)
        if cases:
            bases[row["kpi"], row["statistic"]] = cases
            bases.setdefault((row["kpi"], ""), cases)
    return bases


def _tidy(text: str) -> str:
    """Without the gaps that an empty {where} leaves."""
    return " ".join(text.split()).replace(" ,", ",").replace(" :", ":").replace(" ;", ";")
