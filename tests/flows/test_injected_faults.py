"""Faults in the data of a night, one at a time, through its own counting and its own gate: what is withheld for each.

What a failed check withholds is tested without data in test_withheld.py; here it is the data that make checks fail.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flows.night import Night
from flows.settings import load
from tests.acceptance.nights import marketplace, moment
from tests.flows.test_withheld import (
    ATTRIBUTED,
    BY_ORDER,
    CONTACTS,
    DURATIONS,
    EVERY_SURVEY,
    OF_ORDERS,
    OF_RETURNS,
    STAGES,
    SURVEYS,
    by,
    slices_expected,
    slices_withheld,
)
from transforms.codes import as_texts
from transforms.models import derived_facts, models, sources
from transforms.warehouse import Warehouse

OF_REFUNDS = {*OF_RETURNS} - {"rejection_rate"}
FIRST = {
    "orders": "(select min(order_id) from facts.orders where order_id not in (select order_id from facts.contact_candidates))",
    "returns": "(select min(return_id) from facts.returns where resolution = 'refund')",
    "refunds": "(select min(refund_id) from facts.refunds where completes_return)",
    "contacts": "(select min(contact_id) from facts.contacts where is_inbound and order_id is not null)",
    "surveys": "(select min(response_id) from facts.surveys where is_answered and survey_type = 'nps')",
}
KEYS = {source.id: source.key for source in sources()}


def change(fact: str, assignment: str) -> tuple[str, str]:
    return fact, f"update facts.{fact} set {assignment} where {KEYS[fact]} = {FIRST[fact]}"


def again(fact: str) -> tuple[str, str]:
    return fact, f"insert into facts.{fact} from facts.{fact} where {KEYS[fact]} = {FIRST[fact]}"


def lost(fact: str) -> tuple[str, str]:
    return fact, f"delete from facts.{fact} where {KEYS[fact]} = {FIRST[fact]}"


FAULTS: dict[str, tuple[tuple[str, str], set[str]]] = {
    "an order without market": (change("orders", "market = null"), by("market", *BY_ORDER)),
    "an order without category": (change("orders", "category = null"), by("category", *BY_ORDER)),
    "an order without seller tier": (change("orders", "seller_tier = null"), by("seller_tier", *BY_ORDER)),
    "an order without fulfilment": (change("orders", "fulfilment = null"), {*by("fulfilment", *BY_ORDER), "refund_stage_time by clock_owner"}),
    "an order without time": (change("orders", "ordered_at = null"), set(OF_ORDERS)),
    "an order without day": (change("orders", "ordered_on = null"), set(OF_ORDERS)),
    "an order of the future": (change("orders", "ordered_at = timestamp '2027-01-01'"), set(OF_ORDERS)),
    "an order twice": (again("orders"), set(OF_ORDERS)),
    "an order lost": (lost("orders"), set(OF_ORDERS)),
    "an order of less than nothing": (change("orders", "order_value = -1"), set()),
    "a delivery before its order": (("orders", "update facts.orders set delivered_at = ordered_at - interval 1 day"), set()),
    "a return without reason": (change("returns", "reason_code = null"), by("reason_code", *OF_RETURNS, *EVERY_SURVEY)),
    "a return without carrier": (change("returns", "carrier = null"), by("carrier", *OF_RETURNS, *EVERY_SURVEY)),
    "a return without market": (change("returns", "market = null"), by("market", *BY_ORDER)),
    "a return without time": (change("returns", "requested_at = null"), {*OF_RETURNS, "return_rate"}),
    "a return without day": (change("returns", "requested_on = null"), {*OF_RETURNS, "return_rate"}),
    "a return of the future": (change("returns", "requested_at = timestamp '2027-01-01'"), {*OF_RETURNS, "return_rate"}),
    "a return received before it was sent": (change("returns", "received_at = requested_at - interval 9 day"), {*OF_RETURNS, "return_rate"}),
    "a return twice": (again("returns"), {*OF_RETURNS, "return_rate"}),
    "a return lost": (lost("returns"), {*OF_RETURNS, "return_rate"}),
    "a refund without amount": (change("refunds", "amount = null"), OF_REFUNDS),
    "a refund of a cent more": (change("refunds", "amount = amount + 0.01"), OF_REFUNDS),
    "a refund twice": (again("refunds"), OF_REFUNDS),
    "a refund lost": (lost("refunds"), OF_REFUNDS),
    "a refund without method": (change("refunds", "method = null"), set()),
    "a refund of nothing": (("refunds", "update facts.refunds set amount = 0 where refund_id = (select min(refund_id) from facts.refunds where not completes_return)"), OF_REFUNDS),
    "a contact without channel": (change("contacts", "channel = null"), by("channel", "contacts_per_1k_orders", "repeat_contact_rate_7d")),
    "a contact without reason": (change("contacts", "contact_reason = null"), {"contacts_per_1k_orders by contact_reason", "repeat_contact_rate_7d"}),
    "a contact without direction": (change("contacts", "direction = null"), set(CONTACTS)),
    "a contact without time": (change("contacts", "created_at = null"), set(CONTACTS)),
    "a contact of the future": (change("contacts", "created_at = timestamp '2027-01-01'"), set(CONTACTS)),
    "a contact twice": (again("contacts"), set(CONTACTS)),
    "a contact lost": (lost("contacts"), set(CONTACTS)),
    "contacts resolved before they were made": (("contacts", "update facts.contacts set resolved_at = created_at - interval 1 hour"), set()),
    "an answer outside its scale": (change("surveys", "score = 11"), set(EVERY_SURVEY)),
    "an answer of another scale": (change("surveys", "scale = '1-7'"), set(EVERY_SURVEY)),
    "an answer without score": (change("surveys", "score = null"), set(EVERY_SURVEY)),
    "an answer of no survey type": (change("surveys", "survey_type = null"), {*SURVEYS, *by("survey_type", "survey_response_rate")}),
    "an answer without touchpoint": (change("surveys", "touchpoint = null"), by("touchpoint", *EVERY_SURVEY)),
    "an answer without carrier": (change("surveys", "carrier = null"), by("carrier", *OF_RETURNS, *EVERY_SURVEY)),
    "an answer twice": (again("surveys"), set(EVERY_SURVEY)),
    "a contact counted half": (("attributions", "update facts.attributions set weight = weight / 2 where contact_id = (select min(contact_id) from facts.attributions)"), set(ATTRIBUTED)),
    "a contact of a seventh tier": (("attributions", "update facts.attributions set attribution_tier = 7 where contact_id = (select min(contact_id) from facts.attributions)"), set(ATTRIBUTED)),
    "a contact of a candidate too many": (("attributions", "update facts.attributions set candidates = candidates + 1 where contact_id = (select min(contact_id) from facts.attributions)"), set(ATTRIBUTED)),
    "a contact of no weight": (("attributions", "update facts.attributions set weight = null where contact_id = (select max(contact_id) from facts.attributions)"), set(ATTRIBUTED)),
    "a refund credited before it was issued": (change("refunds", "credited_at = issued_at - interval 2 day"), set()),
    "a case of no outcome": (("refund_cases", "update facts.refund_cases set outcome = 'lost' where return_id = (select min(return_id) from facts.refund_cases)"), set(DURATIONS)),
    "a stage lost": (("refund_stages", "delete from facts.refund_stages where stage = 'transit'"), set(STAGES)),
    "a late refund of no age": (("open_refunds", "update facts.open_refunds set overdue = null where is_late"), {"late_refund_open"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """A night with clean facts, which are kept in schema `clean`."""
    root = tmp_path_factory.mktemp("injected")
    world = marketplace(root / "world", orders=400, weeks=6, files="one")
    settings = load(landing=world, out=root / "out", hash_key="of the tests")
    with Night(settings, moment("2026-02-20")) as opened:
        found = opened.discover()
        for source in sources():
            opened.ingest(source, found[source.id])
        opened.build_facts()
        opened.warehouse.run("create schema clean")
        for model in models("facts"):
            if opened.warehouse.exists("facts", model.name):
                # As texts, which a fault can make anything of.
                shown = as_texts(opened.warehouse, model.table)
                opened.warehouse.run(f"create table clean.{model.name} as select {shown} from {model.table}")
        yield opened


def put_back(warehouse: Warehouse) -> None:
    for (name,) in warehouse.rows("select table_name from information_schema.tables where table_schema = 'clean'"):
        warehouse.run(f"create or replace table facts.{name} as from clean.{name}")


def derive(warehouse: Warehouse, fact: str) -> None:
    """Make the facts that are made of facts again, as they are made of a faulty one."""
    for model in models("facts"):
        if model.name in derived_facts() and fact not in derived_facts() and warehouse.exists("clean", model.name):
            warehouse.run(f"create or replace table {model.table} as {model.select}")


def through_the_gate(night: Night) -> set[tuple[str, str]]:
    """The rest of the night; which slices of the drafted marts are withheld."""
    night.withheld = {}
    night.count()
    night.estimate()
    night.rows.result()
    night.audit()
    return slices_withheld(night) if night.withheld else set()


@pytest.mark.slow
def test_clean_data_withhold_nothing(night: Night) -> None:
    assert through_the_gate(night) == set()


@pytest.mark.slow
def test_injected_faults(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(FAULTS) >= 30
    lines, wrong = [], []
    for name, ((fact, statement), expected) in FAULTS.items():
        put_back(night.warehouse)
        night.warehouse.run(statement)
        derive(night.warehouse, fact)
        found = through_the_gate(night)
        there = set(night.warehouse.rows("select distinct kpi, dimension from marts.kpi_weekly"))
        is_right = set(night.withheld) == expected and found == slices_expected(expected) & there
        failed = {f"{c.table_name}.{c.expectation}" for c in night.checks if not c.success and c.severity != "warn"}
        lines.append(
            f"  {'ok   ' if is_right else 'WRONG'} {name}: {', '.join(sorted(night.withheld)) or 'nothing'} ({len(failed)} checks)"
        )
        if not is_right:
            lines.append(
                f"        more {sorted(set(night.withheld) - expected)}, less {sorted(expected - set(night.withheld))}, by {sorted(failed)}"
            )
            wrong.append(name)
        with capsys.disabled():
            print(*lines, sep="\n", flush=True)
        lines.clear()
    assert not wrong
