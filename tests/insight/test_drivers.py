"""Which friction costs how many points: from counts, and from the published rows of a night."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.acceptance.nights import numbers, published
from tests.kpis.given import a_return, answer, at, contact, order, refund
from transforms.insight.drivers import FEWEST, exposures, question, weigh
from transforms.insight.stratified import net_difference
from transforms.models import kpis
from transforms.warehouse import Warehouse

Counts = tuple[int, int, int]


def rows(stratum: str, met: list[str], at_risk: list[str], counts: Counts) -> dict[str, object]:
    named = dict(zip(["promoters", "passives", "detractors"], counts, strict=True))
    return {"stratum": stratum, "met_with": met, "at_risk_of": at_risk, **named}


# ---- the comparison -------------------------------------------------------------------------------


def test_a_difference_that_only_the_strata_make_is_none() -> None:
    """Exposed answers are mostly of a low-scoring market, where they score as the others do: Simpson's trap."""
    exposed = np.array([[10, 0, 90], [9, 0, 1]])
    unexposed = np.array([[1, 0, 9], [90, 0, 10]])
    found = net_difference(exposed, unexposed)
    assert found is not None
    assert (found.common, found.standardised) == (pytest.approx(0), pytest.approx(0))
    assert found.low < 0 < found.high


def test_one_stratum_is_the_plain_difference() -> None:
    """With one stratum it is the difference of two means, and its variance the usual one (HC1)."""
    found = net_difference(np.array([[10, 20, 30]]), np.array([[60, 30, 10]]))
    assert found is not None
    assert found.common == pytest.approx(100 * (-20 / 60 - 50 / 100))
    spread = (10 + 30 - 20**2 / 60) / 60**2 + (60 + 10 - 50**2 / 100) / 100**2
    assert found.se == pytest.approx(100 * np.sqrt(spread * 160 / 158))
    assert (found.exposed, found.unexposed) == (60, 100)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """2,000 worlds of many small strata with a true difference of -30 points: about 95 % of the intervals hold it."""
    random = np.random.default_rng(7)
    base = random.uniform(0.2, 0.6, 30)
    held = 0
    for _ in range(2000):
        low = np.column_stack([base - 0.1, 0.6 - base, np.full(30, 0.5)])
        high = np.column_stack([base + 0.05, 0.6 - base, np.full(30, 0.35)])
        found = net_difference(random.multinomial(4, low), random.multinomial(8, high))
        assert found is not None
        held += found.low <= -30 <= found.high
    assert 0.93 <= held / 2000 <= 0.97


def test_strata_with_one_side_are_left_out_and_counted() -> None:
    found = net_difference(np.array([[5, 5, 5], [0, 0, 20]]), np.array([[10, 5, 5], [0, 0, 0]]))
    assert found is not None
    assert (found.exposed, found.exposed_all) == (15, 35)
    assert net_difference(np.array([[5, 5, 5]]), np.array([[0, 0, 0]])) is None
    assert net_difference(np.array([[1, 0, 0]]), np.array([[1, 0, 0]])) is None


# ---- from counts to points ------------------------------------------------------------------------


def test_points_are_what_all_answers_would_gain() -> None:
    """100 of 400 answers met with it and score 60 points lower: without it the NPS would be 15 points higher."""
    at_risk = ["asked_about_order"]
    table = [
        rows("GB", ["asked_about_order"], at_risk, (20, 40, 40)),
        rows("GB", [], at_risk, (100, 80, 20)),
        rows("GB", [], [], (40, 40, 20)),
    ]
    (found,) = weigh(pd.DataFrame(table))
    assert (found.exposed, found.unexposed, found.share) == (100, 200, 0.25)
    assert found.difference == pytest.approx(-60)
    assert (found.points, found.points_standardised) == (pytest.approx(15), pytest.approx(15))
    assert 0 < found.points_low < 15 < found.points_high  # type: ignore[operator]
    assert found.explained > 0
    assert any("not proof" in said for said in found.caveats)


def test_too_few_answers_give_no_figure() -> None:
    table = [rows("GB", ["damaged"], ["damaged"], (0, 0, FEWEST - 1)), rows("GB", [], ["damaged"], (50, 0, 0))]
    (found,) = weigh(pd.DataFrame(table))
    assert (found.points, found.difference) == (None, None)
    assert "no figure" in found.caveats[0]
    assert weigh(pd.DataFrame(table).head(0)) == []
    (found,) = weigh(pd.DataFrame(table[1:]))
    assert (found.exposed, found.points, found.explained) == (0, None, 0.0)


def test_overlapping_exposures_share_what_they_explain() -> None:
    both = ["returned", "asked_about_order"]
    table = [
        rows("GB", both, both, (0, 0, 40)),
        rows("GB", ["returned"], both, (5, 5, 30)),
        rows("GB", ["asked_about_order"], both, (20, 10, 10)),
        rows("GB", [], both, (150, 40, 10)),
    ]
    found = {driver.id: driver for driver in weigh(pd.DataFrame(table))}
    flags = np.repeat([[1, 1], [1, 0], [0, 1], [0, 0]], [40, 40, 40, 200], axis=0)
    score = np.repeat([-1, 1, 0, -1, 1, 0, -1, 1, 0, -1], [40, 5, 5, 30, 20, 10, 10, 150, 40, 10])
    design = np.column_stack([np.ones(len(flags)), flags])
    left = score - design @ np.linalg.lstsq(design, score, rcond=None)[0]
    assert sum(driver.explained for driver in found.values()) == pytest.approx(1 - left.var() / score.var())
    assert found["returned"].explained > found["asked_about_order"].explained


