"""Driving the product from a test: worlds to feed it, nights to run over them, and its tables as plain Python rows."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from flows.night import Night
from flows.settings import load
from transforms.models import Model, kpis, models
from transforms.warehouse import Warehouse

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = ("orders", "returns", "refunds", "contacts", "surveys")
Row = dict[str, Any]


def moment(text: str) -> datetime:
    """An ISO 8601 text as a moment; without an offset it is UTC."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def publish(landing: Path, out: Path, as_of: str, mapping: Path | None = None) -> Any:
    """A whole night: from the landing folder to published marts. Returns its result."""
    with Night(load(landing=landing, out=out, mapping=mapping), moment(as_of)) as night:
        return night.run()


def draft(landing: Path, out: Path, as_of: str, mapping: Path | None = None) -> Any:
    """The same without the expectations, which are tested elsewhere: seconds shorter. Returns its result."""
    with patch("expectations.gate.check", return_value=[]):
        return publish(landing, out, as_of, mapping)


@contextmanager
def alone(*ids: str) -> Iterator[None]:
    """Meanwhile the product has these KPIs and what they are made with, as if the files of the others were not there.

    For what is about one KPI, or about none: a night over a few rows then takes half the time. A share is always there:
    some views are made of those.
    """
    found = [k for k in kpis() if k.id in {*ids, "ces"}]
    chosen = {name for k in found for name in (k.id, k.part_of, k.weights.of if k.weights else "")}
    assert chosen.issuperset(ids), f"no such KPI: {set(ids) - chosen}"

    def chosen_models(layer: str) -> tuple[Model, ...]:
        return tuple(m for m in models(layer) if layer != "kpis" or m.name in chosen)

    made = tuple(k for k in kpis() if k.id in chosen)
    with patch("transforms.release.kpis", lambda: made), patch("transforms.release.models", chosen_models):
        yield


def load_only(landing: Path, out: Path, as_of: str = "2026-12-01", mapping: Path | None = None) -> Any:
    """Only what arrived: records, ledger and quarantine. Returns the outcome of each source."""
    from transforms.models import sources

    with alone(), Night(load(landing=landing, out=out, mapping=mapping), moment(as_of)) as night:
        found = night.discover()
        return {source.id: night.ingest(source, found[source.id]) for source in sources()}


def published(out: Path, sql: str) -> list[Row]:
    """The rows of a query on the published marts, as an analyst would ask."""
    return _rows(out / "marts.duckdb", sql)


def drafted(out: Path, sql: str) -> list[Row]:
    """The rows of a query on `marts.<table>`, as published, or on the schemas of the working database."""
    if "marts." in sql:
        return published(out, sql.replace("marts.", ""))
    return _rows(out / "warehouse.duckdb", sql)


def _rows(path: Path, sql: str) -> list[Row]:
    with Warehouse(path.resolve(), read_only=True) as warehouse:
        columns, rows = warehouse.table(sql)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def marketplace(out: Path, **options: object) -> Path:
    """A world of tests/marketplace.py; options are its flags: `orders=6000, files="per-week"`. Returns its folder."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    command = [sys.executable, str(REPOSITORY / "tests" / "marketplace.py"), str(out), *flags]
    subprocess.run(command, check=True, capture_output=True)
    return out


def truth(world: Path, name: str) -> list[dict[str, str]]:
    """The rows of a file of the world's truth, all text; empty text where nothing is known."""
    with (world / "truth" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def csv_text(rows: Sequence[Mapping[str, object]], columns: Sequence[str] | None = None, **form: Any) -> str:
    """Rows as CSV text; a missing key and None are an empty field. Columns in order of appearance unless told."""
    names = list(columns or dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n", **form)
    writer.writerow(names)
    writer.writerows(["" if row.get(name) is None else row[name] for name in names] for row in rows)
    return text.getvalue()


def deliver(landing: Path, name: str, content: str | bytes | Sequence[Mapping[str, object]]) -> Path:
    """A file of the landing folder, such as `orders/a.csv`: text, bytes, or rows to be written as CSV."""
    path = landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        text = content if isinstance(content, str) else csv_text(content)
        path.write_bytes(text.encode())
    return path


def numbers(landing: Path, out: Path, as_of: str, tables: Mapping[str, Iterable[Mapping[str, object]]]) -> Path:
    """Deliver rows per source and draft a night over them. Returns `out`, to be read with `cells` or `drafted`."""
    for source, rows in tables.items():
        deliver(landing, f"{source}/{source}.csv", list(rows))
    draft(landing, out, as_of)
    return out


def cells(out: Path, kpi: str, **where: object) -> list[Row]:
    """Rows of the drafted kpi_weekly of a KPI; dimension 'all' unless told. Ordered by week, group and statistic."""
    where = {"dimension": "all"} | where
    conditions = " and ".join(f"{name} = '{value}'" for name, value in where.items())
    order = "order by week, dimension_value, statistic"
    return drafted(out, f"from marts.kpi_weekly where kpi = '{kpi}' and {conditions} {order}")


def cell(out: Path, kpi: str, **where: object) -> Row:
    """The one row of the drafted kpi_weekly that is meant; of several statistics the value, unless told."""
    found = cells(out, kpi, **where)
    if "statistic" not in where:
        found = [row for row in found if row["statistic"] in ("value", "p50")]
    assert len(found) == 1, f"{kpi} {where}: {len(found)} rows: {found}"
    return found[0]
