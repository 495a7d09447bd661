"""CES: answers 5-7 of 1-7 over the answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from given import AS_OF, WEEK, a_return, answer, answers, order

from tests.acceptance.nights import cell, cells, numbers

ORDER = order(market="TH")
RETURN = a_return(order_id=ORDER["order_id"], carrier="flash_express", reason_code="size_or_fit")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    surveys = [
        *answers("ces", [7, 6, 5, 4, 3, 1], "2026-06-03T08:00:00Z", return_id=RETURN["return_id"]),
        answer("ces", 7, "2026-06-04T08:00:00Z"),
        answer("ces", None, "2026-06-03T08:00:00Z"),
        *answers("csat", [5, 7], "2026-06-03T08:00:00Z", scale_max=7),
    ]
    root = tmp_path_factory.mktemp("ces")
    return numbers(root / "landing", root / "out", AS_OF, {"orders": [ORDER], "returns": [RETURN], "surveys": surveys})


def test_five_to_seven_made_it_easy(out: Path) -> None:
    found = cell(out, "ces", week=WEEK)
    assert (found["numerator"], found["denominator"], found["n"]) == (4, 7, 7)
    assert found["value"] == pytest.approx(4 / 7)


@pytest.mark.parametrize(
    ("dimension", "value"),
    [("market", "TH"), ("carrier", "flash_express"), ("reason_code", "size_or_fit"), ("resolution", "refund")],
)
def test_a_return_leads_to_its_order(out: Path, dimension: str, value: str) -> None:
    """An answer with a return_id alone has the dimensions of the return and of its order."""
    groups = {r["dimension_value"]: (r["numerator"], r["n"]) for r in cells(out, "ces", dimension=dimension, week=WEEK)}
    assert groups == {value: (3, 6), "unknown": (1, 1)}
