"""What is checked beside the suites: volume, freshness and shape of the sources (they warn), and what must be conserved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from expectations.checks import Check
from transforms.ledger import last_published
from transforms.reach import withheld_for
from transforms.reads import read
from transforms.warehouse import Warehouse


def check_sources(warehouse: Warehouse, run_id: str, stale_hours: int) -> list[Check]:
    """One check per source and expectation, from the ledger; after `run.sources` is there. They withhold nothing."""
    since = {"last_published": last_published(warehouse)}
    found = _rows(warehouse, "source_volumes", since | {"stale_hours": stale_hours})
    found += _rows(warehouse, "source_shapes", since)
    for row in found:
        if row["unexpected_count"] > 1:  # the first is shown, with its file
            row["observed"] += f", and {row['unexpected_count'] - 1} more"
    return [_check(run_id, "sources", f"records.{row.pop('source')}", "warn", row) for row in found]


def check_conservation(warehouse: Warehouse, run_id: str) -> list[Check]:
    """One check per law, from facts and records. A broken one withholds the KPIs that read the fact."""
    checks = []
    for row in _rows(warehouse, "conservation"):
        table = row.pop("table_name")
        touched = () if row["success"] else withheld_for(table, None)
        checks.append(_check(run_id, "facts", table, "fail", row, touched))
    return checks


def _rows(warehouse: Warehouse, name: str, params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    columns, rows = warehouse.table(read(name), params)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _check(
    run_id: str, layer: str, table: str, severity: str, row: dict[str, Any], withholds: tuple[str, ...] = ()
) -> Check:
    without = {"column_name": None, "element_count": None, "unexpected_count": None}
    return Check(
        run_id=run_id,
        layer=layer,
        table_name=table,
        severity=severity,
        sample=None,
        withholds=withholds,
        checked_at=datetime.now(UTC).replace(tzinfo=None),
        **(without | row),
    )
