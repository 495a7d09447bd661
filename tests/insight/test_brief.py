"""The brief: golden sentences, and what holds for every payload."""

from __future__ import annotations

import json
import re
from typing import Any

from findings import CATALOGUE, MONDAY, action, cause, scorecard, signal
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from transforms.insight.brief import MOST_SENTENCES, brief
from transforms.insight.recommend import recommend

QUIET = "Nothing moved beyond ordinary variation in the week of 16 to 22 November 2026; no decision is asked."


def payload(
    signals: tuple[Any, ...] = (),
    causes: tuple[Any, ...] = (),
    rows: tuple[Any, ...] = (),
    actions: tuple[Any, ...] = (),
    unnamed: tuple[Any, ...] = (),
) -> dict[str, Any]:
    return {
        "unnamed": list(unnamed),
        "monday": MONDAY.isoformat(),
        "signals": list(signals),
        "causes": list(causes),
        "scorecard": list(rows),
        "recommendations": recommend(signals, causes, rows, CATALOGUE, MONDAY),
        "actions": list(actions),
        "definitions": CATALOGUE,
    }


SLOW = signal("refund_cycle_time", 190.0, 150.0, ci_low=180.0, ci_high=200.4)
TRANSIT = cause("refund_cycle_time", 30.0, part="stage", stage="transit", ruled_out=["data fault", "mix"])
STAGE = signal("refund_stage_time", 66.0, 35.0, dimension="stage", dimension_value="transit")
STAGED = CATALOGUE[1] | {"kpi": "refund_stage_time", "label": "Refund time by stage", "part_of": "refund_cycle_time"}


def test_a_week_that_is_not_over_is_not_said_to_be_quiet() -> None:
    running = "The week of 16 to 22 November 2026 is not over: what follows is of weeks before it."
    quiet = "Nothing moved beyond ordinary variation in the latest settled weeks; no decision is asked."
    told = (scorecard("nps", "NPS"),)
    assert brief(payload(rows=told) | {"is_over": False}) == [running, quiet]
    moved = brief(payload((SLOW,), (TRANSIT,), told) | {"is_over": False})
    assert moved[0] == running
    assert moved[1].startswith("Refund cycle time")
    assert brief(payload(rows=told) | {"is_over": True}) == [QUIET]


def test_a_week_with_a_fire() -> None:
    rows = (scorecard("nps", "NPS"), scorecard("csat", "CSAT", "cannot_tell"))
    moved = (SLOW, signal("nps", 20.0, 30.0, dimension="market", dimension_value="VN"))
    asked = brief(payload(moved, (TRANSIT,), rows, (action("Call detractors", "worked"),)))
    assert asked == [
        "Refund cycle time (mean over 30 days) got worse: it rose to 7.9 days, against an expected 6.2 days"
        " (95% interval 7.5 to 8.3, n 300; outside the limits).",
        "The first cause is that step transit took longer in market VN × carrier jnt"
        " (+1.2 days on Refund cycle time as a whole, 95% interval +0.9 to +1.6); ruled out: data fault and mix.",
        "NPS in market VN (20.0 points, expected 30.0) also got worse.",
        "At stake: 375 refund-days a week (Refund cycle time) and 10 points (NPS).",
        "The first of 2 decisions, asked of carrier by 27 November 2026: raise the late return parcels in market VN ×"
        " carrier jnt with the carrier, and route new ones elsewhere until it keeps its time.",
        "Of earlier actions, “Call detractors” worked (NPS +4.2 points, 95% interval +1.1 to +7.3).",
    ]


def test_a_cause_that_names_a_step_is_told_and_asked_for_first() -> None:
    fell = signal("nps", 20.0, 30.0)
    level = cause("nps", -8.0, part="rate")
    said = brief(payload((fell, SLOW), (level, TRANSIT)))
    assert said[0].startswith("Refund cycle time")
    (decision,) = [sentence for sentence in said if "decisions, asked" in sentence]
    assert decision.startswith("The first of 2 decisions, asked of carrier")


def test_of_kpis_that_move_together_the_one_that_people_know_leads() -> None:
    known = [*CATALOGUE, CATALOGUE[0] | {"kpi": "nps_per_customer", "label": "NPS per customer"}]
    moved = (signal("nps_per_customer", 20.0, 30.0), signal("nps", 21.0, 30.0))
    causes = (cause("nps_per_customer", -8.0), cause("nps", -7.0))
    made = payload(moved, causes) | {"definitions": known}
    made |= {"recommendations": recommend(moved, causes, (), known, MONDAY)}
    said = brief(made)
    assert said[0].startswith("NPS got worse")
    assert said[2] == "NPS per customer (20.0 points, expected 30.0) also got worse."
    assert [(one["kpi"], [also["kpi"] for also in one["also"]]) for one in made["recommendations"]] == [
        ("nps", ["nps_per_customer"])
    ]


