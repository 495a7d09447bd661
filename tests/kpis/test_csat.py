"""CSAT: the top two boxes over the answers; a Wilson interval; scales are never pooled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from given import AS_OF, NEXT_WEEK, WEEK, answer, answers, at, order

from tests.acceptance.nights import REPOSITORY, cell, cells, numbers

GOLDEN = json.loads((REPOSITORY / "tests" / "golden" / "csat_wilson.json").read_text(encoding="utf-8"))["cases"]
CASES = [c for c in GOLDEN if 0 < c["inputs"]["n"] < 1000]
SEVEN = {"scale_min": 1, "scale_max": 7}
ORDER = order(market="VN")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    surveys = [
        *answers("csat", [5, 4, 3, 2, 1], "2026-06-03T08:00:00Z", order_id=ORDER["order_id"]),
        *answers("csat", [7, 6, 5, 4], "2026-06-03T08:00:00Z", **SEVEN),
        answer("csat", None, "2026-06-03T08:00:00Z"),
        answer("nps", 4, "2026-06-03T08:00:00Z"),
        # a week with nothing but the other scale
        *answers("csat", [7, 1], "2026-06-10T08:00:00Z", **SEVEN),
    ]
    for number, case in enumerate(CASES):
        good, n = case["inputs"]["k"], case["inputs"]["n"]
        surveys += answers("csat", [4] * good + [3] * (n - good), at("2026-07-06T10:00:00Z", days=7 * number))
    root = tmp_path_factory.mktemp("csat")
    return numbers(root / "landing", root / "out", AS_OF, {"orders": [ORDER], "surveys": surveys})


def test_the_top_two_boxes_of_five(out: Path) -> None:
    found = cell(out, "csat", week=WEEK)
    assert (found["value"], found["numerator"], found["denominator"], found["n"]) == (0.4, 2, 5, 5)


def test_the_scale_of_seven_is_a_row_of_dimension_scale_only(out: Path) -> None:
    """The headline and every other group are of 1-5; pooling the two would mix two questions."""
    scales = {r["dimension_value"]: (r["numerator"], r["n"]) for r in cells(out, "csat", dimension="scale", week=WEEK)}
    assert scales == {"1-5": (2, 5), "1-7": (2, 4)}
    markets = {r["dimension_value"]: r["n"] for r in cells(out, "csat", dimension="market", week=WEEK)}
    assert markets == {"VN": 5}
    assert {r["n"] for r in cells(out, "csat", dimension="touchpoint", week=WEEK)} == {5}


def test_a_week_of_the_other_scale_alone_has_no_headline(out: Path) -> None:
    assert [r for r in cells(out, "csat", week=NEXT_WEEK) if r["value"] is not None or r["n"] > 0] == []
    scales = {r["dimension_value"]: (r["value"], r["n"]) for r in cells(out, "csat", dimension="scale", week=NEXT_WEEK)}
    assert scales["1-7"] == (0.5, 2)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[c["id"] for c in CASES])
def test_the_interval_is_wilsons(out: Path, number: int) -> None:
    expected = CASES[number]["expected"]
    found = cell(out, "csat", week=at("2026-07-06T00:00:00Z", days=7 * number)[:10])
    assert found["value"] == pytest.approx(expected["p"], abs=1e-12)
    assert found["ci_low"] == pytest.approx(expected["wilson_lo"], abs=1e-9)
    assert found["ci_high"] == pytest.approx(expected["wilson_hi"], abs=1e-9)
