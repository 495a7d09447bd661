"""Nowcasts from records: against a plain count of every week at the same age."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.acceptance.nights import drafted, numbers
from transforms.insight.nowcast import Past, expect
from transforms.models import kpis

AS_OF = datetime(2026, 9, 30, 7, 30, tzinfo=UTC)  # a Wednesday: the newest week is over since two days
MONDAY = datetime(2026, 9, 21, tzinfo=UTC)
WEEKS = 24
WINDOW = timedelta(days=44)
Order = tuple[datetime, str, datetime | None, datetime | None]  # ordered, market, delivered, return requested


@pytest.fixture(scope="module")
def orders() -> list[Order]:
    draw = random.Random(3)
    found: list[Order] = []
    for week in range(WEEKS):
        for _ in range(60):
            ordered = MONDAY - timedelta(weeks=week) + timedelta(seconds=draw.randrange(7 * 86_400))
            delivered = ordered + timedelta(days=draw.uniform(1, 9)) if draw.random() < 0.9 else None
            asked = delivered + timedelta(days=draw.uniform(0, 30)) if delivered and draw.random() < 0.3 else None
            found.append((ordered, draw.choice(["VN", "TH"]), delivered, asked))
    return found


@pytest.fixture(scope="module")
def out(orders: list[Order], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("nowcasts")
    rows: dict[str, list[dict[str, object]]] = {"orders": [], "returns": []}
    for number, (ordered, market, delivered, asked) in enumerate(orders):
        row = {"order_id": f"o{number}", "customer_id": "c", "market": market, "ordered_at": ordered.isoformat()}
        arrived = delivered.isoformat() if delivered else None
        rows["orders"].append(row | {"delivered_at": arrived, "updated_at": ordered.isoformat()})
        if asked:
            row = {"return_id": f"r{number}", "order_id": f"o{number}", "requested_at": asked.isoformat()}
            rows["returns"].append(row | {"updated_at": asked.isoformat()})
    return numbers(root / "landing", root / "out", AS_OF.isoformat(), rows)


def counted(orders: list[Order], week: int, until: datetime, market: str | None) -> tuple[int, int]:
    """Returned and delivered orders of the week so many before the newest, known by then."""
    monday = MONDAY - timedelta(weeks=week)
    mine = [o for o in orders if monday <= o[0] < monday + timedelta(weeks=1) and market in (None, o[1])]
    delivered = [o for o in mine if o[2] and o[2] <= min(until, AS_OF)]
    return sum(o[3] is not None and o[3] <= min(until, AS_OF) for o in delivered), len(delivered)


@pytest.mark.parametrize("market", [None, "VN"])
def test_every_young_week_is_held_against_past_ones_of_its_age(
    orders: list[Order], out: Path, market: str | None
) -> None:
    where = f"dimension = 'market' and dimension_value = '{market}'" if market else "dimension = 'all'"
    query = f"from marts.kpi_weekly where kpi = 'return_rate' and statistic = 'nowcast' and {where} order by week desc"
    found = drafted(out, query)
    young = [w for w in range(WEEKS) if MONDAY + timedelta(weeks=1 - w) + WINDOW > AS_OF]
    assert [r["week"] for r in found] == [(MONDAY - timedelta(weeks=w)).date() for w in young]
    for week, row in zip(young, found, strict=True):
        age = AS_OF - (MONDAY + timedelta(weeks=1 - week))
        past = [len(young) + back for back in range(13)]
        then = [counted(orders, w, MONDAY + timedelta(weeks=1 - w) + age, market) for w in past]
        final = [counted(orders, w, AS_OF, market) for w in past]
        so_far = counted(orders, week, AS_OF, market)
        arrays = [np.array([[pair[i] for pair in pairs]], dtype=float) for pairs in (then, final) for i in (0, 1)]
        expected = expect(np.array([float(so_far[0])]), np.array([float(so_far[1])]), Past(*arrays))
        assert row["n"] == so_far[1]
        for column, figure in (("value", expected.value), ("ci_low", expected.low), ("ci_high", expected.high)):
            assert row[column] == pytest.approx(figure[0], abs=1e-12)
        assert row["numerator"] / row["denominator"] == pytest.approx(row["value"])
        assert (row["status"], row["prior_value"], row["prior_year_value"]) == ("provisional", None, None)


def test_a_week_that_is_not_over_or_final_has_none(out: Path) -> None:
    """And no number is compared with one."""
    rows = drafted(
        out,
        "select week from marts.kpi_weekly where statistic = 'nowcast' "
        "and week not in (select period from marts.periods where grain = 'week' and is_over)",
    )
    assert rows == []
    final = "select * from marts.kpi_weekly where statistic = 'nowcast' and status not in ('provisional', 'withheld')"
    assert drafted(out, final) == []
    assert drafted(out, "from marts.kpi_daily where statistic = 'nowcast'") == []


def test_a_row_that_counts_says_since_when(out: Path) -> None:
    for k in kpis():
        if k.nowcast:
            odd = "(numerator = 1) <> (counted_at is not null) or based_at is null or counted_at < based_at"
            assert drafted(out, f"select count(*) as n from kpis.{k.id} where {odd}") == [{"n": 0}]
            assert "90 %" in drafted(out, f"from marts.kpi_catalogue where kpi = '{k.id}'")[0]["interval_method"]
