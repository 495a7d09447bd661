"""What a contact is about: tiers 1 to 6, conserved, and bounded for customers with thousands of orders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.nights import cell, drafted, numbers
from tests.kpis.given import Row, a_return, at, contact, order, refund

ALONE = ("order_contact_rate_30d", "return_contact_rate")
NOW, AS_OF = "2026-06-20T08:00:00Z", "2026-09-28T00:00:00Z"


def past(days: float, **later: float) -> str:
    return at(NOW, days=-days, **later)


def customer(
    name: str, orders: dict[str, float], waiting: dict[str, tuple[float, float | None]]
) -> tuple[list[Row], ...]:
    """Orders so many days before NOW, and returns of them: requested and fully credited so many days before."""
    placed = [order(past(days), order_id=key, customer_id=name) for key, days in orders.items()]
    returns, refunds = [], []
    for number, (key, (asked, paid)) in enumerate(waiting.items()):
        one = a_return(past(asked), return_id=f"{name} r{number}", order_id=key.strip("*"))
        returns.append(one)
        if paid is not None:
            refunds.append(refund(one["return_id"], past(paid)))
    return placed, returns, refunds


# customer: orders and returns (a star: a further return of the order), and tier and (order, return) of each candidate
WORLDS: dict[str, tuple[dict[str, float], dict[str, tuple[float, float | None]], int, dict[str, str | None]]] = {
    "open return": ({"a1": 80, "a2": 5}, {"a1": (9, None)}, 3, {"a1": "open return r0"}),
    "paid since": ({"b1": 40}, {"b1": (9, -1)}, 3, {"b1": "paid since r0"}),
    "paid before": ({"c1": 40, "c2": 90}, {"c1": (9, 1)}, 4, {"c1": None}),
    "single order": ({"d1": 60}, {}, 4, {"d1": None}),
    "order too old": ({"e1": 60.001}, {}, 6, {}),
    "order to come": ({"f1": -0.001}, {}, 6, {}),
    "two orders": ({"g1": 3, "g2": 50, "g3": 61}, {}, 5, {"g1": None, "g2": None}),
    "two open returns": (
        {"h1": 70, "h2": 30, "h3": 2},
        {"h1": (9, None), "h2": (8, None)},
        5,
        {"h1": None, "h2": None, "h3": None},
    ),
    "both of one order": ({"i1": 30, "i2": 2}, {"i1": (9, None), "i1*": (8, None)}, 5, {"i1": None, "i2": None}),
    "both of the one order": ({"j1": 30}, {"j1": (9, None), "j1*": (8, None)}, 4, {"j1": None}),
    "nobody": ({}, {}, 6, {}),
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tables: dict[str, list[Row]] = {"orders": [], "returns": [], "refunds": [], "contacts": []}
    for name, (orders, waiting, _, _) in WORLDS.items():
        for table, rows in zip(("orders", "returns", "refunds"), customer(name, orders, waiting), strict=True):
            tables[table] += rows
        tables["contacts"].append(contact(NOW, contact_id=name, customer_id=name))
    # a wholesaler: 3,000 orders in the last 50 days, of which the latest 20 are candidates, and 40 open returns
    many = [order(past(50 - n / 60), order_id=f"w{n:04d}", customer_id="wholesaler") for n in range(3000)]
    tables["orders"] += many
    tables["returns"] += [
        a_return(past(0.5, minutes=n), order_id=f"w{n:04d}", return_id=f"wr{n:02d}") for n in range(40)
    ]
    named = {"customer_id": "single order"}
    tables["contacts"] += [
        contact(NOW, contact_id="wholesaler", customer_id="wholesaler"),
        # a return, then an order, count before what is known of the customer
        contact(NOW, contact_id="names return", return_id="open return r0", order_id="d1", **named),
        contact(NOW, contact_id="names order", order_id="a2", **named),
        contact(NOW, contact_id="names an order that never arrives", order_id="gone", **named),
        contact(NOW, contact_id="names a return that never arrives", return_id="gone", **named),
        contact(NOW, contact_id="outbound", direction="outbound", **named),
    ]
    root = tmp_path_factory.mktemp("attribution")
    return numbers(root / "landing", root / "out", AS_OF, tables)


def rows(out: Path, name: str) -> list[dict[str, Any]]:
    return drafted(out, f"from facts.attributions where contact_id = '{name}' order by order_id")


@pytest.mark.parametrize("name", WORLDS)
def test_what_a_contact_without_ids_is_about(out: Path, name: str) -> None:
    _, _, tier, named = WORLDS[name]
    candidates: dict[str | None, str | None] = dict(named.items())
    found = rows(out, name)
    assert {row["attribution_tier"] for row in found} == {tier}
    assert {row["order_id"]: row["return_id"] for row in found} == (candidates or {None: None})
    assert {row["candidates"] for row in found} == {len(candidates)}
    assert [row["weight"] for row in found] == [pytest.approx(1 / max(1, len(candidates)))] * len(found)


@pytest.mark.parametrize(
    ("name", "tier", "order_id", "return_id"),
    [
        ("names return", 1, "a1", "open return r0"),
        ("names order", 2, "a2", None),
        ("names an order that never arrives", 2, "gone", None),
        ("names a return that never arrives", 4, "d1", None),
    ],
)
def test_what_a_contact_names_goes_first(out: Path, name: str, tier: int, order_id: str, return_id: str | None) -> None:
    (found,) = rows(out, name)
    assert (found["attribution_tier"], found["order_id"], found["return_id"]) == (tier, order_id, return_id)
    assert (found["candidates"], found["weight"]) == (1, 1)


def test_contacts_are_conserved(out: Path) -> None:
    """Every inbound contact has rows, and its weights add up to 1: the tiers add up to all contacts."""
    (found,) = drafted(
        out, "select sum(weight) as weight, count(distinct contact_id) as contacts from facts.attributions"
    )
    (inbound,) = drafted(out, "select count(*) as n from facts.contacts where is_inbound")
    assert (found["weight"], found["contacts"]) == (pytest.approx(inbound["n"]), inbound["n"])
    assert rows(out, "outbound") == []


def test_a_wholesaler_does_not_blow_up(out: Path) -> None:
    """At most 20 of its orders and 20 of its open returns are candidates, the latest ones."""
    found = {row["order_id"] for row in rows(out, "wholesaler")}
    assert found == {f"w{n:04d}" for n in range(2980, 3000)} | {f"w{n:04d}" for n in range(20, 40)}


def test_the_contact_rates_with_more_tiers_and_their_bounds(out: Path) -> None:
    """Tiers 1-2 are the value and the lower bound; 1-4 add what one order alone can be meant by; 1-5 every candidate."""
    sql = "select sum(numerator) as low, sum(numerator_tiers_1_4) as middle, sum(numerator_tiers_1_5) as high"
    (found,) = drafted(out, f"{sql} from kpis.order_contact_rate_30d where order_id not like 'w%'")
    # named: a2 (a1 is older than 30 days, gone never arrives); b1, c1, d1 are older too; j1 is of tier 4; g1, h2, h3, i1, i2 are candidates
    assert (found["low"], found["middle"], found["high"]) == (1, 2, 7)
    (found,) = drafted(out, f"{sql} from kpis.return_contact_rate where subject_id not like 'wr%'")
    # named: r0 of "open return"; tier 3: "paid since", "paid before" (until 7 days after); tier 4: both of j1; tier 5: h1, h2, both of i1
    assert (found["low"], found["middle"], found["high"]) == (1, 5, 9)


def test_the_bounds_are_published(out: Path) -> None:
    for kpi in ("order_contact_rate_30d", "return_contact_rate"):
        week = drafted(out, f"select max(week) as week from marts.kpi_weekly where kpi = '{kpi}'")[0]["week"]
        low, value, middle, high = (
            cell(out, kpi, week=week, statistic=name)["value"]
            for name in ("bound_low", "value", "value_tiers_1_4", "bound_high")
        )
        assert low == value <= middle <= high
        assert high > low
