"""A week does not depend on later ones, and more contacts never make a contact rate fall."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings

from tests.acceptance.nights import alone, drafted
from tests.kpis.test_properties import AS_OF, SEVERAL, START, World, run, worlds

FEW = settings(SEVERAL, max_examples=2)
LATER = timedelta(weeks=10)  # after everything that a drawn world holds
IDS = ("order_id", "customer_id", "return_id", "refund_id", "contact_id", "response_id")
CONTACTED = ("contacts_per_1k_orders", "order_contact_rate_30d", "return_contact_rate", "contacts_per_return_day")


def moved(row: dict[str, Any]) -> dict[str, Any]:
    """The same record ten weeks later, of other customers."""
    return {
        name: value + LATER if isinstance(value, datetime) else f"b{value}" if name in IDS and value else value
        for name, value in row.items()
    }


@FEW
@given(worlds(), worlds())
def test_a_week_alone_equals_the_week_among_others(world: World, later: World) -> None:
    """All but the nowcast, which is made of other weeks. A group that only later weeks have is a measured 0 before.

    A KPI that has no source at all without the later weeks is withheld then, and not compared.
    """
    as_of = AS_OF + LATER
    alone, keep = run({source: [rows] for source, rows in world.items()}, as_of)
    both, keep_both = run({source: [rows, list(map(moved, later[source]))] for source, rows in world.items()}, as_of)
    with keep, keep_both:
        sql = (
            "select * from marts.kpi_weekly where statistic <> 'nowcast' and n > 0 "
            f"and week < date '{START + LATER:%Y-%m-%d}' order by kpi, week, dimension, dimension_value, statistic"
        )
        absent = {r["kpi"] for r in drafted(alone, "select kpi from marts.kpi_weekly where status = 'withheld'")}
        found, expected = ([r for r in drafted(out, sql) if r["kpi"] not in absent] for out in (both, alone))
        shown = {(r["kpi"], r["week"], r["dimension"], r["dimension_value"], r["statistic"]) for r in expected}
        key = ("kpi", "week", "dimension", "dimension_value", "statistic")
        assert [row for row in found if tuple(row[name] for name in key) in shown] == expected
        assert not [row for row in found if tuple(row[name] for name in key) not in shown and row["numerator"]]


@FEW
@given(worlds())
def test_more_contacts_never_lower_a_contact_rate(world: World) -> None:
    """Every order and every return is asked about once more, an hour after it began."""
    asked: list[dict[str, Any]] = []
    for source, began in (("orders", "ordered_at"), ("returns", "requested_at")):
        for number, row in enumerate(world[source]):
            created = row[began] + timedelta(hours=1)
            named = {name: row[name] for name in ("order_id", "return_id") if name in row}
            contact = {"contact_id": f"more {source} {number}", "customer_id": "c0", "direction": "inbound", **named}
            contact |= {"channel": "chat", "reason_code": "other"}
            asked.append(contact | {"created_at": created, "updated_at": created})
    more = world | {"contacts": world["contacts"] + asked}
    with alone(*CONTACTED):
        before, keep = run({source: [rows] for source, rows in world.items()})
        after, keep_after = run({source: [rows] for source, rows in more.items()})
    with keep, keep_after:
        sql = (
            f"select kpi, week, dimension, dimension_value, value from marts.kpi_weekly where kpi in {CONTACTED} "
            "and statistic = 'value' and value is not null and dimension in ('all', 'market')"
        )
        rates = [
            {(r["kpi"], r["week"], r["dimension"], r["dimension_value"]): r["value"] for r in drafted(out, sql)}
            for out in (before, after)
        ]
        assert not {cell: (value, rates[1].get(cell)) for cell, value in rates[0].items() if rates[1][cell] < value}
        total = [sum(v for (kpi, *_), v in rate.items() if kpi == "contacts_per_1k_orders") for rate in rates]
        assert total[1] > total[0] or not [r for r in world["orders"] if r["ordered_at"] < AS_OF - timedelta(hours=1)]
