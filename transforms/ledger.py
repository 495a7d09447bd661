"""What the pipeline remembers of its own runs: steps, checks, and the numbers that left the house."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from transforms.models import kpis
from transforms.warehouse import Warehouse, identifier

_RUNS = (
    "run_id varchar, started_at timestamptz, finished_at timestamptz, as_of timestamptz, step varchar, rows bigint, "
    "seconds double, status varchar, message varchar"
)
_CHECKS = (
    "run_id varchar, layer varchar, table_name varchar, expectation varchar, column_name varchar, severity varchar, "
    "success boolean, element_count bigint, unexpected_count bigint, observed varchar, expected varchar, sample varchar, "
    "withholds varchar[], checked_at timestamptz"
)
_NUMBERS = (
    "week date, kpi varchar, statistic varchar, dimension varchar, dimension_value varchar, value double, ci_low double, "
    "ci_high double, n bigint, status varchar, as_of timestamptz, published_at timestamptz, file varchar"
)
_FIGURE = ("kpi", "statistic", "value", "ci_low", "ci_high", "n", "status")


def create_tables(warehouse: Warehouse) -> None:
    """The run log, the checks and the published numbers, where they do not exist yet."""
    warehouse.run("create schema if not exists ledger")
    for name, columns in {"runs": _RUNS, "checks": _CHECKS, "published_numbers": _NUMBERS}.items():
        warehouse.run(f"create table if not exists ledger.{name} ({columns})")


def note_step(warehouse: Warehouse, step: Mapping[str, object]) -> None:
    """Add a row to the run log; `step` holds its columns by name."""
    _insert(warehouse, "ledger.runs", step)


def note_checks(warehouse: Warehouse, run_id: str, checks: Iterable[Any]) -> None:
    """Replace the checks of this run. Each is a dataclass with the columns of ledger.checks."""
    warehouse.run("delete from ledger.checks where run_id = ?", [run_id])
    for check in checks:
        _insert(warehouse, "ledger.checks", asdict(check) | {"withholds": list(check.withholds)})


def note_published(warehouse: Warehouse, out: Path) -> int:
    """Book the figures of the weekly files written since the last night. Returns how many were new.

    The weekly flow does not open the working database, where a night may be at work: its kpis.json holds the figures
    and the next night books them, one row per figure and file, told apart by the as-of time and the file's hash.
    """
    added = 0
    for path in sorted((out / "weekly").glob("[0-9]*/kpis.json")):
        content = path.read_bytes()
        file = hashlib.sha256(content).hexdigest()
        if warehouse.rows("select 1 from ledger.published_numbers where file = ? limit 1", [file]):
            continue
        payload = json.loads(content)
        published_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        for row in payload["scorecard"]:
            figure = {name: row[name] for name in _FIGURE} | {"dimension": "all", "dimension_value": "all"}
            figure |= {"week": payload["monday"], "as_of": payload["as_of"], "published_at": published_at, "file": file}
            _insert(warehouse, "ledger.published_numbers", figure)
            added += 1
    return added


def absent_sources(warehouse: Warehouse) -> dict[str, str]:
    """KPIs whose source has no record at all, and the reason to give for it."""
    empty = {
        source for kpi in kpis() for source in kpi.sources if not warehouse.value(f"select exists (from records.{identifier(source)})")
    }
    return {
        kpi.id: f"no rows of the {' and '.join(missing)} extract have arrived"
        for kpi in kpis()
        if (missing := [source for source in kpi.sources if source in empty])
    }


def latest_per_source(warehouse: Warehouse) -> list[tuple[str, datetime | None]]:
    """The newest `updated_at` of every source's records; None for a source without any."""
    found = warehouse.rows("select table_name from information_schema.tables where table_schema = 'records' order by 1")
    return [(name, warehouse.value(f"select max(updated_at) from records.{identifier(name)}")) for (name,) in found]


def _insert(warehouse: Warehouse, table: str, row: Mapping[str, object]) -> None:
    columns = ", ".join(identifier(name) for name in row)
    warehouse.run(f"insert into {table} ({columns}) values ({', '.join('?' * len(row))})", list(row.values()))
