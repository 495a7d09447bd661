"""Scores weighted to who was asked: markets that answer more do not count for more."""

from __future__ import annotations

from pathlib import Path

import pytest
from given import Row, answer, answers, at, order

from tests.acceptance.nights import cell, cells, numbers

INVITED = "2026-06-01T08:00:00Z"
ANSWERED = "2026-06-03T08:00:00Z"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 of VN and 200 of TH were asked about NPS in 13 weeks; in the week 40 of VN (+50) and 40 of TH (-50) answered."""
    root = tmp_path_factory.mktemp("weighted")
    surveys: list[Row] = []
    for market, promoters, asked in (("o-VN", 30, 560), ("o-TH", 10, 160)):
        own = {"order_id": market}
        for score, number in ((9, promoters), (3, 40 - promoters)):
            surveys += answers("nps", [score] * number, ANSWERED, invited_at=INVITED, **own)
        surveys += answers("csat", [5 if market == "o-VN" else 1] * 20, ANSWERED, invited_at=INVITED, **own)
        # The trailing window's first day and the last of the week; a day earlier does not count any more.
        for days, number in ((-84, asked // 2), (6, asked // 2), (-85, 400 if market == "o-TH" else 0)):
            sent = at(INVITED, days=days)
            surveys += [answer("nps", None, None, invited_at=sent, updated_at=sent, **own) for _ in range(number)]
    orders = [order(order_id="o-VN"), order(order_id="o-TH", market="TH")]
    return numbers(root / "landing", root / "out", "2026-06-20T00:00:00Z", {"orders": orders, "surveys": surveys})


def test_each_market_counts_by_its_invitations(out: Path) -> None:
    weighted = cell(out, "nps", week="2026-06-01", statistic="poststratified")
    assert weighted["value"] == pytest.approx(0.75 * 50 - 0.25 * 50)
    assert cell(out, "nps", week="2026-06-01", statistic="value")["value"] == 0
    assert weighted["ci_low"] < 25 < weighted["ci_high"]
    assert (weighted["n"], weighted["status"]) == (80, "final")
    assert "more than a standard error" in weighted["note"]
    n_eff = cell(out, "nps", week="2026-06-01", statistic="n_eff")
    assert n_eff["value"] == pytest.approx(1 / (0.75**2 / 40 + 0.25**2 / 40))


def test_within_a_market_nothing_is_left_to_weight(out: Path) -> None:
    found = {
        r["dimension_value"]: r
        for r in cells(out, "nps", week="2026-06-01", dimension="market", statistic="poststratified")
    }
    assert {market: r["value"] for market, r in found.items()} == {"VN": 50, "TH": -50}
    assert {r["note"] for r in found.values()} == {None}


def test_other_surveys_are_no_part_of_the_population(out: Path) -> None:
    """CSAT has invitations of its own: as many in both markets."""
    weighted = cell(out, "csat", week="2026-06-01", statistic="poststratified")
    assert (weighted["value"], weighted["note"]) == (pytest.approx(0.5), None)


def test_answers_that_are_all_the_same_have_no_interval(out: Path) -> None:
    """Twenty of twenty were satisfied: an interval from 100 % to 100 % would say that everybody is."""
    where = {"week": "2026-06-01", "dimension": "market", "dimension_value": "VN"}
    weighted = cell(out, "csat", statistic="poststratified", **where)
    assert (weighted["value"], weighted["ci_low"], weighted["ci_high"]) == (1, None, None)
    assert cell(out, "csat", statistic="value", **where)["ci_low"] < 0.9
    other = cell(out, "csat", statistic="poststratified", **(where | {"dimension_value": "TH"}))
    assert (other["value"], other["ci_low"], other["ci_high"]) == (0, None, None)


def test_the_catalogue_says_how(out: Path) -> None:
    from tests.acceptance.nights import drafted

    (row,) = drafted(out, "from marts.kpi_catalogue where kpi = 'nps'")
    assert row["statistics"] == ["value", "poststratified", "n_eff"]
    assert "market x touchpoint" in row["formula"]
    assert "Kish" in row["interval_method"]
