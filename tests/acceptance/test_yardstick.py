"""The yardstick adds up what the product publishes: every KPI, every cell of days, weeks and months."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import AS_OF, World
from tests.acceptance.nights import REPOSITORY
from transforms.models import kpi, kpis
from transforms.warehouse import Warehouse

MARTS = {"day": "kpi_daily", "week": "kpi_weekly", "month": "kpi_monthly"}
# KPI (and statistic): the yardstick's table, its numerator and its denominator.
RATIOS = {
    "ces": ("answers", "ces", "ces_answers"),
    "contacts_per_1k_orders": ("contacts_per_order", "numerator", "denominator"),
    "contacts_per_return_day": ("stage_contacts", "contacts", "seconds"),
    "csat": ("answers", "csat", "csat_answers"),
    "late_refund_open": ("late_of_open", "numerator", "denominator"),
    "nps": ("answers", "nps", "nps_answers"),
    "nps_per_customer": ("answers", "last_nps", "last_nps_answers"),
    "order_contact_rate_30d": ("orders", "contacted", "orders"),
    "order_contact_rate_30d value_tiers_1_4": ("orders", "contacted_tiers_1_4", "orders"),
    "order_contact_rate_30d bound_high": ("orders", "contacted_tiers_1_5", "orders"),
    "refund_sla_rate": ("returns", "in_time", "due"),
    "rejection_rate": ("returns", "rejected", "decided"),
    "repeat_contact_rate_7d": ("contacts", "repeated", "followed"),
    "resolution_mix": ("resolution_mix", "numerator", "denominator"),
    "return_contact_rate": ("returns", "contacted", "returns"),
    "return_contact_rate value_tiers_1_4": ("returns", "contacted_tiers_1_4", "returns"),
    "return_contact_rate bound_high": ("returns", "contacted_tiers_1_5", "returns"),
    "return_rate": ("orders", "returned", "delivered"),
    "survey_response_rate": ("invitations", "answered", "invitations"),
}
DURATIONS = {"refund_cycle_time": "refund_hours", "refund_stage_time": "stage_hours"}
# Made from the KPIs' own sums, or from the same numerators: nothing more to add up.
DERIVED = {"bound_low", "nowcast", "poststratified", "n_eff"}


@pytest.fixture(scope="module")
def both(clean: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """The yardstick's database on the clean world, with the published marts and the working sums beside it."""
    database = tmp_path_factory.mktemp("yardstick") / "bare.duckdb"
    script = str(REPOSITORY / "benchmarks" / "bare.py")
    command = [sys.executable, script, str(clean.folder), "--as-of", AS_OF, "--keep", str(database)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout)["orders"] == 6000
    with Warehouse(database, read_only=True) as warehouse:
        _attach(warehouse, clean.out / "marts.duckdb", "marts")
        _attach(warehouse, clean.out / "warehouse.duckdb", "working")
        yield warehouse


def _attach(warehouse: Warehouse, path: Path, name: str) -> None:
    warehouse.run(f"attach '{path.resolve()}' as {name} (read_only)")


def test_no_published_sum_is_left_out() -> None:
    told = {
        f"{k.id} {s}".removesuffix(" value")
        for k in kpis()
        if not k.is_duration and not k.only_with
        for s in k.statistics
    }
    assert RATIOS.keys() == {name for name in told if name.split()[-1] not in DERIVED}
    assert DURATIONS.keys() == {k.id for k in kpis() if k.is_duration and not k.only_with}


@pytest.mark.parametrize("grain", MARTS)
@pytest.mark.parametrize("name", RATIOS)
def test_ratios_are_of_the_same_sums(both: Warehouse, name: str, grain: str) -> None:
    id, _, statistic = name.partition(" ")
    table, numerator, denominator = RATIOS[name]
    counted = "n" if kpi(id).kind == "count" else "cast(denominator as bigint)"
    product = (
        f"select {grain}, dimension, dimension_value, cast(numerator as bigint), {counted} from marts.{MARTS[grain]} "
        f"where kpi = '{id}' and statistic = '{statistic or 'value'}'"
    )
    bare = f"select {grain}, dimension, dimension_value, {numerator}, {denominator} from {table}_{grain}"
    # A table that several KPIs share has rows in which one of them counts nothing.
    bare += f" where ({numerator} > 0 or {denominator} > 0)"
    if statistic:
        bare += " and dimension not like '% × %'"
    if id == "csat":
        bare += f" union all select {grain}, dimension, dimension_value, csat, csat_answers from scales_{grain}"
    _same(both, product, bare)


@pytest.mark.parametrize("grain", MARTS)
@pytest.mark.parametrize("id", DURATIONS)
def test_durations_are_of_the_same_cases(both: Warehouse, id: str, grain: str) -> None:
    product = (
        f"select {grain}, dimension, dimension_value, n, cast(numerator as bigint) from marts.{MARTS[grain]} "
        f"where kpi = '{id}' and statistic = 'p50'"
    )
    bare = (
        f"select {grain}, dimension, dimension_value, cast(sum(credited + open + ended) as bigint), "
        f"cast(sum(credited) as bigint) from {DURATIONS[id]}_{grain} group by all"
    )
    _same(both, product, bare)


@pytest.mark.parametrize("id", DURATIONS)
def test_durations_are_as_long(both: Warehouse, id: str) -> None:
    """Every week, to the second, or to the hour for pairs; what is open beyond all that took an end, at one place there."""
    parts = []
    for (dimension,) in both.rows(f"select distinct dimension from {DURATIONS[id]}_week"):
        dims = [] if dimension == "all" else dimension.split(" × ")
        value = " || ' × ' || ".join(dims) or "'all'"
        waited = "waited_seconds // 3600 * 3600" if len(dims) == 2 else "waited_seconds"
        parts.append(
            f"select cast(date_trunc('week', observed_on) as date), '{dimension}', {value}, {waited}, "
            f"cast(sum(credited) as bigint), cast(sum(open) as bigint), cast(sum(ended) as bigint) "
            f"from working.sums.{id} group by all"
        )
    bare = (
        "select week, dimension, dimension_value, least(waited, beyond), cast(sum(credited) as bigint), "
        f"cast(sum(open) as bigint), cast(sum(ended) as bigint) from {DURATIONS[id]}_week "
        f"cross join (select max(waited_seconds) as beyond from working.sums.{id}) group by all"
    )
    _same(both, " union all ".join(parts), bare)


def _same(warehouse: Warehouse, product: str, bare: str) -> None:
    """Both queries have the same rows, and there are some."""
    assert warehouse.value(f"select count(*) from ({product})") > 0
    assert warehouse.rows(f"({product}) except all ({bare}) order by all limit 5") == [], "the product's alone"
    assert warehouse.rows(f"({bare}) except all ({product}) order by all limit 5") == [], "the yardstick's alone"
