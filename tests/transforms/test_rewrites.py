"""Rows of a mart are taken out and put in where they differ; a mart with a name that there is no more is left as it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from transforms.rewrites import Rewrite, rewrite
from transforms.warehouse import Warehouse

CHANGE = Rewrite(
    ("kpi", "name"),
    "select * from (values ('nps', 'VN'), ('nps', 'TH'), ('nps', 'SG')) as told (kpi, name)",
    "kpi = 'gone'",
    "from tonight",
    ("name",),
)


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    """Last night's mart: two rows that are looked at, one that is not, one that is gone. Tonight TH has moved, SG is new."""
    with Warehouse(":memory:", memory="1GB", threads=1) as opened:
        opened.run("create type label as enum ('TH', 'US', 'VN')")
        opened.run("create table mart (kpi varchar, name label, value integer, as_of timestamp)")
        opened.run(
            "insert into mart values ('nps', 'VN', 1, '2026-06-01'), ('nps', 'TH', 2, '2026-06-01'), "
            "('nps', 'US', 3, '2026-06-01'), ('gone', 'VN', 4, '2026-06-01')"
        )
        opened.run("create or replace type label as enum ('SG', 'TH', 'US', 'VN')")
        opened.run(
            "create table tonight as select kpi, cast(name as label) as name, value, timestamp '2026-06-02' as as_of "
            "from (values ('nps', 'VN', 1), ('nps', 'TH', 5), ('nps', 'SG', 6)) as told (kpi, name, value)"
        )
        yield opened


def test_what_differs_is_written_and_what_is_alike_stays(warehouse: Warehouse) -> None:
    assert rewrite(warehouse, "mart", CHANGE)
    june = [datetime(2026, 6, day) for day in (1, 2)]
    assert warehouse.rows("select kpi, name::varchar, value, as_of from mart order by value") == [
        ("nps", "VN", 1, june[0]),
        ("nps", "US", 3, june[0]),
        ("nps", "TH", 5, june[1]),
        ("nps", "SG", 6, june[1]),
    ]


def test_a_row_that_comes_no_more_is_taken_out(warehouse: Warehouse) -> None:
    warehouse.run("delete from tonight where name = 'VN'")
    assert rewrite(warehouse, "mart", CHANGE)
    assert warehouse.rows("select name::varchar from mart order by 1") == [("SG",), ("TH",), ("US",)]


def test_a_name_that_there_is_no_more_leaves_the_mart_to_be_written_whole(warehouse: Warehouse) -> None:
    warehouse.run("create or replace type label as enum ('SG', 'TH', 'VN')")
    before = warehouse.rows("from mart order by value")
    assert not rewrite(warehouse, "mart", CHANGE)
    assert warehouse.rows("from mart order by value") == before