def test_what_sees_the_same_thing_is_told_next() -> None:
    late = {
        "kpi": "refund_sla_rate",
        "label": "Refunds in time",
        "unit": "share",
        "read_in": "share",
        "better": "higher",
    }
    moved = (SLOW, signal("contacts_per_1k_orders", 130.0, 100.0), signal("refund_sla_rate", 0.7, 0.8))
    said = brief(payload((SLOW,), (TRANSIT,)) | {"signals": moved, "definitions": [*CATALOGUE, CATALOGUE[3] | late]})
    assert said[2].startswith("Refunds in time (70.0%, expected 80.0%) and Contacts per 1,000 orders (130.0,")


def test_what_cannot_be_named_is_said() -> None:
    """A place whose figures are hidden is told by the one around it, if that is shown, and never as nothing."""
    step = {"kpi": "refund_cycle_time", "week": "2026-W41", "part": "stage", "stage": "transit", "has_risen": True}
    said = brief(payload(unnamed=(step | {"where": {"market": "VN"}},)))
    assert said == [
        "Step transit of Refund cycle time took longer in week 2026-W41 in a part of market VN whose figures are kept"
        " back here; the file for analysts names it.",
        QUIET.replace("Nothing", "Nothing else"),
    ]
    lacking = brief(payload(unnamed=(step | {"where": {"market": "unknown"}},)))
    assert "in a part of the cases where market is not recorded whose figures are kept back" in lacking[0]
    level = {"kpi": "nps", "week": "2026-W47", "part": "rate", "stage": None, "where": {}, "has_risen": False}
    said = brief(payload((signal("nps", 20.0, 30.0),), unnamed=(level,)))
    assert said[0].startswith("NPS got worse")
    assert (
        said[-1]
        == "NPS fell in week 2026-W47 in a place whose figures are kept back here; the file for analysts names it."
    )
    assert not [sentence for sentence in said if "No single cause" in sentence]


def test_a_stage_is_told_before_its_cases_are_settled() -> None:
    """By the share of them that had their money by then; what the stage added is in the KPI's unit, as in every table."""
    place = {"dimension": "market × carrier", "dimension_value": "VN × jnt", "week": "2026-W44"}
    share = signal("refund_cycle_time", 0.61, 0.8, statistic="credited_by_day_14", rule="found by a search", **place)
    slow = cause("refund_cycle_time", 8.0, part="stage", stage="inspect", week="2026-W44", within_days=14, unit="hours")
    rows = (scorecard("refund_cycle_time", "Refund cycle time", n=300),)
    said = brief(payload((share,), (slow,), rows))
    assert said[:3] == [
        "Refund cycle time in market VN × carrier jnt got worse in week 2026-W44, the latest that is settled: 61.0% were"
        " credited within 14 days, against an expected 80.0% (n 300; found by a search).",
        "The first cause is that step inspect took longer in market VN × carrier jnt (+0.3 days on the mean of all cases"
        " in their first 14 days, 95% interval +0.2 to +0.4).",
        "At stake: 100 refund-days a week (Refund cycle time).",
    ]
    assert said[3].startswith("Decision asked of warehouse by 27 November 2026: staff the inspection of returned goods")


def test_a_part_of_a_mix_changed_and_is_neither_better_nor_worse() -> None:
    exchange = signal("resolution_mix", 0.19, 0.1, dimension="resolution", dimension_value="exchange")
    alone = brief(payload((exchange,)))
    assert alone == [
        "Resolution mix in resolution exchange changed: it rose to 19.0%, against an expected 10.0% (n 300; outside the limits).",
        "No decision is asked.",
    ]
    with_others = brief(payload((exchange, SLOW), (TRANSIT,)))
    assert with_others[0].startswith("Refund cycle time (mean over 30 days) got worse")
    assert "Resolution mix in resolution exchange (19.0%, expected 10.0%) also changed." in with_others


def test_a_stock_is_not_taken_apart() -> None:
    """No search was made: the brief does not say that no cause explains it."""
    said = brief(payload((signal("late_refund_open", 120.0, 80.0),)))
    assert said[0].startswith("Refunds open past the agreed time got worse: it rose to 120")
    assert said[1] == "At stake: 40 open refunds (Refunds open past the agreed time)."
    assert not any("cause explains" in sentence for sentence in said)


