"""How things stand, from the published marts: what an operator reads first."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from flows.console import table
from transforms.publish import current_version, list_versions
from transforms.reads import read
from transforms.warehouse import Warehouse


def show_status(marts: Path, out: Path) -> None:
    """Print runs, sources, refused files, quarantine, failed checks and withheld KPIs."""
    kept, current = list_versions(out), current_version(out)
    print(f"Published: version {current} of {len(kept)} kept in {out}/versions")
    if current != kept[-1]:
        print(f"Readers were rolled back to it from {kept[-1]}; the next night publishes a new one")
    with Warehouse(marts, read_only=True) as warehouse:
        for title, name in _PARTS.items():
            columns, rows = warehouse.table(read(name))
            if rows:
                numeric = [
                    c for i, c in enumerate(columns) if all(isinstance(row[i], int | float | None) for row in rows)
                ]
                table(title, columns, rows, numeric)
            else:
                print(f"\n{title}: none")


def published_as_of(out: Path) -> datetime | None:
    """The as-of time of what readers see now; None before the first night."""
    if current_version(out) is None:
        return None
    with Warehouse((out / "marts.duckdb").resolve(), read_only=True) as marts:
        moment: datetime | None = marts.value(read("version"))
    return moment


def show_versions(out: Path) -> None:
    """Print the kept versions: as of when each is, what it came to, and which one readers see."""
    rows = []
    for version in list_versions(out):
        with Warehouse(out / "versions" / version / "marts.duckdb", read_only=True) as warehouse:
            (as_of, weekly, withheld), *_ = warehouse.rows(read("version"))
        rows.append(
            (version, f"{as_of:%Y-%m-%d %H:%M}", weekly, withheld, "current" if version == current_version(out) else "")
        )
    table(
        f"Versions in {out}/versions",
        ("version", "as of (UTC)", "weekly rows", "withheld", ""),
        rows,
        ("weekly rows", "withheld"),
    )


_PARTS = {
    "Last runs": "last_runs",
    "Sources": "sources",
    "Refused files": "refused_files",
    "Quarantined rows": "quarantine_by_reason",
    "Expectations not met": "failed_checks",
    "Withheld KPIs": "withheld_kpis",
    "Codes counted as unknown": "unlisted_codes",
}
