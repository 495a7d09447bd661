"""What the pipeline remembers of its own runs: steps, checks, and the numbers that left the house."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transforms import restatements
from transforms.leadership.book import PUBLISHED, RECEIPT, UNCOUNTED, read_book
from transforms.models import sources
from transforms.reads import read
from transforms.release import kpis_made
from transforms.warehouse import Warehouse, identifier, literal

_RUNS = (
    "run_id varchar, started_at timestamptz, finished_at timestamptz, as_of timestamptz, step varchar, rows bigint, "
    "seconds double, status varchar, message varchar"
)
_CHECKS = {
    **dict.fromkeys(("run_id", "layer", "table_name", "expectation", "column_name", "severity"), "varchar"),
    **{"success": "boolean", "element_count": "bigint", "unexpected_count": "bigint"},
    **dict.fromkeys(("observed", "expected", "sample"), "varchar"),
    **{"withholds": "varchar[]", "checked_at": "timestamptz"},
}
_NUMBERS = (
    *(("week", "date"), ("kpi", "varchar"), ("statistic", "varchar"), ("dimension", "varchar")),
    *(
        ("dimension_value", "varchar"),
        ("value", "double"),
        ("ci_low", "double"),
        ("ci_high", "double"),
        ("n", "bigint"),
    ),
    *(
        ("status", "varchar"),
        ("definition_version", "varchar"),
        ("as_of", "timestamptz"),
        ("published_at", "timestamptz"),
        ("version", "varchar"),
        ("inputs", "varchar"),
        ("issue", "bigint"),
    ),
)


_OF_ISSUE = ("issue", "published_at", "as_of", "version", "inputs")
# The shape of published.json, as the engine is told it.
_BOOK = {
    "issues": [{name: kind for name, kind in _NUMBERS if name in _OF_ISSUE}],
    "figures": [
        {"first": "bigint", "last": "bigint"} | {name: kind for name, kind in _NUMBERS if name not in _OF_ISSUE}
    ],
}


def create_tables(warehouse: Warehouse) -> None:
    """The run log, the checks and the published numbers, where they do not exist yet."""
    warehouse.run("create schema if not exists ledger")
    numbers, checks = (", ".join(f"{name} {kind}" for name, kind in of) for of in (_NUMBERS, _CHECKS.items()))
    for name, columns in {"runs": _RUNS, "checks": checks, "published_numbers": numbers}.items():
        warehouse.run(f"create table if not exists ledger.{name} ({columns})")
    for name, kind in (("version", "varchar"), ("inputs", "varchar"), ("issue", "bigint")):
        warehouse.run(f"alter table ledger.published_numbers add column if not exists {name} {kind}")
    # As published.json counts them that was written before issues were counted.
    warehouse.run(
        "update ledger.published_numbers set issue = epoch(published_at)::bigint - ? where issue is null", [UNCOUNTED]
    )
    restatements.create_tables(warehouse)


def note_step(warehouse: Warehouse, step: Mapping[str, object]) -> None:
    """Add a row to the run log; `step` holds its columns by name."""
    _insert(warehouse, "ledger.runs", step)


def last_published(warehouse: Warehouse) -> str:
    """The last run that published; '' before the first."""
    return str(
        warehouse.value("select coalesce(max(run_id), '') from ledger.runs where step = 'publish' and status = 'done'")
    )


def note_checks(warehouse: Warehouse, run_id: str, checks: Iterable[Any]) -> None:
    """Replace the checks of this run. Each is a dataclass with the columns of ledger.checks."""
    with warehouse.transaction():
        warehouse.run("delete from ledger.checks where run_id = ?", [run_id])
        # Some hundred, in one statement: each of their own would take a millisecond or two.
        warehouse.run(
            f"insert into ledger.checks by name select unnest(from_json(?, {literal(json.dumps([_CHECKS]))}), max_depth := 2)",
            [json.dumps([asdict(check) for check in checks], default=str)],
        )


def met_all(warehouse: Warehouse, run_id: str) -> set[str]:
    """The tables of which a run met every expectation."""
    met = "select table_name from ledger.checks where run_id = ? group by table_name having bool_and(success)"
    return {row[0] for row in warehouse.rows(met, [run_id])}


def note_published(warehouse: Warehouse, out: Path) -> None:
    """Book the figures of the weekly files written since the last night, from each file's `published.json`.

    The weekly flow does not open the working database, where a night may be at work: it leaves the figures in its
    folder, and the next night takes them in, each issue once. What is booked is not read again: the receipt says it.
    """
    booked = {row[0] for row in warehouse.rows("select distinct issue from ledger.published_numbers")}
    for path in sorted((out / "weekly").glob(f"[0-9]*/{PUBLISHED}")):
        if _issue_of(path.with_name(RECEIPT)) in booked:
            continue
        warehouse.run(
            f"""insert into ledger.published_numbers by name
            with book as (select from_json(?, {literal(json.dumps(_BOOK))}) as book),
            issues as (select unnest(book.issues, max_depth := 2) from book),
            figures as (select unnest(book.figures, max_depth := 2) from book)
            select figures.* exclude (first, last), issues.*
            from issues
            inner join figures on issues.issue between figures.first and figures.last
            where issues.issue not in (select issue from ledger.published_numbers)""",
            [json.dumps(read_book(path.parent))],
        )


def _issue_of(receipt: Path) -> int | None:
    """The newest issue in a weekly folder, as its receipt says it; None where it does not."""
    told = json.loads(receipt.read_text(encoding="utf-8")) if receipt.exists() else {}
    return told.get("issue")


def note_backwards(warehouse: Warehouse, run_id: str) -> None:
    """Put the faults that only show between two records in the quarantine, as they stand tonight."""
    warehouse.run(
        "delete from ledger.quarantine where reason like 'credited_at is before requested_at of its return %'"
    )
    warehouse.run(
        f"insert into ledger.quarantine by name select *, ? as run_id from ({read('credited_before_request')})",
        [run_id],
    )


def absent(warehouse: Warehouse) -> set[str]:
    """The sources of which no record has ever arrived."""
    return {s.id for s in sources() if not warehouse.value(f"select exists (from records.{identifier(s.id)})")}


def withheld_by_absence(warehouse: Warehouse) -> dict[str, str]:
    """KPIs that need a source without any record, and the reason to give for it."""
    gone = absent(warehouse)
    return {
        kpi.id: f"no rows of the {' and '.join(missing)} extract{'s' if len(missing) > 1 else ''} have arrived"
        for kpi in kpis_made(warehouse)
        if (missing := [source for source in kpi.sources if source in gone])
    }


def note_sources(warehouse: Warehouse) -> None:
    """Table run.sources: how far each source's records reach, as of the run, from when on, on how many days, and how many they
    are; NULL moments for a source without any.
    """
    reach = [
        f"select '{s.id}' as source, min(updated_at) as first_at, max(updated_at) as latest_at, count(*) as records, "
        f"count(distinct cast(updated_at as date)) as days from records.{s.id}, run.clock where updated_at <= as_of"
        for s in sources()
    ]
    warehouse.run(f"create or replace table run.sources as {' union all '.join(reach)}")


def _insert(warehouse: Warehouse, table: str, row: Mapping[str, object]) -> None:
    columns = ", ".join(identifier(name) for name in row)
    warehouse.run(f"insert into {table} ({columns}) values ({', '.join('?' * len(row))})", list(row.values()))