def test_a_quiet_week() -> None:
    assert brief(payload(rows=(scorecard("nps", "NPS"),))) == [QUIET]


def test_a_quiet_week_says_what_could_not_be_told_and_what_became_of_actions() -> None:
    rows = (scorecard("nps", "NPS"), scorecard("csat", "CSAT", "cannot_tell"), scorecard("ces", "CES", "cannot_tell"))
    actions = (
        action("Wait", "too_early", effect=None, ci_low=None, ci_high=None),
        action("Push", "harmed", effect=-4.0, ci_low=-7.0, ci_high=-1.0),
        action("Look", "no_evidence", effect=0.26, ci_low=-2.0, ci_high=2.5),
    )
    assert brief(payload(rows=rows, actions=actions)) == [
        QUIET,
        "It could not be told whether CSAT and CES moved.",
        "Of earlier actions, “Push” did harm (NPS −4.0 points, 95% interval −7.0 to −1.0),"
        " “Look” shows no evidence of an effect (NPS +0.3 points, 95% interval −2.0 to +2.5)"
        " and “Wait” cannot be judged yet.",
    ]


def test_where_nothing_can_be_judged_quiet_is_not_claimed() -> None:
    assert brief(payload(rows=(scorecard("csat", "CSAT", "cannot_tell"),))) == [
        "It could not be told what moved in the week of 16 to 22 November 2026; no decision is asked.",
        "It could not be told whether CSAT moved.",
    ]


def test_a_share_moves_in_percentage_points() -> None:
    found = brief(payload((signal("csat", 0.7, 0.8, rule=""),), (cause("csat", -0.051),)))
    assert found[:3] == [
        "CSAT got worse: it fell to 70.0%, against an expected 80.0% (n 300).",
        "The first cause is that the level in market VN × carrier jnt fell"
        " (−5.1 percentage points on CSAT as a whole, 95% interval −6.4 to −3.8).",
        "At stake: 15 dissatisfied answers a week (CSAT).",
    ]


def test_a_unit_that_the_kpi_is_named_for_is_said_once() -> None:
    kpi, slow = "contacts_per_1k_orders", action("Answer sooner", "worked", kpi="contacts_per_1k_orders")
    said = " ".join(brief(payload((signal(kpi, 130.0, 100.0),), (cause(kpi, 24.0),), (), (slow,))))
    assert "(+24.0 on Contacts per 1,000 orders as a whole, 95% interval +18.0 to +30.0)" in said
    assert "(Contacts per 1,000 orders +4.2, 95% interval +1.1 to +7.3)" in said


def test_good_news_asks_for_nothing() -> None:
    assert brief(payload((signal("contacts_per_1k_orders", 80.0, 100.0),))) == [
        "Contacts per 1,000 orders got better: it fell to 80.0, against an expected 100.0 (n 300; outside the limits).",
        "No single cause explains why Contacts per 1,000 orders moved.",
        "No decision is asked.",
    ]


def test_an_action_already_taken_up_is_not_asked_for_again() -> None:
    made = payload((SLOW,), (TRANSIT,))
    made["recommendations"][0]["status"] = "started"
    assert "No decision is asked." in brief(made)


def test_what_settled_earlier_says_when_it_was() -> None:
    """A refund time is judged weeks later than the contacts of the week; nobody should take it for last week's."""
    late = SLOW | {"week": "2026-W42"}
    rate = signal("contacts_per_1k_orders", 130.0, 100.0, week="2026-W47")
    share = signal("csat", 0.7, 0.8, week="2026-W45")
    (first, also, *_) = brief(payload((late, rate, share), (TRANSIT,)))
    assert first.startswith(
        "Refund cycle time (mean over 30 days) got worse in week 2026-W42, the latest that is settled: it rose to 7.9 days"
    )
    assert also == (
        "Contacts per 1,000 orders (130.0, expected 100.0) and CSAT (70.0%, expected 80.0%, week 2026-W45) also got worse."
    )


def test_of_several_groups_that_of_the_cause_is_named() -> None:
    """The market stands out too, since more of what moved is there: the cause is the carrier."""
    kpi = "contacts_per_1k_orders"
    market = signal(kpi, 180.0, 100.0, dimension="market", dimension_value="US")
    carrier = signal(kpi, 160.0, 100.0, dimension="carrier", dimension_value="jnt")
    (first, *_) = brief(payload((market, carrier), (cause(kpi, 30.0),)))
    assert first.startswith("Contacts per 1,000 orders in carrier jnt got worse")
    (first, *_) = brief(payload((market, carrier), ()))
    assert first.startswith("Contacts per 1,000 orders in market US got worse")


