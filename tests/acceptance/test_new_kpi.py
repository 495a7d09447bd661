"""A KPI is one file: written beside the others it appears in marts, catalogue, checks, weekly file and README by itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.weekly import write
from tests import test_readme
from tests.acceptance.nights import csv_text, publish, published
from tests.kpis.given import WEEK, a_return, at, order
from transforms import models

KPI = """/*
label       = "Exchanges"
question    = "How many returns are settled with other goods?"
kind        = "share"
unit        = "share"
better      = "higher"
anchor      = "requested_at"
grain       = "one row per return, on the day it was requested"
dimensions  = ["market", "carrier"]
window_days = 3
owner       = "returns-and-refunds"
changes     = ["2026-12-01  first definition: returns with the resolution exchange"]
*/

select
    requested_on as observed_on,
    market,
    carrier,
    return_id    as subject_id,
    order_id,
    cast(resolution = 'exchange' as integer) as numerator,
    1            as denominator
from facts.returns
"""


@pytest.fixture
def with_one_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The product with one file more in transforms/kpis."""
    copy = tmp_path / "transforms"
    shutil.copytree(models.ROOT, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "kpis" / "exchange_rate_of_returns.sql").write_text(KPI, encoding="utf-8")
    cached = (models.models, models.sources, models.kpis)
    monkeypatch.setattr(models, "ROOT", copy)
    for function in cached:
        function.cache_clear()
    yield copy
    monkeypatch.undo()
    for function in cached:
        function.cache_clear()


def test_one_file_is_a_kpi(with_one_more: Path, tmp_path: Path) -> None:
    asked = "2026-06-02T08:00:00Z"
    placed = order("2026-05-20T08:00:00Z", market="TH")
    returns = [
        a_return(asked, resolution=r, order_id=placed["order_id"]) for r in ("exchange", "refund", "exchange", None)
    ]
    for source, rows in {"orders": [placed], "returns": returns}.items():
        (tmp_path / "landing" / source).mkdir(parents=True)
        (tmp_path / "landing" / source / "a.csv").write_text(csv_text(rows), encoding="utf-8")
    out = tmp_path / "out"
    result = publish(tmp_path / "landing", out, at(asked, days=40))
    assert "exchange_rate_of_returns" not in result.withheld
    where = f"where kpi = 'exchange_rate_of_returns' and week = '{WEEK}' and dimension = 'market'"
    (row,) = published(out, f"select dimension_value, numerator, denominator, value from kpi_weekly {where}")
    assert (row["dimension_value"], row["numerator"], row["denominator"], row["value"]) == ("TH", 2, 4, 0.5)
    for table in ("kpi_daily", "kpi_monthly", "kpi_rows"):
        assert published(out, f"from {table} where kpi = 'exchange_rate_of_returns'")
    (entry,) = published(out, "from kpi_catalogue where kpi = 'exchange_rate_of_returns'")
    assert (entry["label"], entry["window_days"], entry["sources"]) == ("Exchanges", 3, ["returns"])
    checks = published(out, "select distinct success from checks where table_name = 'kpis.exchange_rate_of_returns'")
    assert [check["success"] for check in checks] == [True]
    write.fn(out, None, "a4", "leadership")
    (payload,) = (out / "weekly").glob("*/kpis.json")
    told = json.loads(payload.read_text(encoding="utf-8"))
    assert "exchange_rate_of_returns" in {line["kpi"] for line in told["scorecard"]}
    assert "Exchanges" in (payload.parent / "brief.html").read_text(encoding="utf-8")
    # the README's table is checked against the headers: it asks for the new row
    assert "exchange_rate_of_returns" in test_readme.kpi_table()
    with pytest.raises(AssertionError, match=r"tests\.test_readme"):
        test_readme.test_the_kpi_table_is_what_the_headers_say()
