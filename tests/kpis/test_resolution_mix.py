"""Resolution mix: shares of completed returns by resolution, which add up to 1 with the unknown ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from given import AS_OF, WEEK, a_return, at, refund

from tests.acceptance.nights import cell, cells, drafted, numbers

ASKED = "2026-06-02T08:00:00Z"
SEEN = {"inspected_at": at(ASKED, days=5)}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    paid = [a_return(ASKED, resolution=resolution) for resolution in ["refund"] * 3 + ["returnless_refund", None]]
    half = a_return(ASKED, **SEEN)
    ended = a_return(ASKED, rejected_at=at(ASKED, days=3))
    # paid, and called off afterwards: it was complete by then
    late = a_return(ASKED, cancelled_at=at(ASKED, days=30), carrier="dhl")
    returns = [
        *paid,
        half,
        ended,
        late,
        a_return(ASKED, resolution="exchange", **SEEN),
        a_return(ASKED, resolution="store_credit", **SEEN),
        # not complete: goods still out, goods seen but money not sent, called off, seen after the as-of time
        a_return(ASKED, resolution="exchange"),
        a_return(ASKED, **SEEN),
        a_return(ASKED, resolution="exchange", cancelled_at=at(ASKED, days=9), **SEEN),
        a_return(ASKED, resolution="exchange", inspected_at=at(AS_OF, days=1)),
        a_return(ASKED, resolution=None, **SEEN),
    ]
    refunds = [refund(r["return_id"], at(ASKED, days=6)) for r in [*paid, late]]
    # two credits of one return do not make two of it
    refunds += [refund(paid[0]["return_id"], at(ASKED, days=7)), refund(half["return_id"], at(ASKED, days=6), "50.00")]
    refunds += [refund(ended["return_id"], at(ASKED, days=6))]
    root = tmp_path_factory.mktemp("mix")
    return numbers(root / "landing", root / "out", AS_OF, {"returns": returns, "refunds": refunds})


def test_shares_of_completed_returns(out: Path) -> None:
    found = {r["dimension_value"]: r for r in cells(out, "resolution_mix", dimension="resolution", week=WEEK)}
    counted = {name: (row["numerator"], row["denominator"], row["n"]) for name, row in found.items()}
    assert counted == {
        "refund": (4, 8, 8),
        "returnless_refund": (1, 8, 8),
        "exchange": (1, 8, 8),
        "store_credit": (1, 8, 8),
        "unknown": (1, 8, 8),
    }
    assert sum(row["value"] for row in found.values()) == pytest.approx(1, abs=1e-12)


def test_a_share_has_wilsons_interval_and_the_whole_has_none(out: Path) -> None:
    half = cell(out, "resolution_mix", dimension="resolution", dimension_value="refund", week=WEEK)
    assert half["ci_low"] + half["ci_high"] == pytest.approx(1)
    assert 0 < half["ci_low"] < 0.5
    whole = cell(out, "resolution_mix", week=WEEK)
    assert (whole["value"], whole["n"], whole["ci_low"], whole["ci_high"]) == (1.0, 8, None, None)


def test_shares_add_up_within_every_other_group(out: Path) -> None:
    sql = (
        "select split_part(dimension_value, ' × ', 1) as carrier, sum(value) as whole, min(n) as n, max(n) as most "
        f"from marts.kpi_weekly where kpi = 'resolution_mix' and dimension = 'carrier × resolution' and week = '{WEEK}' "
        "group by all order by all"
    )
    assert [(r["carrier"], r["whole"], r["n"], r["most"]) for r in drafted(out, sql)] == [
        ("dhl", pytest.approx(1), 1, 1),
        ("jnt", pytest.approx(1), 7, 7),
    ]
