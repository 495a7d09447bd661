"""Findings that would tell of few cases, or of a hidden figure, as a leader's file says them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from transforms.leadership.few import hidden_totals, keep_back
from transforms.leadership.findings import Findings
from transforms.leadership.hidden import Hidden, Issue
from transforms.leadership.sections.voices import _case, drivers_table, voice_text

WEEK = date(2026, 11, 16)
Row = dict[str, Any]
CATALOGUE: dict[str, Row] = {
    "nps": {"dimensions": ["market", "category"]},
    "return_rate": {"dimensions": ["market", "category"]},
    "late": {"dimensions": ["market", "carrier", "overdue"]},
}


def kept(hidden: Hidden | None = None, **found: Any) -> Findings:
    """The findings after what may not be told was taken out."""
    findings = Findings(**found)
    keep_back(findings, hidden or Hidden(), WEEK, CATALOGUE)
    return findings


def driver(exposed: int, unexposed: int) -> Row:
    return {"id": "d", "label": "It came late", "exposed": exposed, "unexposed": unexposed, "share": 0.1, "explained": 0.2,
            "difference": None, "difference_low": None, "difference_high": None, "points": None, "points_low": None,
            "points_high": None, "caveats": ("Fewer than 10 comparable answers on one side: no figure.",)}  # fmt: skip


@pytest.mark.parametrize(("exposed", "unexposed"), [(9, 40), (40, 9), (1, 1), (10, 10), (0, 40)])
def test_both_sides_of_a_friction_or_neither(exposed: int, unexposed: int) -> None:
    is_told = not (0 < exposed < 10 or 0 < unexposed < 10)
    found = kept(drivers=[driver(exposed, unexposed)]).drivers
    assert [found[0][name] is not None for name in ("exposed", "unexposed", "share", "explained")] == [is_told] * 4
    row = drivers_table({"drivers": found, "not_examined": []})["rows"][0]
    assert (row[1], row[2]) == (([str(exposed), "10.0%"], str(unexposed)) if is_told else (["–", ""], "–"))


def theme(n: int, nps_n: int) -> Row:
    return {"id": "t", "label": "Slow", "tone": "friction", "n": n, "share": 0.5, "share_low": 0.4, "share_high": 0.6,
            "share_before": 0.44144144, "change": 0.0585585, "change_low": -0.153, "change_high": 0.234, "nps_n": nps_n,
            "nps_points": -4.2, "nps_low": -9.0, "nps_high": 1.0, "quotes": [quote()]}  # fmt: skip


def quote(survey: str = "nps", market: str = "TH") -> Row:
    return {"response_id": "s1", "theme": "t", "comment": "Slow", "survey_type": survey, "score": 2.0, "scale": "0-10",
            "language": "en", "market": market}  # fmt: skip


def voice(n: int, without: int, themes: list[Row]) -> Row:
    return {"week": "2026-W47", "n": n, "n_before": 222, "weeks_before": 12, "without_theme": without, "themes": themes,
            "quotes": [quote()], "words": [{"term": "x", "n": 9, "n_before": 3, "z": 4.0}]}  # fmt: skip


def test_a_theme_of_few_comments_or_answers() -> None:
    found = kept(voice=voice(60, 20, [theme(9, 9), theme(12, 9), theme(30, 10)])).voice
    assert found is not None
    assert [row["n"] for row in found["themes"]] == [12, 30]
    assert [row["nps_points"] for row in found["themes"]] == [None, -4.2]
    assert [row["nps_n"] for row in found["themes"]] == [None, 10]
    assert found["words"] == []
    before = [found["themes"][0][name] for name in ("share_before", "change", "change_low", "change_high")]
    assert before == [0.44, 0.06, -0.15, 0.23]  # to the digit, the counts of two files would tell a hidden week's


@pytest.mark.parametrize(("n", "without", "is_told"), [(60, 5, False), (60, 55, False), (60, 20, True), (60, 0, True)])
def test_comments_without_a_theme(n: int, without: int, is_told: bool) -> None:
    found = kept(voice=voice(n, without, [])).voice
    assert found is not None
    assert found["without_theme"] == (without if is_told else None)
    said = voice_text({"voice": found, "not_examined": []})["said"]
    assert ("without a theme" in said) == is_told
    assert said.startswith("60 comments in the week")


def test_a_week_of_few_comments_is_not_quoted() -> None:
    found = kept(voice=voice(9, 2, [theme(9, 9)])).voice
    assert found is not None
    assert (found["n"], found["themes"], found["quotes"], found["words"]) == (None, [], [], [])
    assert voice_text({"voice": found, "not_examined": []})["said"].startswith("Fewer than 10 comments")


def test_a_quote_does_not_fill_in_a_hidden_cell() -> None:
    hidden = Hidden(cells=frozenset({(("nps", "market", "TH"), WEEK), (("ces", "all", "all"), WEEK)}))
    said = [quote(), quote(market="VN"), quote("ces", "VN")]
    found = kept(hidden, voice=voice(60, 20, []) | {"quotes": said}).voice
    assert found is not None
    assert [(q["score"], q["market"]) for q in found["quotes"]] == [(2.0, None), (2.0, "VN"), (None, None)]
    assert not any("response_id" in q for q in found["quotes"])


def case(market: str, carrier: str | None) -> Row:
    return {"rank": 1, "return_id": "r1", "market": market, "carrier": carrier, "order_value": 9.5, "currency": "THB"}


def test_the_list_of_cases_does_not_count_a_hidden_cell() -> None:
    late = "late"
    hidden = Hidden(cells=frozenset({
        ((late, "market", "TH"), WEEK), ((late, "carrier", "dhl"), WEEK), ((late, "market × carrier", "VN × jnt"), WEEK),
    }))  # fmt: skip
    cases = [case("TH", "jnt"), case("VN", "dhl"), case("VN", "jnt"), case("VN", "ups")]
    found = kept(hidden, escalations={"sql": "select 1", "cases": 4, "shown": cases}).escalations
    assert found is not None
    assert [(c["market"], c["carrier"], c["currency"], c["order_value"]) for c in found["shown"]] == [
        (None, None, None, None), ("VN", None, "THB", 9.5), ("VN", None, "THB", 9.5), ("VN", "ups", "THB", 9.5),
    ]  # fmt: skip
    left_out = Hidden(tables=frozenset({(late, "market × carrier")}))
    found = kept(left_out, escalations={"sql": "", "cases": 1, "shown": [case("VN", "ups")]}).escalations
    assert found is not None
    assert found["shown"][0]["carrier"] is None


def test_the_list_of_cases_does_not_count_how_late_they_are() -> None:
    late = case("VN", "ups") | {
        "waiting_days": 31.4, "sla_days": 14, "impact": 3.2, "reasons": ["open for 31 days, agreed 14", "7 contacts"]
    }  # fmt: skip
    for key, is_told in ((("late", "overdue", "15-30 days"), False), (("late", "market", "TH"), True)):
        found = kept(Hidden(cells=frozenset({(key, WEEK)})), escalations={"sql": "", "cases": 1, "shown": [late]})
        (told,) = found.escalations["shown"]  # type: ignore[index]
        if is_told:
            assert told == late
        else:
            assert (told["waiting_days"], told["impact"], told["sla_days"]) == (None, None, 14)
            assert told["reasons"] == ["open past the agreed time", "7 contacts"]
            row = _case(told | {"return_id": "r1", "waits_for": "inspect", "contacts": 7, "nps_class": None})
            assert (row[4], row[8]) == ("– of 14", "–")


def cause(where: dict[str, str]) -> Row:
    row = {"kpi": "return_rate", "week": "2026-W47", "part": "rate", "stage": None, "contribution": 0.01}
    return row | {"where": where}


def test_a_cause_is_no_hidden_cell() -> None:
    hidden = Hidden(cells=frozenset({
        (("return_rate", "market", "TH"), WEEK), (("return_rate", "market × category", "VN × beauty"), WEEK),
    }))  # fmt: skip
    places = [{"market": "TH"}, {"category": "beauty", "market": "VN"}, {"market": "VN"}]
    assert [c["where"] for c in kept(hidden, causes=[cause(where) for where in places]).causes] == [{"market": "VN"}]


def signal(dimension: str, value: str) -> Row:
    return {"kpi": "return_rate", "dimension": dimension, "dimension_value": value, "monday": WEEK, "unit": "share", "n": 30,
            "value": 0.2, "expected": 0.103412, "limit_low": 0.012345, "limit_high": 0.19876, "z": 3.1234,
            "p_value": 0.0012345, "q_value": None, "smallest_visible_change": 0.05912, "verdict": "signal"}  # fmt: skip


def test_what_was_expected_does_not_tell_a_hidden_week_of_the_baseline() -> None:
    """26 weeks of 30 cases: a share to three digits would leave room for less than one case of them."""
    earlier = WEEK - timedelta(weeks=12)
    issue = Issue(frozenset({("return_rate", "market", "TH")}), frozenset(), frozenset({"return_rate"}))
    found = kept(Hidden(issues={earlier: issue}), signals=[signal("market", "TH"), signal("market", "VN")]).signals
    assert found[1] == signal("market", "VN")
    blurred = found[0]
    assert (blurred["value"], blurred["verdict"]) == (0.2, "signal")
    assert (blurred["expected"], blurred["limit_low"], blurred["limit_high"]) == (0.1, 0.01, 0.2)
    assert (blurred["z"], blurred["p_value"], blurred["smallest_visible_change"]) == (3, 0.001, 0.06)
    whole = Hidden(cells=frozenset({(("return_rate", "all", "all"), earlier)}))
    assert kept(whole, judged={"return_rate": signal("all", "all")}).judged["return_rate"]["expected"] == 0.1


def test_totals_hidden_in_an_earlier_file() -> None:
    issue = Issue(frozenset({("ces", "all", "all"), ("nps", "market", "TH")}), frozenset(), frozenset())
    hidden = Hidden(cells=frozenset({(("csat", "all", "all"), WEEK)}), issues={WEEK - timedelta(weeks=5): issue})
    assert hidden_totals(hidden) == {("csat", WEEK), ("ces", WEEK - timedelta(weeks=5))}


@pytest.mark.parametrize(
    ("where", "hides", "around"),
    [
        ({"market": "VN", "category": "toys"}, [("market × category", "VN × toys")], {"market": "VN"}),
        (
            {"market": "VN", "category": "toys"},
            [("market × category", "VN × toys"), ("market", "VN")],
            {"category": "toys"},
        ),
        ({"market": "VN"}, [("market", "VN")], {}),
    ],
)
def test_a_cause_in_a_hidden_place_is_told_without_it(
    where: dict[str, str], hides: list[tuple[str, str]], around: dict[str, str]
) -> None:
    row = cause(where) | {"kpi": "nps", "contribution": -4.5}
    hidden = Hidden(cells=frozenset((("nps", *cell), WEEK) for cell in hides))
    found = kept(hidden, causes=[row, row | {"kpi": "return_rate"}])
    assert [cause["kpi"] for cause in found.causes] == ["return_rate"]
    told = {"kpi": "nps", "week": "2026-W47", "part": "rate", "stage": None, "where": around, "has_risen": False}
    assert found.unnamed == [told]  # and no figure
