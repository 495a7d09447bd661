"""A look at everything a night needs before it runs: one line per question, and what to do where the answer is no."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from flows.settings import Settings
from transforms.models import sources
from transforms.publish import current_version, list_versions
from transforms.warehouse import EngineError, Warehouse

NEEDED = ("duckdb", "pandas", "pyarrow", "great-expectations", "prefect", "duckdb-sqlalchemy", "typst", "xlsxwriter")
OLDEST_PYTHON = (3, 11)
FREE_BYTES = 2 << 30
STEP_SECONDS = 5.0  # a clock that runs apart from the monotonic one by more is being set


@dataclass(frozen=True)
class Finding:
    """The answer to one question; `advice` is the next move where it is not fine."""

    topic: str
    is_fine: bool
    found: str
    advice: str = ""


def examine(settings: Settings, now: datetime) -> list[Finding]:
    """All findings, in the order of the questions. Changes nothing but a probe file in the output folder."""
    questions: tuple[Callable[[Settings, datetime], Iterator[Finding]], ...] = (
        _versions, _landing, _out, _disk, _permissions, _lock, _published, _clock,
    )  # fmt: skip
    return [finding for ask in questions for finding in ask(settings, now)]


def _versions(_: Settings, __: datetime) -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", sys.version_info >= OLDEST_PYTHON, python, "install Python 3.11 or later")
    found, missing = [], []
    for name in NEEDED:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    said = ", ".join(found) if not missing else f"missing: {', '.join(missing)}"
    yield Finding("packages", not missing, said, "install from the lock file: make demo")


def _landing(settings: Settings, now: datetime) -> Iterator[Finding]:
    if not settings.landing.is_dir():
        yield Finding("landing", False, f"{settings.landing}: no such folder", "mount it, or set landing")
        return
    names = [settings.landing / source.id for source in sources()]
    there = [folder.name for folder in names if folder.is_dir()]
    is_mapped = settings.mapping is not None
    yield Finding(
        "landing",
        bool(there) or is_mapped,
        f"{settings.landing}: {', '.join(there) or 'no source folder'}",
        "deliver one folder per source",
    )
    times = [path.stat().st_mtime for path in settings.landing.rglob("*") if path.is_file()]
    hours = (now.timestamp() - max(times)) / 3600 if times else None
    said = "no file" if hours is None else f"the newest file is {max(hours, 0):.0f} hours old"
    is_fresh = hours is not None and hours <= settings.stale_hours
    yield Finding("freshness", is_fresh, said, "ask for the delivery; nights publish what is there")


def _out(settings: Settings, _: datetime) -> Iterator[Finding]:
    probe = settings.out / f".doctor.{os.getpid()}"
    try:
        settings.out.mkdir(parents=True, exist_ok=True)
        probe.write_text("probe")
        probe.unlink()
        yield Finding("output", True, f"{settings.out} can be written")
    except OSError as error:
        yield Finding(
            "output", False, f"{settings.out}: {error.strerror}", "give the user of the night the right to write there"
        )


def _disk(settings: Settings, _: datetime) -> Iterator[Finding]:
    place = next(folder for folder in (settings.out, *settings.out.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    current = (settings.out / "current").resolve()
    size = sum(path.stat().st_size for path in current.rglob("*") if path.is_file()) if current.is_dir() else 0
    work = settings.warehouse.stat().st_size if settings.warehouse.exists() else 0
    needed = max(FREE_BYTES, 3 * size + work)
    said = f"{free / 2**30:.1f} GB free, {needed / 2**30:.1f} GB wanted"
    yield Finding("disk", free >= needed, said, "free some, or lower keep_versions")


def _permissions(settings: Settings, _: datetime) -> Iterator[Finding]:
    private = [path for path in (settings.out / "hash.key", settings.warehouse) if path.exists()]
    wrong = [
        path.name
        for path in private
        if path.stat().st_mode & stat.S_IWOTH or (path.suffix == ".key" and path.stat().st_mode & 0o077)
    ]
    said = f"{', '.join(wrong)}: open to others" if wrong else "private files are private"
    yield Finding("permissions", not wrong, said, "chmod 600 hash.key; chmod o-w warehouse.duckdb")


def _lock(settings: Settings, _: datetime) -> Iterator[Finding]:
    if not settings.warehouse.exists():
        yield Finding("warehouse", True, "not there yet: the first night makes it")
        return
    try:
        with Warehouse(settings.warehouse, read_only=True) as warehouse:
            warehouse.value("select 1")
        yield Finding("warehouse", True, "can be opened; nobody is at work")
    except EngineError as error:
        yield Finding(
            "warehouse",
            False,
            str(error).splitlines()[0],
            "wait for the other run; a damaged file: delete it, the next night rebuilds it",
        )


def _published(settings: Settings, _: datetime) -> Iterator[Finding]:
    kept, current = list_versions(settings.out), current_version(settings.out)
    if current is None and not kept:
        yield Finding("published", True, "nothing yet: the first night publishes")
        return
    said = f"version {current} of {len(kept)} kept"
    yield Finding("published", current in kept, said, "experience-kpis rollback --to a kept version")


def _clock(_: Settings, now: datetime) -> Iterator[Finding]:
    began, steady = time.time(), time.monotonic()
    built = datetime(2026, 11, 1, tzinfo=UTC)
    time.sleep(0.05)
    apart = abs((time.time() - began) - (time.monotonic() - steady))
    is_fine = apart < STEP_SECONDS and now >= built
    yield Finding("clock", is_fine, f"{now:%Y-%m-%d %H:%M:%S} UTC", "set the clock (NTP): as-of is the time of day")
