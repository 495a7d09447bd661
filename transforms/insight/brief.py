"""The one-page brief in at most six sentences: what changed, why, at what cost, what to decide, did it work.

Every number is one of the payload's, rounded as everywhere in the file: one decimal, hours that are long in days. No
sentence calculates. What is only watched is in none of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from transforms.insight.recommend import change_words, step_words, templates, value_words, where_words
from transforms.insight.together import effects_of, move_together, place_among
from transforms.insight.told import causes_of, is_gap, is_unexplained, move_of, place_of, teller, way_of
from transforms.insight.untold import some, unnamed_words, untold_words, withheld_words
from transforms.leadership.words import (
    day_words,
    days_of_week,
    figure,
    interval,
    listed,
    signed_interval,
    size_words,
    unit_of,
)

MOST_SENTENCES = 6
MOST_UNNAMED = 1
VERDICTS = {
    "worked": "worked",
    "harmed": "did harm",
    "no_evidence": "shows no evidence of an effect",
    "too_early": "cannot be judged yet",
}
_GOT = {"worse": "got worse", "better": "got better", "other": "changed"}
_WAYS = list(_GOT)  # what got worse first

Row = Mapping[str, Any]


def brief(payload: Row) -> list[str]:
    """At most six sentences, the first first to read.

    payload: kpis.json as far as it is there, of which these keys are read: monday, is_over, trust (withheld), scorecard, signals, causes,
    unnamed, recommendations (of `recommend`), actions (of `measure_effects`), definitions (label, unit, read_in, better of each KPI).
    """
    known = {row["kpi"]: row for row in payload["definitions"]}
    monday = date.fromisoformat(payload["monday"])
    week = f"{monday:%G-W%V}"
    signals = [signal for signal in payload["signals"] if signal["verdict"] == "signal"]
    moved = _first_of_each([signal for signal in signals if not is_gap(signal)], payload["causes"], known)
    gaps = _gaps(_first_of_each([signal for signal in signals if is_gap(signal)], (), known), moved, known, week)
    worked = _actions(payload["actions"], known)
    lacking = payload["trust"]["withheld"] if "trust" in payload else []
    withheld, untold = withheld_words(lacking, known), untold_words(payload["scorecard"], lacking)
    unnamed = unnamed_words(payload["unnamed"], known)[:MOST_UNNAMED]
    is_over = payload.get("is_over", True)
    own_week = f"week of {days_of_week(monday)}"
    running = [] if is_over else [f"The {own_week} is not over: what follows is of weeks before it."]
    if not moved:
        is_told = any(row["verdict"] != "cannot_tell" for row in payload["scorecard"])
        nothing = f"Nothing {'else ' if unnamed else ''}{'that can be acted on ' if gaps else ''}"
        still = f"{nothing}moved beyond ordinary variation"
        still = still if is_told or unnamed or gaps else "It could not be told what moved"
        still += f" in the {own_week if is_over else 'latest settled weeks'}; no decision is asked."
        return [*running, *unnamed, still, *withheld, *gaps, *untold, *worked][:MOST_SENTENCES]
    explained = {move_of(cause) for cause in payload["causes"]}
    staged = {move_of(cause) for cause in payload["causes"] if cause["stage"]}
    # A move with a cause says most, one whose cause is a step says what to do; of KPIs that move together the first leads.
    together = templates()["together"].values()
    moved.sort(
        key=lambda one: (
            _place_of_way(one, known),
            move_of(one) not in explained,
            move_of(one) not in staged,
            place_among(one["kpi"], together),
        )
    )
    first, *others = moved
    others.sort(key=lambda one: not move_together(first["kpi"], one["kpi"], together))  # more of the same comes first
    proposed = [r for r in payload["recommendations"] if r["status"] == "proposed" and r["part"] != "better"]
    said = [
        *running,
        _changed(first, payload["scorecard"], known, week),
        *_why(first, payload["causes"], known, {row["kpi"] for row in [*payload["causes"], *payload["unnamed"]]}),
        *_also(others, known, week),
        *_cost(proposed, known),
        *_decision(proposed),
        *unnamed,
        *gaps,
        *worked,
    ]
    return (said + withheld + untold)[:MOST_SENTENCES]


def _first_of_each(signals: Sequence[Row], causes: Sequence[Row], known: Mapping[str, Row]) -> list[Row]:
    """One signal for each KPI and week, that which tells its first cause; what got worse first, the whole before slices.

    The stages of a duration that moved itself are told with it.
    """
    kpis = {signal["kpi"] for signal in signals}
    first = {move_of(cause): cause for cause in sorted(causes, key=lambda cause: -cause["rank"])}
    moves: dict[tuple[str, str | None], list[Row]] = {}
    for signal in signals:
        if known[signal["kpi"]].get("part_of") not in kpis:
            moves.setdefault(move_of(signal), []).append(signal)
    chosen = [teller(own, first.get(move), known[move[0]]) for move, own in moves.items()]
    return sorted(chosen, key=lambda one: (_place_of_way(one, known), one["dimension"] != "all"))


def _place_of_way(signal: Row, known: Mapping[str, Row]) -> int:
    """What got worse comes first."""
    return _WAYS.index(way_of(signal, known[signal["kpi"]]))


def _name(row: Row, known: Mapping[str, Row]) -> str:
    """'NPS', 'Refund cycle time (mean over 30 days) in market VN'."""
    detail = {"restricted_mean": "mean over 30 days"}.get(row["statistic"], "")
    detail = f"credited within {_credited_within(row)} days" if _credited_within(row) else detail
    parts = (known[row["kpi"]]["label"], f"({detail})" if detail else "", _place(row))
    return " ".join(part for part in parts if part)


def _place(row: Row) -> str:
    """'in market VN'; '' for everything."""
    return "" if row.get("dimension", "all") == "all" else where_words(place_of(row))


def _credited_within(row: Row) -> str:
    """'14' of the share credited within 14 days; '' of another statistic."""
    _, is_share, days = row["statistic"].partition("credited_by_day_")
    return days if is_share else ""


def _unit(row: Row, known: Mapping[str, Row]) -> str:
    return unit_of(known[row["kpi"]]["read_in"], row["statistic"])


def _span(row: Row, unit: str) -> str:
    """'0.8 to 1.7', in the unit that the value before it names."""
    return _without_unit(interval(row["ci_low"], row["ci_high"], unit))


def _change(row: Row, name: str, unit: str, label: str, of: str = "") -> str:
    """'+1.2 days, 95% interval +0.8 to +1.7' of a difference; `name` is the column that holds it, `of` what it is of."""
    said = ("+" if row[name] > 0 else "") + change_words(row[name], unit, label) + of
    if row.get("ci_low") is None or row.get("ci_high") is None:
        return said
    return f"{said}, 95% interval {_without_unit(signed_interval(row['ci_low'], row['ci_high'], unit))}"


def _without_unit(said: str) -> str:
    for unit in (" d", " h", " pp"):
        said = said.removesuffix(unit)
    return said


def _changed(signal: Row, scorecard: Iterable[Row], known: Mapping[str, Row], week: str) -> str:
    """What changed, which way, and how sure that is; and when, if its latest settled week is an earlier one."""
    unit = _unit(signal, known)
    got = _GOT[way_of(signal, known[signal["kpi"]])]
    verb = "rose" if signal["value"] > signal["expected"] else "fell"
    when = "" if _is_of(signal, week) else f" in week {signal['week']}, the latest that is settled"
    sure, label = _sure(signal, scorecard, unit), known[signal["kpi"]]["label"]
    value, expected = (value_words(signal[name], unit, label) for name in ("value", "expected"))
    days = _credited_within(signal)
    what = f"{value} were credited within {days} days" if days else f"it {verb} to {value}"
    name = " ".join(part for part in (label, _place(signal)) if part) if days else _name(signal, known)
    return f"{name} {got}{when}: {what}, against an expected {expected}{sure}."


def _sure(signal: Row, scorecard: Iterable[Row], unit: str) -> str:
    """The interval of the value, the signal's own, else the scorecard's of the same value; its n; and the rule."""
    rows = [signal, *(r for r in scorecard if r["kpi"] == signal["kpi"] and signal["dimension"] == "all")]
    same = [r for r in rows if r["statistic"] == signal["statistic"] and r["value"] == signal["value"]]
    held = [r for r in same if r.get("ci_low") is not None and r.get("ci_high") is not None]
    around = [f"95% interval {_span(held[0], unit)}"] if held else []
    around += [f"n {signal['n']:,.0f}"] if signal["n"] else []
    parts = [", ".join(around)] if around else []
    parts += [signal["rule"]] if signal.get("rule") else []
    return f" ({'; '.join(parts)})" if parts else ""


def _why(signal: Row, causes: Iterable[Row], known: Mapping[str, Row], told: Collection[str]) -> list[str]:
    """The first cause of what changed first. told: KPIs of which one is told, or kept back."""
    own = causes_of(signal, causes, known[signal["kpi"]])
    if not own:
        label = known[signal["kpi"]]["label"]
        return [f"No single cause explains why {label} moved."] if is_unexplained(known[signal["kpi"]], told) else []
    cause = own[0]
    unit, place = known[signal["kpi"]]["read_in"], where_words(cause["where"]) or "everywhere"
    # A part of the move is in the KPI's unit, also where a share of its cases shows the move.
    is_of_share = unit_of(unit, signal["statistic"]) != unit
    label = known[signal["kpi"]]["label"]
    of = f" on {label} as a whole"
    of = f" on the mean of all cases in their first {cause['within_days']} days" if is_of_share else of
    size = _change(cause, "contribution", unit, label, of)
    verb = "rose" if cause["contribution"] > 0 else "fell"
    reason = {
        "rate": f"the level {place} {verb}" if cause["where"] else f"the level {verb} in nearly every group",
        "mix": f"the part of cases {place} changed",
        "stage": f"step {cause.get('stage')} {step_words(cause['contribution'])} {place}",
    }[cause["part"]]
    ruled = ruled_out(cause)
    out = f"; ruled out: {listed(ruled)}" if ruled else ""
    return [f"The first cause is that {reason} ({size}){out}."]


def ruled_out(cause: Row) -> list[str]:
    """What did not make the move, in words: 'mix', 'seller tier'."""
    return [str(text).replace("_", " ") for text in cause.get("ruled_out") or []]


def _cost(proposed: Sequence[Row], known: Mapping[str, Row]) -> list[str]:
    """The size of the first proposal of each KPI."""
    sizes: dict[str, str] = {}
    for row in (effect for proposal in proposed for effect in effects_of(proposal)):
        if row["size"]:
            sizes.setdefault(row["kpi"], f"{size_words(row['size'])} ({known[row['kpi']]['label']})")
    return [f"At stake: {some(list(sizes.values()))}."] if sizes else []


def _is_of(signal: Row, week: str) -> bool:
    return signal.get("week") in (None, week)


def _also(signals: Sequence[Row], known: Mapping[str, Row], week: str) -> list[str]:
    """The other KPIs that moved: worse, better, and parts of a mix, apart."""
    if not signals:
        return []
    parts: list[str] = []
    for way, got in _GOT.items():
        own = [_moved_too(s, known, week) for s in signals if way_of(s, known[s["kpi"]]) == way]
        parts += [f"{some(own)} {'' if parts else 'also '}{got}"] if own else []
    return [f"{'; '.join(parts)}."]


def _moved_too(signal: Row, known: Mapping[str, Row], week: str) -> str:
    """'NPS (20.0 points, expected 30.0)'; and its week, where that is another."""
    unit, label = _unit(signal, known), known[signal["kpi"]]["label"]
    value, expected = value_words(signal["value"], unit, label), figure(signal["expected"], unit)
    when = "" if _is_of(signal, week) else f", week {signal['week']}"
    return f"{_name(signal, known)} ({value}, expected {_without_unit(expected)}{when})"


def _gaps(signals: Iterable[Row], moved: Iterable[Row], known: Mapping[str, Row], week: str) -> list[str]:
    """What moved only among cases that lack a value, as what it is."""
    told = set(map(move_of, moved))
    named = [_moved_too(signal, known, week) for signal in signals if move_of(signal) not in told]
    return [f"{some(named)} moved: a gap in the data to close, and no place to act on."] if named else []


def _decision(proposed: Sequence[Row]) -> list[str]:
    """What is asked of whom, until when."""
    if not proposed:
        return ["No decision is asked."]
    first, *more = proposed
    which = f"The first of {1 + len(more)} decisions, asked" if more else "Decision asked"
    what = first["what"][:1].lower() + first["what"][1:]
    return [f"{which} of {first['owner']} by {day_words(first['decide_by'])}: {what}."]


def _actions(actions: Iterable[Row], known: Mapping[str, Row]) -> list[str]:
    """The verdicts on earlier actions, in one sentence: those that say most first."""
    ranked = sorted(actions, key=lambda action: list(VERDICTS).index(action["verdict"]))
    named = [f"“{action['what']}” {VERDICTS[action['verdict']]}{_measured(action, known)}" for action in ranked]
    return [f"Of earlier actions, {some(named)}."] if named else []


def _measured(action: Row, known: Mapping[str, Row]) -> str:
    if action["verdict"] == "too_early" or action["effect"] is None:
        return ""
    label = known[action["kpi"]]["label"]
    return f" ({label} {_change(action, 'effect', _unit(action, known), label)})"
