"""Publishing: a new version is written and checked beside the old one; one rename shows it to the readers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from transforms import rewrites
from transforms.codes import as_texts
from transforms.models import Kpi, Model, models
from transforms.warehouse import PUBLISHED_STORAGE, EngineError, Warehouse, identifier, literal

# What the expectations look at before anything is published; what does not wait for them; the other marts are written
# once their result is known.
CHECKED = ("kpi_catalogue", "kpi_daily", "kpi_weekly", "kpi_monthly", "periods")
EARLY = ("kpi_rows", "open_cases", "comments")
# The names in the output folder that lead through `current`, so that one rename changes all of them.
_THROUGH_CURRENT = ("marts.duckdb", "marts", "checks.html")
# A version that is no longer kept has a hidden name before its files go: a half-deleted one is never seen.
_RETIRED = ".old"
_NAME = "%Y%m%dT%H%M%S.%fZ"
# A version that begins as a copy of the last one carries what was taken out along, until it is so much larger than one
# that was written whole.
GROWN = 1.6


class Draft:
    """A version in the making: `<out>/versions/.<version>.draft`, its database attached to the warehouse as `draft`.

    What is checked can be read as `marts.<table>` until it is published.

    A crash before `publish` leaves the last version in place; what was half written is swept away by the next draft.
    """

    def __init__(self, warehouse: Warehouse, out: Path, version: str) -> None:
        """Start an empty version."""
        self.warehouse, self.out, self.version = warehouse, out, version
        versions = out / "versions"
        versions.mkdir(parents=True, exist_ok=True)
        for left in (*versions.glob(".*.draft"), *versions.glob(f".*{_RETIRED}")):
            shutil.rmtree(left, ignore_errors=True)
        for name in ("current", *_THROUGH_CURRENT):
            for link in out.glob(f".{name}.*"):
                if link.is_symlink():  # of a run that was killed while it switched
                    link.unlink()
        self.folder = versions / f".{version}.draft"
        self.exported: set[str] = set()
        self.rewrites: dict[str, rewrites.Rewrite] = {}
        self.whole = 0  # bytes of the version that was written whole which this one comes from; 0 = not yet known
        (self.folder / "marts").mkdir(parents=True)
        self._attach()
        warehouse.run("create schema draft.stored")

    def start_from(self, run_id: str, kpis: Collection[Kpi], told: Collection[str]) -> None:
        """Begin as a copy of a run's version, if there is one that has not grown too large; before anything is written."""
        last, whole = self.out / "versions" / run_id / "marts.duckdb", rewrites.whole_bytes(self.warehouse, run_id)
        if last.is_file() and last.stat().st_size <= GROWN * whole:
            self.warehouse.run("detach draft")
            shutil.copyfile(last, self.folder / "marts.duckdb")
            self._attach()
            self.whole = whole
            self.rewrites |= rewrites.of_rows(self.warehouse, run_id, kpis, told)

    def rewrite_figures(self, run_id: str, as_of: datetime) -> None:
        """Of the figures too only what is other than in that run's version is written, if this draft is a copy of it."""
        if self.whole:
            self.rewrites |= rewrites.of_figures(self.warehouse, run_id, as_of)

    def write_early(self) -> None:
        """Write the marts that depend on no check and no estimate, in a session of its own: for another thread."""
        with self.warehouse.session() as session:
            for model in models("marts"):
                if model.name in EARLY:
                    self._create(model, session)
                    self._export(model, session)

    def write_checked(self) -> None:
        """Write the marts that are checked; again, when something is withheld after the first time."""
        self.warehouse.run("create schema if not exists marts")
        for model in models("marts"):
            if model.name in CHECKED:
                # The engine takes every figure for one row, and would hold them all in memory, join by join.
                is_whole = model.name not in self.rewrites
                with self.warehouse.joins_as_written() if is_whole else nullcontext():
                    self._create(model, self.warehouse)
                rows = f"select * {self._replaced(model, self.warehouse)} from draft.stored.{identifier(model.name)}"
                self.warehouse.run(f"create or replace view {model.table} as {rows}")

    def export_checked(self) -> None:
        """Write the Parquet files of the marts that are checked ahead of time, in a session of its own: for a thread."""
        with self.warehouse.session() as session:
            for model in models("marts"):
                if model.name in CHECKED:
                    self._export(model, session)

    def write_rest(self) -> None:
        """Write the marts that waited for the checks, and the Parquet files that are not there yet."""
        for model in models("marts"):
            if model.name in self.exported:
                continue
            if model.name not in (*CHECKED, *EARLY):
                self._create(model, self.warehouse)
            self._export(model, self.warehouse)

    def publish(self, keep: int) -> Path:
        """Write what is not there yet, make all durable, and switch to it.

        Keeps the newest `keep` versions. Returns the version's folder.
        """
        self.write_rest()
        self._detach()
        for path in [*self.folder.rglob("*"), self.folder]:
            _to_disk(path)
        final = self.out / "versions" / self.version
        self.folder.rename(final)
        _to_disk(final.parent)
        self.whole = self.whole or (final / "marts.duckdb").stat().st_size
        switch(self.out, self.version)
        _prune(final.parent, keep, self.version)
        return final

    def discard(self) -> None:
        """Give the version up; readers keep the last one."""
        with suppress(EngineError):  # a full disk: the database is detached all the same, and its file goes
            self._detach()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _now(self, model: Model, session: Warehouse) -> dict[str, str]:
        """What all rows of a mart say alike, as SQL by column: those that stand have the as-of time they were written at."""
        if model.name not in rewrites.FIGURES or "as_of" not in session.shown(f"draft.stored.{identifier(model.name)}"):
            return {}
        as_of = session.value("select as_of from run.clock")
        return {"as_of": f"timestamptz '{as_of}+00'"}

    def _replaced(self, model: Model, session: Warehouse) -> str:
        now = ", ".join(f"{sql} as {name}" for name, sql in self._now(model, session).items())
        return f"replace ({now})" if now else ""

    def _attach(self) -> None:
        database = literal(str(self.folder / "marts.duckdb"))
        self.warehouse.run(f"attach {database} as draft (storage_version {literal(PUBLISHED_STORAGE)})")

    def _detach(self) -> None:
        self.warehouse.run("drop schema if exists marts cascade")
        with self.warehouse.as_written():
            self.warehouse.run("detach database if exists draft")

    def _create(self, model: Model, session: Warehouse) -> None:
        """A mart as a table of `stored`, codes and labels as they are, and what readers see of it: texts."""
        name = identifier(model.name)
        # Once: what is written again because something is withheld is written whole.
        change = self.rewrites.pop(model.name, None)
        if change is None or not rewrites.rewrite(session, f"draft.stored.{name}", change):
            session.run(f"create or replace table draft.stored.{name} as {model.select}")
        shown = as_texts(session, f"draft.stored.{name}", self._now(model, session))
        session.run(f"create or replace view draft.{name} as select {shown} from stored.{name}")
        self.exported.discard(model.name)

    def _export(self, model: Model, session: Warehouse) -> None:
        parquet = literal(str(self.folder / "marts" / f"{model.name}.parquet"))
        rows = f"select * {self._replaced(model, session)} from draft.stored.{identifier(model.name)}"
        session.run(f"copy ({rows}) to {parquet} (format parquet, compression zstd, compression_level 1)")
        self.exported.add(model.name)


