"""Facts and sums that are told of touched records alone equal those that are made whole, whatever names whatever."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.settings import load
from transforms import build, cells, changes, codes, ledger, sums, touched
from transforms.landing import ingest
from transforms.models import Source, models, sources
from transforms.office import Office, set_office_calendar, weekdays
from transforms.release import kpis_made, models_made
from transforms.warehouse import Warehouse

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
FAMILIES = 30  # of records that name one another; now and then one names another family's


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many records are touched, they are told by themselves."""
    monkeypatch.setattr(touched, "MOST", 1000)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "warehouse.duckdb", memory="2GB", threads=1) as warehouse:
        ingest.create_tables(warehouse)
        ledger.create_tables(warehouse)
        touched.create_tables(warehouse)
        yield warehouse


def begin(warehouse: Warehouse, as_of: datetime, number: int) -> None:
    """What a night sets before it looks at records: a market has its own zone and agreed time, offices and targets."""
    settings = load()
    build.set_clock(warehouse, as_of, "Asia/Singapore", {"US": "America/New_York", "NZ": "Pacific/Auckland"})
    build.set_run(warehouse, f"night {number}", "key")
    build.set_contract(warehouse)
    build.set_sla(warehouse, [("US", 5, MONDAY.date()), (None, 9, (MONDAY - timedelta(days=20)).date())])
    build.set_stage_targets(warehouse, [("approve", 12, MONDAY.date()), ("credit", 30, MONDAY.date())])
    build.set_kpis(warehouse, settings.target_terms, ["stage_targets", "office_hours"])


def make_facts(warehouse: Warehouse) -> str:
    """Facts of a night. Returns the run whose facts stood; '' for none."""
    codes.make_codes(warehouse)
    set_office_calendar(warehouse, [Office("platform", weekdays("mon-fri"), *_nine_to_five())])
    stood = touched.update_facts(warehouse)
    if not stood:
        build.build_layer(warehouse, "facts")
    return stood.run_id if stood else ""


def make(warehouse: Warehouse) -> str:
    """Facts, sums and estimates of a night. Returns the run whose facts stood; '' for none."""
    stood = make_facts(warehouse)
    build.build_layer(warehouse, "kpis", "view")
    if stood:
        sums.tell_touched(warehouse, kpis_made(warehouse))
    is_anew = cells.count_cells(warehouse, bool(stood))
    changes.update_estimates(warehouse, is_anew)
    return stood


def _nine_to_five() -> tuple[Any, Any]:
    return datetime(2026, 1, 1, 9).time(), datetime(2026, 1, 1, 17).time()


def content(warehouse: Warehouse) -> dict[str, list[Any]]:
    """All facts, sums and what estimates are made of, in an order of their own."""
    tables = [f"facts.{model.name}" for model in models_made(warehouse, "facts")]
    tables += [f"sums.{k.id}" for k in kpis_made(warehouse)] + ["sums.fingerprints", "sums.repeats", "sums.labels"]
    return {table: warehouse.rows(f"from {table} order by all") for table in tables}


class Feed:
    """Records that change at random, at moments of the weeks around."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def moment(self, near: datetime, days: float = 30) -> datetime | None:
        chance = self.chance
        return None if chance.random() < 0.15 else near + timedelta(hours=round(chance.uniform(-24 * days, 24 * 2), 2))

    def value(self, source: Source, name: str, kind: str, near: datetime, family: int) -> Any:
        chance = self.chance
        if name == source.key or name == "customer_id" or name.endswith("_id"):
            if name != source.key and chance.random() < 0.3:
                return None
            of = chance.randrange(FAMILIES) if chance.random() < 0.1 else family
            return f"{name} {of}.{chance.randrange(2) if name != 'customer_id' else 0}"
        if kind == "timestamp":
            return self.moment(near)
        return chance.choice(
            {
                "market": ["US", "NZ", "VN", None], "category": ["shoes", "books"], "seller_tier": ["managed", "new"],
                "fulfilment": ["platform", "seller"], "resolution": ["refund", "refund", "returnless_refund", "exchange"],
                "survey_type": ["nps", "csat", "ces"], "touchpoint": ["post_delivery", "post_return"],
                "direction": ["inbound", "inbound", "outbound"], "reason_code": ["damaged", "payment"],
                "channel": ["chat", "email"], "scale_min": [0], "scale_max": [10], "score": [None, 3, 8, 10],
                "approved_amount": [None, 0, 50, 100], "amount": [50, 100], "comment": [None], "language": [None],
                "carrier": ["jnt", None], "method": ["card"], "currency": ["USD"], "order_value": [10], "item_count": [1],
            }[name]
        )  # fmt: skip

    def deliver(self, warehouse: Warehouse, near: datetime, rows: int) -> None:
        """Some records of each source, new or in the place of those with their key; now and then one is taken back."""
        for source in sources():
            found: dict[str, dict[str, Any] | None] = {}
            for _ in range(self.chance.randint(0, rows)):
                family = self.chance.randrange(FAMILIES)
                row = {c.name: self.value(source, c.name, c.type, near, family) for c in source.columns}
                required = {c.name for c in source.columns if c.required and c.type == "timestamp"}
                row |= {name: row[name] or near for name in required}
                # Now and then it is gone, as with the last row of a file that was cut.
                found[row[source.key]] = None if self.chance.random() < 0.1 else row
            keys = f"select unnest({list(found)}::varchar[])"
            touched.note_arrivals(warehouse, source, keys)
            warehouse.run(f"delete from records.{source.id} where {source.key} in ({keys})")
            if kept := [row for row in found.values() if row]:
                one = f"({', '.join('?' * len(kept[0]))}, 'f')"
                warehouse.run(
                    f"insert into records.{source.id} ({', '.join(kept[0])}, _file) values {', '.join([one] * len(kept))}",
                    [value for row in kept for value in row.values()],
                )
            touched.note_arrivals(warehouse, source, keys)


@pytest.mark.parametrize(
    ("seed", "nights"), [(1, 4), *(pytest.param(seed, 8, marks=pytest.mark.slow) for seed in range(2, 22))]
)
def test_touched_records_by_themselves_equal_the_whole(seed: int, nights: int, warehouse: Warehouse) -> None:
    """Orders change hands, contacts name another's return, events come before and after the night: no row is forgotten."""
    chance = random.Random(seed)
    feed, as_of = Feed(chance), MONDAY + timedelta(days=14)
    feed.deliver(warehouse, as_of, 60)
    stood = []
    for number in range(nights):
        begin(warehouse, as_of, number)
        stood.append(make(warehouse))
        told = content(warehouse)
        touched.forget_facts(warehouse)
        assert make(warehouse) == ""
        assert told == content(warehouse), f"night {number}"
        touched.note_facts(warehouse)
        feed.deliver(warehouse, as_of, chance.choice([0, 1, 3]))
        as_of += timedelta(hours=chance.choice([0, 5, 24, 24, 24 * 8]))
    # A code that was not there before makes them all anew.
    assert sum(map(bool, stood)) >= nights - 3, stood