def test_what_the_brief_names_is_what_a_decision_cites() -> None:
    kpi = "contacts_per_1k_orders"
    market = signal(kpi, 180.0, 100.0, dimension="market", dimension_value="US")
    carrier = signal(kpi, 160.0, 100.0, dimension="carrier", dimension_value="jnt")
    made = payload((market, carrier), (cause(kpi, 30.0),))
    place = "Contacts per 1,000 orders in carrier jnt"
    assert brief(made)[0].startswith(f"{place} got worse")
    assert made["recommendations"][0]["because"].startswith(f"{place} was 160.0")


def test_cases_that_lack_a_value_do_not_lead() -> None:
    """They are told last, as what they are: a gap in the data."""
    lacking = signal("contacts_per_1k_orders", 160.0, 100.0, dimension="carrier", dimension_value="unknown")
    gap = (
        "Contacts per 1,000 orders where carrier is not recorded (160.0, expected 100.0) moved: a gap in the data to close,"
        " and no place to act on."
    )
    said = brief(payload((lacking, signal("nps", 20.0, 30.0))))
    assert said[0].startswith("NPS got worse")
    assert said[-1] == gap
    alone = brief(payload((lacking,)))
    assert alone == [QUIET.replace("Nothing", "Nothing that can be acted on"), gap]
    known = signal("contacts_per_1k_orders", 130.0, 100.0, dimension="carrier", dimension_value="jnt")
    both = brief(payload((lacking, known)))
    assert both[0].startswith("Contacts per 1,000 orders in carrier jnt got worse")
    assert not any("not recorded" in sentence for sentence in both)


def test_a_cause_that_went_the_other_way_is_not_why() -> None:
    said = brief(payload((signal("nps", 20.0, 30.0),), (cause("nps", 4.0),)))
    assert not any("first cause" in sentence for sentence in said)


def test_a_stage_is_explained_by_the_causes_of_its_whole() -> None:
    """Also where the figure of the whole may not be shown, so that it has no signal."""
    known = {"definitions": [*CATALOGUE, STAGED]}
    assert "No single cause explains why Refund time by stage moved." in brief(
        {**payload(), "signals": [STAGE]} | known
    )
    said = brief({**payload(), "signals": [STAGE], "causes": [TRANSIT]} | known)
    assert said[0].startswith("Refund time by stage in stage transit got worse")
    assert not any("No single cause" in sentence for sentence in said)


def test_a_stage_is_told_with_the_whole_that_moved() -> None:
    """And not a second time: neither its move, nor what is at stake, nor a decision."""

    def told(*moved: Any) -> dict[str, Any]:
        known = [*CATALOGUE, STAGED]
        made = {**payload(moved, (TRANSIT,)), "definitions": known}
        return made | {"recommendations": recommend(moved, (TRANSIT,), (), known, MONDAY)}

    both, alone = told(SLOW, STAGE), told(STAGE)
    assert "Refund time by stage" not in " ".join(brief(both))
    assert {made["kpi"] for made in both["recommendations"]} == {"refund_cycle_time"}
    assert brief(alone)[0].startswith("Refund time by stage")
    assert {made["kpi"] for made in alone["recommendations"]} == {"refund_stage_time"}


def test_a_part_of_a_day_is_not_nothing() -> None:
    (_, why, *_) = brief(payload((SLOW,), (TRANSIT | {"contribution": 1.2, "ci_low": 0.6, "ci_high": 1.8},)))
    assert "(+0.05 days on Refund cycle time as a whole, 95% interval +0.02 to +0.07)" in why


def test_short_waits_stay_in_hours() -> None:
    short = [row | {"read_in": row["unit"]} for row in CATALOGUE]
    (first, *_) = brief(payload((signal("refund_cycle_time", 50.0, 30.0, rule=""),)) | {"definitions": short})
    assert first == (
        "Refund cycle time (mean over 30 days) got worse: it rose to 50.0 hours, against an expected 30.0 hours"
        " (n 300)."
    )


# ---- for every payload ------------------------------------------------------------------------------