def test_every_exposure_names_a_kpi_and_one_condition() -> None:
    outcome, told = exposures()
    conditions = {"hours_over", "counted_over", "outcome", "reason_codes"}
    assert outcome in {k.id for k in kpis()}
    assert len({one["id"] for one in told}) == len(told)
    for one in told:
        assert one["kpi"] in {k.id for k in kpis()}
        assert len(conditions & one.keys()) == 1
        assert one.keys() <= {"id", "label", "kpi", *conditions}
        (kpi,) = (k for k in kpis() if k.id == one["kpi"])
        assert kpi.is_duration == ("counted_over" not in one)


# ---- over a night ---------------------------------------------------------------------------------

ORDERED, ANSWERED, AS_OF = "2026-06-02T08:00:00Z", "2026-07-20T08:00:00Z", "2026-08-03T00:00:00Z"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Orders that were credited in time, late, are open young and open long, or ended; one without a return."""
    made = [order(ORDERED, order_id=f"o-{name}") for name in ("quick", "late", "young", "old", "ended", "kept")]
    returns = [
        a_return("2026-06-08T08:00:00Z", return_id=f"r-{name}", order_id=f"o-{name}", reason_code="quality")
        for name in ("quick", "late", "old", "ended")
    ]
    returns[3] |= {"rejected_at": "2026-06-10T08:00:00Z"}
    returns.append(a_return("2026-07-31T08:00:00Z", return_id="r-young", order_id="o-young"))
    refunds = [refund("r-quick", "2026-06-10T08:00:00Z"), refund("r-late", at("2026-06-08T08:00:00Z", days=15))]
    contacts = [contact("2026-06-12T08:00:00Z", order_id="o-late", return_id="r-late")]
    said = "My name is Anna Schmidt, the box was damaged. Mail anna@example.com"
    surveys = [
        answer("nps", 10, ANSWERED, order_id="o-quick", comment="great shop"),
        answer("nps", 3, ANSWERED, order_id="o-late", comment=said, language="en", customer_id="c-anna"),
        answer("nps", 8, ANSWERED, order_id="o-young", comment="  "),
        answer("nps", 2, ANSWERED, order_id="o-old"),
        answer("nps", 1, ANSWERED, order_id="o-ended"),
        answer("nps", 9, ANSWERED, order_id="o-kept"),
        answer("nps", 5, "2026-04-20T08:00:00Z", order_id="o-kept", comment="too old to be published"),
        answer("nps", None, None, comment="dismissed"),
    ]
    root = tmp_path_factory.mktemp("drivers")
    tables = {"orders": made, "returns": returns, "refunds": refunds, "contacts": contacts, "surveys": surveys}
    return numbers(root / "landing", root / "out", AS_OF, tables)


def test_what_an_answer_met_with(out: Path) -> None:
    """Each answer by its score: 10 quick, 3 late, 8 young (not old enough to tell), 2 long open, 1 ended, 9 kept."""
    sql, told, outcome = question()
    with Warehouse((out / "marts.duckdb").resolve(), read_only=True) as marts:
        found = marts.frame(sql, [told, outcome, "2026-07-01", "2026-08-03"])
    assert set(found["stratum"]) == {"VN × post_delivery"}
    assert int(found[["promoters", "passives", "detractors"]].to_numpy().sum()) == 6
    met = {tuple(row["met_with"]): row for row in found.to_dict("records")}
    slow = ("refund_over_14_days", "refund_over_7_days", "returned", "seller_fault")
    assert set(met) == {
        (),  # kept
        ("damaged", "returned"),  # young
        ("returned", "seller_fault"),  # quick
        ("asked_about_order", "asked_about_return", *slow),  # late
        slow,  # open for long
        ("return_ended", "returned", "seller_fault"),  # ended
    }
    assert "refund_over_14_days" not in met["damaged", "returned"]["at_risk_of"]
    assert "refund_over_14_days" not in met["return_ended", "returned", "seller_fault"]["at_risk_of"]
    assert list(met[()]["at_risk_of"]) == ["asked_about_order", "returned"]


def test_comments_are_published_redacted_and_with_themes(out: Path) -> None:
    found = published(out, "select * from comments order by response_id")
    assert [(row["score"], row["themes"], row["comment"]) for row in found] == [
        (10, ["praise"], "great shop"),
        (3, ["damaged"], "My name is [name], the box was damaged. Mail [mail]"),
    ]
    assert found[1]["market"] == "VN"
    assert found[1]["language"] == "en"
    assert not {"customer_id", "order_id", "return_id", "contact_id"} & set(found[1])


def test_no_published_table_shows_what_was_taken_out(out: Path) -> None:
    """Not the Parquet file either, nor any other mart."""
    names = [row["name"] for row in published(out, "select table_name as name from information_schema.tables")]
    assert "comments" in names
    for name in names:
        text = str(published(out, f"from {name}"))
        assert "Schmidt" not in text, name
        assert "anna" not in text.casefold(), name
    assert b"Schmidt" not in (out / "marts" / "comments.parquet").read_bytes()
