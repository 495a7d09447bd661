"""Which columns of the extracts a number depends on: all that are read for it, and no others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from transforms.lineage import source_columns
from transforms.models import Kpi, ModelError, kpi, kpis, sources

SCHEMA = {
    "records": {source.id: [column.name for column in source.columns] for source in sources()},
    "run": {"clock": ["as_of", "zone"], "zones": ["market", "zone"]},
}


def of(sql: str) -> set[str]:
    k: Kpi = replace(kpi("nps"), definition=sql)
    return set(source_columns(k, SCHEMA))


def test_a_facts_column_is_told_by_what_it_comes_from() -> None:
    """ended_at is the first of three; every row of the fact was asked for by the as-of time."""
    found = of("select ended_at from facts.returns")
    ended = {"returns.rejected_at", "returns.cancelled_at", "returns.expired_at"}
    assert ended <= found
    assert found - ended <= {"returns.requested_at", "returns.order_id", "orders.order_id", "orders.market"}


def test_conditions_and_joins_count_and_what_is_not_used_does_not() -> None:
    found = of("select 1 as numerator from facts.orders where delivered_at is not null")
    assert found == {"orders.delivered_at", "orders.ordered_at"} | (found & {"orders.market"})
    found = of("select o.order_value from facts.orders as o inner join facts.refunds as r on r.order_id = o.order_id")
    assert {"orders.order_value", "orders.order_id", "refunds.order_id"} <= found
    assert "refunds.method" not in found


def test_parts_of_a_query_and_their_stars_are_followed() -> None:
    sql = "with returned as (select * from facts.returns) select resolution as x from returned where carrier = 'jnt'"
    assert {"returns.resolution", "returns.carrier"} <= of(sql)
    assert not {"returns.reason_code", "returns.inspected_at"} & of(sql)


@pytest.mark.parametrize("k", kpis(), ids=lambda k: k.id)
def test_every_kpi_depends_on_columns_of_its_sources(k: Kpi) -> None:
    """On every source it reads, on columns that the contract has."""
    found = source_columns(k, SCHEMA)
    known = {f"{source.id}.{column.name}" for source in sources() for column in source.columns}
    assert set(found) <= known
    assert set(k.sources) <= {name.partition(".")[0] for name in found}


def test_sql_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ModelError, match=r"kpis/nps\.sql"):
        of("select ((( from facts.orders")
