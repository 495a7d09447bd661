"""Publishing: a new version beside the old one, complete and on disk, then one rename that readers see or do not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from transforms.models import models
from transforms.warehouse import PUBLISHED_STORAGE, Warehouse, identifier, literal


def publish(
    warehouse: Warehouse, out: Path, version: str, keep: int, also: Callable[[Path], None] = lambda _: None
) -> Path:
    """Write every mart to `<out>/versions/<version>` as DuckDB and Parquet, and switch `<out>/current` to it.

    A crash before the switch leaves the last version in place; what was half written is swept away by the next run.
    `also` may add files to the folder before the switch. Keeps the newest `keep` versions. Returns the version's folder.
    """
    versions = out / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    _sweep(versions)
    draft, final = versions / f".{version}.draft", versions / version
    (draft / "marts").mkdir(parents=True)
    write_marts(warehouse, draft)
    also(draft)
    for path in [*draft.rglob("*"), draft]:
        _to_disk(path)
    draft.rename(final)
    _to_disk(versions)
    switch(out, version)
    _prune(versions, keep, version)
    return final


def write_marts(warehouse: Warehouse, folder: Path) -> None:
    """Write marts.duckdb and marts/<table>.parquet into the folder."""
    database = folder / "marts.duckdb"
    warehouse.run(f"attach {literal(str(database))} as published (storage_version {literal(PUBLISHED_STORAGE)})")
    try:
        for model in models("marts"):
            table = f"published.{identifier(model.name)}"
            warehouse.run(f"create table {table} as from {model.table}")
            parquet = folder / "marts" / f"{model.name}.parquet"
            warehouse.run(f"copy {table} to {literal(str(parquet))} (format parquet, compression zstd)")
    finally:
        warehouse.run("detach published")


def switch(out: Path, version: str) -> None:
    """Point `<out>/current` to a version, by one atomic rename, and the names that go through it."""
    if not (out / "versions" / version / "marts.duckdb").exists():
        raise FileNotFoundError(f"{out}/versions/{version} holds no marts.duckdb; there are: {', '.join(list_versions(out))}")
    _link(out / "current", Path("versions") / version)
    _link(out / "marts.duckdb", Path("current/marts.duckdb"))
    _link(out / "marts", Path("current/marts"))
    _link(out / "checks.html", Path("current/checks.html"))
    _to_disk(out)


def list_versions(out: Path) -> list[str]:
    """Versions that can be switched to, oldest first."""
    return sorted(p.name for p in (out / "versions").glob("*") if not p.name.startswith("."))


def current_version(out: Path) -> str | None:
    """The version that readers see, or None before the first night."""
    current = out / "current"
    return current.readlink().name if current.is_symlink() else None


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    draft = link.with_name(f".{link.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(link)


def _sweep(versions: Path) -> None:
    for draft in versions.glob(".*.draft"):
        shutil.rmtree(draft)


def _prune(versions: Path, keep: int, current: str) -> None:
    old = [p for p in sorted(versions.glob("*")) if not p.name.startswith(".") and p.name != current]
    for path in old[: max(0, len(old) - (keep - 1))]:
        shutil.rmtree(path)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
