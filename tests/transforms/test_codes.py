"""Texts that repeat are kept by numbers, and nobody sees it: readers get texts, and a new text changes no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from transforms import build, changes, codes
from transforms.models import Model, kpi, sources
from transforms.publish import Draft
from transforms.warehouse import Warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "warehouse.duckdb", memory="1GB", threads=1) as opened:
        for schema in ("records", "facts", "sums"):
            opened.run(f"create schema {schema}")
        for source in sources():
            opened.run(f"create table records.{source.id} ({', '.join(f'{c.name} varchar' for c in source.columns)})")
        yield opened


def hold(warehouse: Warehouse, *markets: str) -> None:
    """Orders of these markets are in the records."""
    warehouse.run("delete from records.orders")
    for market in markets:
        warehouse.run("insert into records.orders (market) values (?)", [market])
    codes.make_codes(warehouse)


def kinds(warehouse: Warehouse, table: str) -> dict[str, str]:
    return {row[0]: row[1].partition("(")[0] for row in warehouse.rows(f"describe {table}")}


def fact(select: str) -> Model:
    return Model("facts", "made", select, frozenset())


def test_a_facts_dimensions_are_codes_in_the_order_of_the_alphabet(warehouse: Warehouse) -> None:
    hold(warehouse, "US", "DE", "it's")
    codes.create_fact(
        warehouse, fact("select market, 'credited' as outcome, market || '!' as shouted from records.orders")
    )
    assert kinds(warehouse, "facts.made") == {"market": "ENUM", "outcome": "ENUM", "shouted": "VARCHAR"}
    assert warehouse.rows("select market from facts.made order by market") == [("DE",), ("US",), ("it's",)]


def test_a_dimension_that_a_fact_works_out_stays_a_text(warehouse: Warehouse) -> None:
    hold(warehouse, "US")
    codes.create_fact(warehouse, fact("select market || '-1' as market from records.orders"))
    assert kinds(warehouse, "facts.made") == {"market": "VARCHAR"}
    assert warehouse.rows("from facts.made") == [("US-1",)]


def test_texts_that_hardly_repeat_stay_texts(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "MOST", 100)
    hold(warehouse, "US", "DE", *(f"market {number}" for number in range(100)))
    codes.create_fact(warehouse, fact("select market from records.orders"))
    assert kinds(warehouse, "facts.made") == {"market": "VARCHAR"}
    assert warehouse.value("select count(distinct market) from facts.made") == 102


def test_a_new_value_touches_no_day_but_its_own(warehouse: Warehouse) -> None:
    k = kpi("return_rate")

    def night(*markets: str) -> list[int]:
        """The fingerprints of two days: of the markets that were there, and of all of them."""
        hold(warehouse, *markets)
        days = "select unnest(['US', 'DE']) as market, 1 as day union all select market, 2 from records.orders"
        warehouse.run(
            f"create or replace table sums.{k.id} as "
            f"select date '2026-01-01' + day as observed_on, cast(market as code) as market from ({days})"
        )
        changes.compare_from(warehouse)
        changes.note_days(warehouse, k)
        return [
            row[0]
            for row in warehouse.rows(
                "select fingerprint from cells.fingerprints_tonight where grain = 0 order by period"
            )
        ]

    build.set_sla(warehouse)
    build.set_kpis(warehouse, {})
    before, after = night("US", "DE"), night("AA", "US", "DE")
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_readers_get_texts(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.run("insert into records.refunds (method) values ('of nobody''s concern')")
    hold(warehouse, "US")
    mart = Model("marts", "by_market", "select cast(market as code) as market, 1 as n from records.orders", frozenset())
    monkeypatch.setattr("transforms.publish.models", lambda _layer: (mart,))
    folder = Draft(warehouse, tmp_path / "out", "20260101T000000.000000Z").publish(keep=2)
    copied = folder / "marts.duckdb"
    with Warehouse(":memory:") as reader:
        reader.run(f"attach '{copied}' as under_any_name (read_only)")
        shown = [f"under_any_name.{mart.name}", f"read_parquet('{folder}/marts/{mart.name}.parquet')"]
        for table in shown:
            assert kinds(reader, f"(from {table})" if "(" in table else table) == {"market": "VARCHAR", "n": "INTEGER"}
            assert reader.rows(f"select * from {table} where market = 'US' and market <> 'of no night'") == [("US", 1)]
        # The type lists every value it may have.
        ((kind,),) = reader.rows(f"select typeof(market) from under_any_name.stored.{mart.name}")
        assert "'US'" in kind
        assert "concern" not in kind
