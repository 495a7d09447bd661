"""Recommendations: one for each finding, none without; owner, size and effect from the finding."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
from findings import CATALOGUE, MONDAY, cause, kpi, scorecard, signal
from hypothesis import given
from hypothesis import strategies as st

from transforms.insight.actions import stable_id
from transforms.insight.recommend import recommend, templates, where_words
from transforms.leadership.words import place_words, size_words

OWNERS = {
    "approve": "seller and platform",
    "ship": "customer",
    "transit": "carrier",
    "inspect": "warehouse",
    "issue": "platform",
    "credit": "bank",
}


def proposed(signals: list[Any], causes: list[Any], rows: tuple[Any, ...] = (), **more: Any) -> list[dict[str, Any]]:
    return recommend(signals, causes, rows, CATALOGUE, MONDAY, **more)


SLOW = signal("refund_cycle_time", 190.0, 150.0)


def test_a_place_is_said_as_people_read_it() -> None:
    place = {"market": "VN", "contact_reason": "where_is_my_refund", "seller_tier": "unknown"}
    assert where_words(place) == "in market VN × contact reason where is my refund where seller tier is not recorded"
    assert place_words(place) == "market VN, contact reason where is my refund, seller tier unknown"


def test_a_slow_stage() -> None:
    (one,) = proposed([SLOW], [cause("refund_cycle_time", 30.0, part="stage", stage="transit")])
    ledger_row = one.pop("ledger_row")
    assert one == {
        "id": stable_id("refund_cycle_time", {"carrier": "jnt", "market": "VN"}, "stage", "transit"),
        "what": "Raise the late return parcels in market VN × carrier jnt with the carrier, and route new ones elsewhere "
        "until it keeps its time",
        "owner": "carrier",
        "kpi": "refund_cycle_time",
        "where": {"market": "VN", "carrier": "jnt"},
        "part": "stage",
        "stage": "transit",
        "because": "Refund cycle time was 7.9 days, against an expected 6.2 days; step transit in market VN × carrier jnt"
        " explains 1.2 days of it",
        "size": {"value": 375.0, "unit": "refund-days", "one": "refund-day", "per": "week"},
        "expected_effect": {"value": -30.0, "ci_low": -37.5, "ci_high": -22.5, "unit": "hours"},
        "decide_by": "2026-11-27",
        "status": "proposed",
        "also": [],
    }
    assert ledger_row.endswith('until it keeps its time",refund_cycle_time,carrier=jnt & market=VN,accepted,,carrier,')


@pytest.mark.parametrize("stage", OWNERS)
def test_a_step_belongs_to_the_owner_of_its_clock(stage: str) -> None:
    (one,) = proposed([SLOW], [cause("refund_cycle_time", 30.0, part="stage", stage=stage)])
    assert one["owner"] == OWNERS[stage]


def test_a_stage_that_moved_by_itself_belongs_to_the_owner_of_its_clock() -> None:
    """Also where no place explains it: somebody can act on the step."""
    by_stage = kpi("refund_stage_time", "Refund time by stage", "hours", "lower", "returns-and-refunds", within="stage")
    place = {"dimension": "stage", "dimension_value": "inspect", "statistic": "restricted_mean"}
    slow = signal("refund_stage_time", 66.0, 35.0, **place)
    (one,) = recommend([slow], [], (), [*CATALOGUE, by_stage], MONDAY)
    assert one["owner"] == "warehouse"
    assert one["what"] == "Staff the inspection of returned goods until nothing waits longer than agreed"
    assert one["because"] == "Refund time by stage in stage inspect was 2.8 days, against an expected 1.5 days"
    (kept,) = recommend([slow | {"value": 20.0}], [], (), [*CATALOGUE, by_stage], MONDAY)
    assert kept["what"] == "Find what made Refund time by stage better in stage inspect, and keep it"


def test_approval_belongs_to_who_fulfils() -> None:
    causes = [cause("refund_cycle_time", 30.0, part="stage", stage="approve", where={"fulfilment": "seller"})]
    assert proposed([SLOW], causes)[0]["owner"] == "seller"


def test_without_a_stage_it_is_the_kpis_owner() -> None:
    (one,) = proposed([signal("contacts_per_1k_orders", 120.0, 100.0)], [cause("contacts_per_1k_orders", 12.0)])
    assert one["owner"] == "customer-service"


@pytest.mark.parametrize(
    ("kpi", "value", "expected", "contribution", "n", "said"),
    [
        ("contacts_per_1k_orders", 120.0, 100.0, 14.0, 3000, "42 contacts a week"),
        ("contacts_per_1k_orders", 120.0, 100.0, 1.0, 1000, "1 contact a week"),
        ("contacts_per_1k_orders", 120.0, 100.0, 6.6, 1000, "7 contacts a week"),
        ("contacts_per_1k_orders", 120.0, 100.0, 0.4, 1000, "under 1 contact a week"),
        ("refund_cycle_time", 190.0, 150.0, 12.0, 300, "150 refund-days a week"),
        ("refund_cycle_time", 190.0, 150.0, 1.2, 30, "1.5 refund-days a week"),
        ("nps", 20.0, 30.0, -3.44, 300, "3.4 points"),
        ("csat", 0.7, 0.8, -0.05, 500, "25 dissatisfied answers a week"),
        ("lost_parcels", 0.3, 0.2, 0.05, 100, "5 cases a week"),
    ],
)
def test_size(kpi: str, value: float, expected: float, contribution: float, n: int, said: str) -> None:
    (one,) = proposed([signal(kpi, value, expected, n=n)], [cause(kpi, contribution)])
    assert size_words(one["size"]) == said


def test_the_base_of_a_slices_cause_is_the_whole_kpis() -> None:
    found = signal("csat", 0.7, 0.8, dimension="market", dimension_value="VN", n=40)
    (one,) = proposed([found], [cause("csat", -0.05)], (scorecard("csat", "CSAT", n=500),))
    assert one["size"]["value"] == pytest.approx(25)
    (alone,) = proposed([found], [])
    assert alone["size"]["value"] == pytest.approx(4)
    assert alone["where"] == {"market": "VN"}


def test_no_finding_no_recommendation() -> None:
    causes = [cause("nps", -3.0), cause("refund_cycle_time", 30.0)]
    assert proposed([], causes) == []
    unsure = [signal("nps", 20.0, 30.0, verdict) for verdict in ("watch", "noise", "cannot_tell")]
    assert proposed(unsure, causes) == []


def test_a_kpi_without_words_gets_sensible_ones() -> None:
    causes = [cause("lost_parcels", 0.05, where={})]
    (one,) = proposed([signal("lost_parcels", 0.3, 0.2)], causes)
    assert one["what"] == "Find what changed for Lost parcels in the week it moved, and put it right"
    (step,) = proposed([signal("lost_parcels", 0.3, 0.2)], [cause("lost_parcels", 0.05, part="stage", stage="sort")])
    assert step["what"] == "Clear what waits in step sort in market VN × carrier jnt, and agree its time with its owner"
    assert step["owner"] == "logistics"


def test_what_got_better_is_kept_and_comes_last() -> None:
    good = signal("nps", 40.0, 30.0)
    causes = [cause("nps", 8.0), cause("refund_cycle_time", 30.0)]
    first, last = proposed([good, SLOW], causes)
    assert first["kpi"] == "refund_cycle_time"
    assert last["what"] == "Find what made NPS better in market VN × carrier jnt, and keep it"
    assert (last["size"], last["expected_effect"]) == (None, None)


def test_mix_promises_no_effect() -> None:
    (one,) = proposed([SLOW], [cause("refund_cycle_time", 30.0, part="mix")])
    assert one["expected_effect"] is None
    assert "plan for the cases in market VN × carrier jnt" in one["what"]


def test_causes_that_pull_the_other_way_are_left_alone() -> None:
    first, second = proposed([SLOW], [cause("refund_cycle_time", r, rank, where={"market": str(rank)}) for rank, r in
                                      enumerate((-9.0, 30.0, 12.0, 5.0), 1)])  # fmt: skip
    assert [first["where"], second["where"]] == [{"market": "2"}, {"market": "3"}]


def test_the_reason_cites_the_signal_of_the_causes_own_place() -> None:
    """The market stands out more, since more of what moved is there; the second cause has a signal of its own."""
    kpi = "contacts_per_1k_orders"
    places = {"market": ("US", 180.0), "carrier": ("jnt", 160.0), "fulfilment": ("seller", 150.0)}
    moved = [signal(kpi, v, 100.0, dimension=name, dimension_value=at) for name, (at, v) in places.items()]
    second = cause(kpi, 12.0, 2, where={"fulfilment": "seller"})
    made = proposed(moved, [cause(kpi, 30.0), second])
    assert [one["because"].partition(", against")[0] for one in made] == [
        "Contacts per 1,000 orders in carrier jnt was 160.0",
        "Contacts per 1,000 orders in fulfilment seller was 150.0",
    ]


@pytest.mark.parametrize(
    ("contribution", "weeks", "place", "said"),
    [
        (-0.03, None, "all", "explains 3.0 percentage points of it"),
        (-0.1, 1, "all", "explains it"),
        (-0.12, 3, "all", "explains it: 12.0 percentage points on the whole, over 3 weeks"),
        (-0.04, 1, "market", "explains it: 4.0 percentage points on the whole"),
    ],
)
def test_what_a_cause_explains_is_a_part_of_the_difference_or_says_what_of(
    contribution: float, weeks: int | None, place: str, said: str
) -> None:
    """The move of three weeks, or of all cases, is no part of that of one week, or of a market."""
    moved = signal("csat", 0.7, 0.8, dimension=place, dimension_value="VN" if place == "market" else "all")
    (one,) = proposed([moved], [cause("csat", contribution, weeks=weeks)])
    assert one["because"].endswith(f"; the level in market VN × carrier jnt {said}")


def test_the_week_that_moved_is_named() -> None:
    (one,) = proposed([signal("csat", 0.7, 0.8, week="2026-W45")], [cause("lost_parcels", 0.1)])
    assert "week" not in one["what"]
    (one,) = proposed(
        [signal("lost_parcels", 0.3, 0.2, week="2026-W45")], [cause("lost_parcels", 0.1, week="2026-W45")]
    )
    assert (
        one["what"]
        == "Find what changed for Lost parcels in market VN × carrier jnt in week 2026-W45, and put it right"
    )


def test_a_cause_is_not_told_by_a_group_that_went_the_other_way() -> None:
    better = signal("nps", 40.0, 30.0, dimension="market", dimension_value="VN")
    worse = signal("nps", 20.0, 30.0, dimension="market", dimension_value="SG")
    first, last = proposed([better, worse], [cause("nps", -8.0)])
    assert first["because"].startswith("NPS in market SG was 20.0 points")
    assert last["part"] == "better"


def test_cases_that_lack_a_value_are_no_place_to_act() -> None:
    lacking = signal("nps", 20.0, 30.0, dimension="market", dimension_value="unknown")
    assert proposed([lacking], []) == []
    (one,) = proposed([signal("nps", 20.0, 30.0)], [cause("nps", -8.0, where={"carrier": "jnt", "market": "unknown"})])
    assert "in carrier jnt where market is not recorded" in one["what"]


def test_without_a_cause_the_effect_has_the_limits_interval() -> None:
    (one,) = proposed([signal("nps", 20.0, 30.0, limit_low=24.0, limit_high=36.0)], [])
    assert one["expected_effect"]["value"] == pytest.approx(10)
    assert one["expected_effect"]["ci_low"] == pytest.approx(10 - 6 * 1.96 / 3, abs=1e-3)
    (bare,) = proposed([signal("nps", 20.0, 30.0)], [])
    assert bare["expected_effect"]["ci_low"] is None


def test_an_action_that_was_taken_up_says_so() -> None:
    causes = [cause("refund_cycle_time", 30.0)]
    (one,) = proposed([SLOW], causes)
    (again,) = proposed([SLOW], causes, ledger=[{"id": one["id"], "status": "started"}])
    assert (one["status"], again["status"]) == ("proposed", "started")


def test_ids_are_stable_and_differ() -> None:
    assert stable_id("nps", {"market": "VN", "carrier": "jnt"}, "rate") == stable_id(
        "nps", {"carrier": "jnt", "market": "VN"}, "rate"
    )
    ids = {stable_id("nps", {}, part, stage) for part in ("rate", "stage") for stage in (None, "ship", "credit")}
    assert len(ids) == 6


IN_TIME = kpi("refund_sla_rate", "Refunds within the agreed time", "share", "higher", "returns-and-refunds")
LATE = signal("refund_sla_rate", 0.7, 0.8)


def of_refunds(late: dict[str, Any], *more: dict[str, Any], **also: Any) -> list[dict[str, Any]]:
    """What is proposed for a slow stage in a market and carrier, and for fewer refunds in time."""
    slow = cause("refund_cycle_time", 30.0, part="stage", stage="inspect")
    known = [*CATALOGUE, IN_TIME, kpi("nps_per_customer", "NPS per customer", "points", "higher")]
    return recommend([SLOW, LATE, *(s for s in more if "verdict" in s)],
                     [slow, late, *(c for c in more if "verdict" not in c)], (), known, MONDAY, **also)  # fmt: skip


@pytest.mark.parametrize("where", [{"market": "VN", "carrier": "jnt"}, {"carrier": "jnt"},
                                   {"market": "VN", "carrier": "jnt", "fulfilment": "seller"}], ids=len)  # fmt: skip
def test_what_two_kpis_tell_of_one_place_is_one_decision(where: dict[str, str]) -> None:
    """That of the step, which has somebody who can act on it; with both effects."""
    (one,) = of_refunds(cause("refund_sla_rate", -0.1, where=where))
    assert (one["owner"], one["stage"]) == ("warehouse", "inspect")
    (also,) = one["also"]
    assert (also["kpi"], size_words(also["size"])) == ("refund_sla_rate", "30 late refunds a week")
    assert also["expected_effect"]["value"] == pytest.approx(0.1)
    assert also["because"].startswith("Refunds within the agreed time was 70.0%")


def test_what_nothing_explains_goes_with_what_is_explained() -> None:
    """Nobody is asked to look at the cases behind one KPI when the next one names their place."""
    contacts = kpi("order_contact_rate_30d", "Orders with a contact", "share", "lower", "customer-service")
    moved = [signal("order_contact_rate_30d", 0.07, 0.06), signal("contacts_per_1k_orders", 130.0, 100.0)]
    (one,) = recommend(moved, [cause("contacts_per_1k_orders", 24.0)], (), [*CATALOGUE, contacts], MONDAY)
    assert (one["kpi"], [also["kpi"] for also in one["also"]]) == ("contacts_per_1k_orders", ["order_contact_rate_30d"])


def test_what_they_tell_of_two_places_or_is_taken_up_is_two() -> None:
    elsewhere = cause("refund_sla_rate", -0.1, where={"market": "SG", "carrier": "jnt"})
    assert [one["also"] for one in of_refunds(elsewhere)] == [[], []]
    mixed = cause("refund_sla_rate", -0.1, part="mix")
    assert len(of_refunds(mixed)) == 2
    (one,) = of_refunds(cause("refund_sla_rate", -0.1))
    assert len(of_refunds(cause("refund_sla_rate", -0.1), ledger=[{"id": one["id"], "status": "started"}])) == 2


def test_kpis_that_do_not_move_together_and_steps_of_two_owners_stay_apart() -> None:
    nps, fell = signal("nps", 20.0, 30.0), cause("nps", -5.0)
    assert [one["kpi"] for one in of_refunds(cause("refund_sla_rate", -0.1), nps, fell)] == ["refund_cycle_time", "nps"]
    asked = of_refunds(cause("refund_sla_rate", -0.1, part="stage", stage="transit"))
    assert [one["stage"] for one in asked] == ["inspect", "transit"]
    heard = signal("nps_per_customer", 22.0, 30.0)
    made = of_refunds(cause("refund_sla_rate", -0.1), nps, fell, heard, cause("nps_per_customer", -4.0))
    assert [[effect["kpi"] for effect in one["also"]] for one in made] == [["refund_sla_rate"], ["nps_per_customer"]]


def test_a_kpi_is_named_once_in_a_decision() -> None:
    """What stands out in a market and in a carrier are the same cases."""
    late = [signal("late_refund_open", 28.0, 18.0, dimension=name, dimension_value=value) for name, value in
            (("carrier", "jnt"), ("market", "VN"))]  # fmt: skip
    (one,) = of_refunds(cause("refund_sla_rate", -0.1), *late)
    assert [effect["kpi"] for effect in one["also"]] == ["refund_sla_rate", "late_refund_open"]


def test_a_reader_is_not_asked_for_less_because_two_were_one() -> None:
    others = [kpi(f"k{i}", f"K{i}", "share", "lower") for i in range(9)]
    moved = [SLOW, LATE, *(signal(other["kpi"], 0.3, 0.2) for other in others)]
    causes = [cause("refund_cycle_time", 30.0, part="stage", stage="inspect"), cause("refund_sla_rate", -0.1)]
    assert len(recommend(moved, causes, [], [*CATALOGUE, IN_TIME, *others], MONDAY)) == templates()["most"]


def test_not_more_than_a_reader_can_decide() -> None:
    catalogue = [kpi(f"k{i}", f"K{i}", "share", "lower") for i in range(9)]
    found = recommend([signal(f"k{i}", 0.3, 0.2) for i in range(9)], [], [], catalogue, MONDAY)
    assert len(found) == templates()["most"] == 5


def test_words_are_for_kpis_that_there_are() -> None:
    from transforms.models import kpis

    named = {*templates()["kpi"], *templates()["size"], *chain(*templates()["together"].values())}
    assert named <= {k.id for k in kpis()}


@given(
    st.lists(
        st.tuples(
            st.sampled_from([row["kpi"] for row in CATALOGUE]),
            st.floats(0.01, 500),
            st.floats(0.01, 500),
            st.sampled_from(["rate", "mix", "stage"]),
            st.sampled_from([*OWNERS, "other"]),
        ),
        max_size=6,
    )
)
def test_every_recommendation_is_whole(found: list[tuple[str, float, float, str, str]]) -> None:
    signals = [signal(name, value, expected) for name, value, expected, _, _ in found]
    causes = [
        cause(n, v - e, i, part=p, stage=s if p == "stage" else None) for i, (n, v, e, p, s) in enumerate(found, 1)
    ]
    made = proposed(signals, causes)
    assert len({one["id"] for one in made}) == len(made)
    for one in made:
        assert all(one[key] for key in ("what", "owner", "because", "decide_by", "ledger_row"))
        assert "{" not in one["what"]
        assert "  " not in one["what"]
        assert one["size"] is None or one["size"]["value"] >= 0
