"""`explain`: what is said of a number is what is published, and its parts and rows add up to it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.acceptance.conftest import World
from tests.acceptance.test_cli import kpis as command
from transforms import explain
from transforms.models import kpis
from transforms.warehouse import Warehouse


def asked(world: World, kpi: str, week: str | None = None, *where: str) -> tuple[explain.Cell, Warehouse]:
    marts = Warehouse((world.out / "marts.duckdb").resolve(), read_only=True)
    return explain.find_cell(marts, kpi, week, where), marts


def newest(world: World, kpi: str, where: tuple[str, ...], before: str) -> str:
    """The newest week before a day in which the cell counts something."""
    dimension, _, value = (where or ("all=all",))[0].partition("=")
    (row,) = world.ask(
        f"select strftime(max(week), '%G-W%V') as week from marts.kpi_weekly where kpi = '{kpi}' and n > 0 "
        f"and dimension = '{dimension}' and dimension_value = '{value}' and week < date '{before}'"
    )
    return str(row["week"])


PUBLISHED = [k.id for k in kpis() if not k.only_with]


@pytest.mark.parametrize("kpi", PUBLISHED)
@pytest.mark.parametrize("where", [(), ("market=US",)], ids=["all", "market"])
@pytest.mark.parametrize("before", ["2026-07-01", "2026-04-01"], ids=["marts", "warehouse"])
def test_parts_and_rows_add_up_to_the_value(clean: World, kpi: str, where: tuple[str, ...], before: str) -> None:
    """Of every dimension, and of the rows in the marts or, of older weeks, in the warehouse."""
    (k,) = (k for k in kpis() if k.id == kpi)
    is_of_stages = k.is_duration and bool(k.within)  # cut by that dimension only
    if is_of_stages and where:
        where = (f"{k.within}=inspect",)
    cell, marts = asked(clean, kpi, newest(clean, kpi, where, before), *where)
    with marts:
        (first, *_) = explain.statistics(marts, cell)
        parts = explain.parts(marts, cell)
        columns, rows, source = explain.list_rows(marts, cell, clean.out / "warehouse.duckdb")
        if before == "2026-07-01":
            assert len(marts.rows(explain.rows_sql(cell))) == len(rows)
    assert (source == "kpi_rows") == (before == "2026-07-01")
    assert {p["dimension"] for p in parts} <= set(cell.kpi.all_dimensions) - dict(cell.where).keys()
    # A KPI that is read within one dimension is paired with that one only.
    assert len({p["dimension"] for p in parts}) >= (1 if cell.kpi.within and (where or is_of_stages) else 3)
    for dimension in {p["dimension"] for p in parts}:
        mine = [p for p in parts if p["dimension"] == dimension]
        if cell.kpi.is_duration:
            assert all(p["contribution"] is None for p in mine)
            assert sum(p["share_of_n"] for p in mine) == pytest.approx(1)
        else:
            assert sum(p["contribution"] or 0 for p in mine) == pytest.approx(first["value"])
    measure = columns.index("outcome" if cell.kpi.is_duration else "numerator")
    counted = sum(r[measure] == "credited" if cell.kpi.is_duration else r[measure] for r in rows)
    assert counted == first["numerator"]


def test_a_pair_is_found_in_either_order(clean: World) -> None:
    one, marts = asked(clean, "return_rate", "2026-W10", "category=fashion", "market=US")
    with marts:
        assert (one.dimension, one.dimension_value) == ("market × category", "US × fashion")
        assert explain.parts(marts, one) == []
        assert one == explain.find_cell(marts, "return_rate", "2026-W10", ["market=US", "category=fashion"])


def test_it_is_printed_plainly(clean: World) -> None:
    done = command("explain", "refund_cycle_time", "--out", clean.out, "--week", "2026-W15", "--where", "market=US")
    assert done.returncode == 0, done.stderr
    (row,) = clean.ask(
        "select * from marts.kpi_weekly where kpi = 'refund_cycle_time' and dimension_value = 'US' "
        "and dimension = 'market' and statistic = 'p50' and week = date '2026-04-06'"
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("p50 "))
    assert f" {row['value']:,.0f} h " in line
    assert f" {row['n']:,} " in line
    assert row["status"] in line
    for said in (
        "Aalen-Johansen",
        "requested_at",
        "refunds.credited_at",
        "'market' = 'US'".replace("'market'", '"market"'),
    ):
        assert said in done.stdout
    assert "\x1b[" not in done.stdout


def test_a_count_has_no_denominator_to_print(clean: World) -> None:
    done = command("explain", "late_refund_open", "--out", clean.out, "--week", "2026-W26", "--where", "market=US")
    assert done.returncode == 0, done.stderr
    assert any(line.startswith("numerator ") and "denominator" not in line for line in done.stdout.splitlines())


def test_rows_are_listed_as_text(clean: World) -> None:
    done = command("explain", "nps", "--out", clean.out, "--week", "2026-W26", "--where", "market=US", "--rows")
    assert done.returncode == 0, done.stderr
    listed = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    (row,) = clean.ask(
        "select * from marts.kpi_weekly where kpi = 'nps' and dimension = 'market' and dimension_value = 'US' "
        "and statistic = 'value' and week = date '2026-06-22'"
    )
    assert listed[0][:2] == ["observed_on", "subject_id"]
    assert len(listed) - 1 == row["n"]
    assert sum(int(line[listed[0].index("numerator")]) for line in listed[1:]) == row["numerator"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("npz",), "refund_cycle_time"),
        (("nps", "--week", "2026-47"), "2026-W47"),
        (("nps", "--week", "2031-W02"), "2026-W02"),
        (("nps", "--where", "colour=red"), "touchpoint"),
        (("nps", "--where", "market"), "DIMENSION=VALUE"),
        (("nps", "--where", "market=XX"), "VN"),
        (("nps", "--where", "market=XX' or 1=1 --"), "VN"),
        (("nps", "--where", "market=VN", "--where", "category=toys", "--where", "carrier=jnt"), "one or two"),
    ],
    ids=["kpi", "week", "week not there", "dimension", "condition", "value", "quote", "three"],
)
def test_what_is_not_published_is_wrong_usage(clean: World, arguments: tuple[str, ...], said: str) -> None:
    done = command("explain", *arguments, "--out", clean.out)
    assert done.returncode == 64, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_older_rows_without_the_warehouse_say_so(clean: World, tmp_path: Path) -> None:
    shutil.copytree(clean.out / "current", tmp_path / "current")
    shutil.copy(clean.out / "marts.duckdb", tmp_path / "marts.duckdb")
    done = command("explain", "nps", "--out", tmp_path, "--week", "2026-W08", "--rows")
    assert done.returncode == 64
    assert "warehouse.duckdb" in done.stderr


def test_the_catalogue_is_complete(clean: World) -> None:
    rows = clean.ask("select * from marts.kpi_catalogue")
    assert {r["kpi"] for r in rows} == set(PUBLISHED)
    for row in rows:
        needed = (
            "meaning",
            "formula",
            "anchor",
            "window_days",
            "maturity",
            "interval_method",
            "definition",
            "definition_version",
        )
        assert all(row[name] not in (None, "") for name in needed), row["kpi"]
        assert row["source_columns"]
        assert row["changes"]
        assert len(row["statistic_window_days"]) == len(row["statistics"])
