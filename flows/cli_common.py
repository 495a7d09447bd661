"""What the commands share: exit statuses, settings read or refused, and known faults said in one line."""

from __future__ import annotations

import os
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from flows.settings import Settings

PUBLISHED, WITH_FAULTS, NOTHING, USAGE = 0, 1, 2, 64

Landing = Annotated[Path | None, typer.Option(help="Folder with orders/ returns/ refunds/ contacts/ surveys/.")]
Out = Annotated[Path | None, typer.Option(help="Where the warehouse, the marts and the weekly files are kept.")]


class End(Exception):
    """A command that ends with an exit status of its own, said as it is."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status


def read_settings(**flags: object) -> Settings:
    """Settings with the flags that were given; what cannot be read ends the command as wrong usage."""
    from pydantic import ValidationError

    from flows.settings import load

    try:
        return load(**flags)
    except ValidationError as error:
        faults = ((".".join(map(str, e["loc"])), e["msg"]) for e in error.errors(include_input=False))
        said = "; ".join(
            ": ".join(part for part in (at, what.removeprefix("Value error, ")) if part) for at, what in faults
        )
        raise End(USAGE, f"settings: {said}") from error
    except ValueError as error:
        named = ""
        if isinstance(error, tomllib.TOMLDecodeError):  # it says the line, and not of which file
            named = f" of {os.environ.get('EXPERIENCE_KPIS_CONFIG', 'experience-kpis.toml')}"
        raise End(USAGE, f"settings{named}: {error}") from error


def moment_of(text: str) -> datetime:
    """A point in time from ISO 8601, in UTC when it says no offset."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise End(USAGE, f"--as-of {text!r} is not ISO 8601, such as 2026-11-23T00:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def require_marts(settings: Settings) -> Path:
    """The published database that readers see now; ends the command where nothing is published yet."""
    marts = settings.out / "marts.duckdb"
    if not marts.exists():
        from transforms.publish import list_versions

        if kept := list_versions(settings.out):
            said = f"{marts} leads to a version that is gone; {len(kept)} are kept: run `experience-kpis rollback --out {settings.out}`"
            raise End(NOTHING, said)
        raise End(
            NOTHING,
            f"{marts}: nothing is published there yet; run `experience-kpis nightly --out {settings.out}` first",
        )
    return marts.resolve()


def require_folders(settings: Settings) -> None:
    """Ends the command where the landing folder, or the mapping folder that is set, is not there."""
    from transforms.landing.files import require_landing

    try:
        require_landing(settings.landing)
    except FileNotFoundError as error:
        raise End(NOTHING, f"{error.filename}: {error.strerror}") from error
    if settings.mapping and not settings.mapping.is_dir():
        raise End(NOTHING, f"{settings.mapping}: no such mapping folder; expected one with <source>.sql files")


class said_plainly:
    """Known faults as one line and exit status 2; anything else is a bug and keeps its traceback."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is None:
            return
        from flows.night import NothingPublished
        from transforms.landing.files import Refused
        from transforms.leadership.files import MissingPart
        from transforms.leadership.frames import WeekError
        from transforms.leadership.layout import LayoutError
        from transforms.models import ModelError
        from transforms.warehouse import EngineError

        known = (NothingPublished, Refused, EngineError, ModelError, LayoutError, WeekError, MissingPart)
        if isinstance(error, known):
            raise End(NOTHING, f"nothing published: {error}") from error
        if isinstance(error, OSError) and error.filename:
            said = f"{error.filename}: {error.strerror}; look at its disk and its permissions (experience-kpis doctor)"
            raise End(NOTHING, f"nothing published: {said}") from error
