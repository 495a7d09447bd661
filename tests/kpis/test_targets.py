"""A target that changes from a day on is that of the periods that begin from then on; those before keep theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from given import NEXT_WEEK, WEEK, answers

from flows.night import Night
from flows.settings import load
from tests.acceptance.nights import deliver, moment, published
from transforms.models import ModelError


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NPS answers on the Mondays of two weeks; the target rises on the second of them."""
    root = tmp_path_factory.mktemp("targets")
    rows = [row for day in (WEEK, NEXT_WEEK) for row in answers("nps", [9, 9, 9], f"{day}T10:00:00Z")]
    deliver(root / "landing", "surveys/a.csv", rows)
    targets: Any = {"nps": [{"target": 50, "valid_from": NEXT_WEEK}, {"target": 30}], "csat": 0.8}
    with (
        patch("expectations.gate.check", return_value=[]),
        Night(load(landing=root / "landing", out=root / "out", targets=targets), moment("2026-06-22")) as night,
    ):
        night.run()
    return root / "out"


@pytest.mark.parametrize(
    ("table", "period", "expected"),
    [
        ("kpi_weekly", "week", {WEEK: 30.0, NEXT_WEEK: 50.0}),
        ("kpi_daily", "day", {WEEK: 30.0, NEXT_WEEK: 50.0}),
        ("kpi_monthly", "month", {"2026-06-01": 30.0}),  # it began under the old one
    ],
)
def test_a_period_has_the_target_of_its_first_day(
    out: Path, table: str, period: str, expected: dict[str, float]
) -> None:
    rows = published(out, f"from {table} where kpi = 'nps' and dimension = 'all' and statistic = 'value' and n > 0")
    assert {str(row[period]): row["target"] for row in rows} == expected
    assert len(rows) == len(expected)


def test_the_catalogue_has_the_target_of_today(out: Path) -> None:
    found = published(out, "from kpi_catalogue")
    assert {row["kpi"]: row["target"] for row in found if row["target"] is not None} == {"nps": 50.0, "csat": 0.8}
    assert len(found) == len({row["kpi"] for row in found})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("npss", "targets: no KPI 'npss'; there are: ces, "),
        ("nps.valu", "targets: nps has no statistic 'valu'; there are: value, "),
        ("nps.p50", "targets: nps has no statistic 'p50'; there are: value, "),
        ("refund_cycle_time.credited_by_day_9", "no statistic 'credited_by_day_9'; there are: p25, "),
    ],
)
def test_a_target_of_what_is_not_published_is_refused_in_words(tmp_path: Path, name: str, said: str) -> None:
    deliver(tmp_path / "landing", "surveys/a.csv", answers("nps", [9, 9, 9], f"{WEEK}T10:00:00Z"))
    settings = load(landing=tmp_path / "landing", out=tmp_path / "out", targets={name: 3.0})
    with pytest.raises(ModelError, match=said), Night(settings, moment("2026-06-22")) as night:
        night.run()