def test_only_what_hangs_together_is_told(warehouse: Warehouse) -> None:
    """Twenty customers of two orders each; one of them writes: her two orders are told, and nobody else's."""
    at = MONDAY + timedelta(days=1)
    for number in range(40):
        warehouse.run(
            "insert into records.orders (order_id, customer_id, market, ordered_at, delivered_at, updated_at, _file) "
            "values (?, ?, 'US', ?, ?, ?, 'f')",
            [f"o{number}", f"c{number // 2}", at, at, at],
        )
    begin(warehouse, MONDAY + timedelta(days=3), 1)
    make(warehouse)
    touched.note_facts(warehouse)
    key = "select 'k1'"
    warehouse.run(
        "insert into records.contacts (contact_id, customer_id, direction, created_at, updated_at, _file) "
        "values ('k1', 'c7', 'inbound', ?, ?, 'f')",
        [at, at],
    )
    (contacts,) = (source for source in sources() if source.id == "contacts")
    touched.note_arrivals(warehouse, contacts, key)
    begin(warehouse, MONDAY + timedelta(days=4), 2)
    assert make(warehouse) == "night 1"
    assert warehouse.rows("select order_id from after.orders order by 1") == [("o14",), ("o15",)]
    assert warehouse.rows("select order_id, candidates from facts.attributions order by 1") == [("o14", 2), ("o15", 2)]


@pytest.mark.parametrize(
    ("what", "stands"),
    [
        ("nothing", True),
        ("an earlier moment", False),
        ("another zone", False),
        ("a new code", False),
        ("a crash", False),
    ],
)
def test_facts_stand_only_while_all_else_does(warehouse: Warehouse, what: str, stands: bool) -> None:
    as_of = MONDAY + timedelta(days=14)
    Feed(random.Random(5)).deliver(warehouse, as_of, 40)
    begin(warehouse, as_of, 1)
    make_facts(warehouse)
    touched.note_facts(warehouse)
    begin(warehouse, as_of - timedelta(days=1) if what == "an earlier moment" else as_of, 2)
    if what == "another zone":
        build.set_clock(warehouse, as_of, "Asia/Tokyo")
    if what == "a new code":
        warehouse.run(
            "update records.orders set category = 'hats' where order_id = (select min(order_id) from records.orders)"
        )
    if what == "a crash":
        codes.make_codes(warehouse)
        set_office_calendar(warehouse, [Office("platform", weekdays("mon-fri"), *_nine_to_five())])
        assert touched.update_facts(warehouse)  # and no further
    assert bool(make_facts(warehouse)) is stands


def test_most_records_touched_is_all_of_them(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(touched, "MOST", 0.25)
    as_of, feed = MONDAY + timedelta(days=14), Feed(random.Random(6))
    feed.deliver(warehouse, as_of, 40)
    begin(warehouse, as_of, 1)
    make_facts(warehouse)
    touched.note_facts(warehouse)
    feed.deliver(warehouse, as_of, 40)
    begin(warehouse, as_of, 2)
    assert make_facts(warehouse) == ""
    assert not warehouse.value("select exists (from ledger.facts_made)")


def test_every_fact_is_one_that_records_tell() -> None:
    """What the facts are made of beside records is part of what they are made with: settings, and the calendar of them."""
    read = {table for model in models("facts") for table in model.reads if table.startswith("run.")}
    assert read <= {"run.clock", "run.zones", "run.sla", "run.stage_targets", "run.office_hours", "run.office_calendar"}