KPIS = [row["kpi"] for row in CATALOGUE]
NUMBERS = st.floats(0.02, 900).map(lambda value: round(value, 4))
SIGNALS = st.lists(
    st.builds(
        signal,
        st.sampled_from(KPIS),
        NUMBERS,
        NUMBERS,
        st.sampled_from(["signal", "signal", "watch", "noise", "cannot_tell"]),
        dimension=st.sampled_from(["all", "market"]),
        n=st.integers(30, 5000),
    )
    .filter(lambda row: row["value"] != row["expected"])
    .map(lambda row: row | {"dimension_value": "all" if row["dimension"] == "all" else "VN"}),
    max_size=7,
)
CAUSES = st.lists(
    st.builds(
        cause,
        st.sampled_from(KPIS),
        NUMBERS,
        st.integers(1, 4),
        part=st.sampled_from(["rate", "mix", "stage"]),
        stage=st.just("ship"),
    ),
    max_size=6,
)
ACTIONS = st.lists(
    st.builds(
        action, st.sampled_from(["Do", "Try"]), st.sampled_from(["worked", "no_evidence", "harmed"]), effect=NUMBERS
    ),
    max_size=6,
)
ROWS = st.lists(
    st.builds(scorecard, st.sampled_from(KPIS), st.sampled_from(["A", "B"]), st.sampled_from(["noise", "cannot_tell"])),
    max_size=9,
)


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in leaves(part)]
    return [leaf for part in value for leaf in leaves(part)] if isinstance(value, list | tuple) else [value]


def told(value: float) -> set[str]:
    """Every way in which a number of the payload may be written: itself, in per cent, hours as days, rounded."""
    shown = (value, value * 100, value / 24)
    return {f"{abs(v):.{places}f}" for v in shown for places in (0, 1, 2)}


@settings(max_examples=150, phases=(Phase.explicit, Phase.generate))
@given(SIGNALS, CAUSES, ROWS, ACTIONS)
def test_every_brief(signals: list[Any], causes: list[Any], rows: list[Any], actions: list[Any]) -> None:
    made = payload(tuple(signals), tuple(causes), tuple(rows), tuple(actions))
    said = brief(made)
    assert 1 <= len(said) <= MOST_SENTENCES
    assert said == brief(json.loads(json.dumps(made)))
    assert all(sentence[0].isupper() and sentence.endswith(".") and "  " not in sentence for sentence in said)
    assert not [word for sentence in said for word in ("None", "nan", "{") if word in sentence]
    # What changed is a signal; what is only watched is nowhere.
    moved = [one for one in signals if one["verdict"] == "signal"]
    assert said[0].startswith(("Nothing moved", "It could not be told what moved")) == (not moved)
    # Every number is one of the payload's, or counts what the payload lists.
    numbers = [leaf for leaf in leaves(made) if isinstance(leaf, int | float) and not isinstance(leaf, bool)]
    allowed = {text for number in numbers for text in told(number)} | {str(count) for count in range(12)}
    texts = [leaf for leaf in leaves(made) if isinstance(leaf, str)]
    allowed |= {number.replace(",", "") for text in texts for number in re.findall(r"\d[\d,]*(?:\.\d+)?", text)}
    allowed |= {"95", "30", "16", "22", "27", "2026"}
    for sentence in said:
        for number in re.findall(r"\d[\d,]*(?:\.\d+)?", sentence):
            assert number.replace(",", "") in allowed, f"{number} in: {sentence}"


@given(SIGNALS)
def test_one_is_one_and_two_are_many(signals: list[Any]) -> None:
    for sentence in brief(payload(tuple(signals))):
        assert not re.search(r"(?<![\d.,])1 (contacts|cases|points|refund-days|more decisions)\b", sentence)
        assert not re.search(r"(?<![\d.,])([02-9]|\d\d+) (contact|case|point|refund-day) ", sentence)


def test_what_is_withheld_is_said_once_with_its_reason() -> None:
    """Not also among what could not be told."""
    reason = "the surveys extract has brought nothing since 2026-11-08 23:00 UTC"
    withheld = [{"kpi": kpi, "where": {}, "reason": reason} for kpi in ("nps", "csat")]
    withheld.append({"kpi": "lost_parcels", "where": {"market": "VN"}, "reason": "a slice"})
    rows = [scorecard("nps", "NPS", "cannot_tell"), scorecard("lost_parcels", "Lost parcels", "cannot_tell")]
    said = brief(payload(rows=tuple(rows)) | {"trust": {"withheld": withheld}})
    assert said[1:] == [f"Withheld: NPS and CSAT, as {reason}.", "It could not be told whether Lost parcels moved."]
