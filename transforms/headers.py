"""Headers of SQL files say what they must and nothing else: what is unknown, missing or wrong is refused by name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

CLOCK = (
    "run.clock"  # all that a KPI may read beside facts: the as-of time. Its rows then change though nothing arrives.
)


class ModelError(ValueError):
    """A SQL file whose header does not say what it must. The message names the file and the key."""


def refuse_keys(path: Path, found: Iterable[str], required: set[str], optional: set[str], at: str = "") -> None:
    """Raise ModelError for a key that is unknown, or required and missing. at: the table they stand in, such as `rules.`."""
    unknown, missing = set(found) - required - optional, required - set(found)
    if unknown or missing:
        said = [f"unknown {at}{key}" for key in sorted(unknown)] + [f"missing {at}{key}" for key in sorted(missing)]
        raise ModelError(
            f"{path}: header: {', '.join(said)}. It takes {sorted(required)} and may have {sorted(optional)}."
        )


def refuse_value(path: Path, key: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise ModelError for a value that is not one of those allowed."""
    if value not in allowed:
        raise ModelError(f"{path}: header: {key} = {value!r}; expected one of {', '.join(allowed)}.")
