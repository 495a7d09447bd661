"""What is checked of the sources themselves: volume, freshness, shape. It warns; it withholds nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from expectations.checks import Check
from transforms.reads import read
from transforms.warehouse import Warehouse


def check_sources(warehouse: Warehouse, run_id: str, stale_hours: int) -> list[Check]:
    """One check per source and expectation, from the ledger; after `run.sources` is there."""
    found = []
    for name, params in (("source_volumes", {"stale_hours": stale_hours}), ("source_shapes", None)):
        columns, rows = warehouse.table(read(name), params)
        found += [dict(zip(columns, row, strict=True)) for row in rows]
    return [
        Check(
            run_id=run_id,
            layer="sources",
            table_name=f"records.{row.pop('source')}",
            severity="warn",
            sample=None,
            withholds=(),
            checked_at=datetime.now(UTC).replace(tzinfo=None),
            **row,
        )
        for row in found
    ]