def next_version(out: Path, now: datetime) -> str:
    """The name of a version made now (UTC), after those that are there: also where the clock has been set back.

    Versions are kept, retired and rolled back in the order of their names.
    """
    for version in list_versions(out):
        with suppress(ValueError):  # somebody's own copy
            last = datetime.strptime(version, _NAME).replace(tzinfo=UTC)
            now = max(now, last + timedelta(microseconds=1))
    return now.strftime(_NAME)


def switch(out: Path, version: str) -> None:
    """Point `<out>/current` to a version, by one atomic rename, and the names that go through it."""
    if version not in list_versions(out):
        raise FileNotFoundError(
            f"{out}/versions holds no version {version!r}; there are: {', '.join(list_versions(out))}"
        )
    _link(out / "current", Path("versions") / version)
    for name in _THROUGH_CURRENT:
        _link(out / name, Path("current") / name)
    _to_disk(out)


def list_versions(out: Path) -> list[str]:
    """Versions that can be switched to, oldest first."""
    return sorted(p.parent.name for p in (out / "versions").glob("[!.]*/marts.duckdb"))


def last_rows(out: Path) -> Path | None:
    """The `kpi_rows.parquet` of the last night, also where readers were rolled back since; None before the first night."""
    kept = list_versions(out)
    return out / "versions" / kept[-1] / "marts" / "kpi_rows.parquet" if kept else None


def roll_back(out: Path, version: str | None = None) -> tuple[str, str]:
    """Switch to a kept version, else to the newest that is older than the current one. Returns the old and the new one.

    The next night publishes as ever. Raises FileNotFoundError, which names the kept versions, when there is none such.
    """
    before, kept = current_version(out), list_versions(out)
    if before is None:
        raise FileNotFoundError(f"{out}: nothing is published there; there is nothing to go back from")
    if version is None:
        older = [v for v in kept if v < before]
        if not older:
            raise FileNotFoundError(f"{out}: no version older than {before} is kept; there are: {', '.join(kept)}")
        version = older[-1]
    switch(out, version)
    return before, version


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


def _prune(versions: Path, keep: int, current: str) -> None:
    old = [p for p in sorted(versions.glob("*")) if not p.name.startswith(".") and p.name != current]
    for path in old[: max(0, len(old) - (keep - 1))]:
        # The new version is out: what cannot be tidied away now is left to the next night.
        with suppress(OSError):
            shutil.rmtree(path.rename(path.with_name(f".{path.name}{_RETIRED}")))


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
