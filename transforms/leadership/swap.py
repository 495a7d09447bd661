"""Put a finished folder in its place, so that a reader sees the old one or the new one, whole."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
LEFT_BEHIND_SECONDS = 3600


def put_folder(fresh: Path, place: Path) -> None:
    """Move `fresh` to `place`; an earlier folder there ends up at `fresh`, for the caller to delete.

    On Linux the two change names in one step. Elsewhere there is a moment without a folder between two renames,
    and a fault in it brings the earlier folder back.
    """
    _sync(fresh)
    if not place.exists():
        fresh.rename(place)
    elif not _exchange(fresh, place):
        aside = fresh.with_name(f"{fresh.name}-earlier")
        place.rename(aside)
        try:
            fresh.rename(place)
        except OSError:
            aside.rename(place)
            raise
        aside.rename(fresh)
    _sync(place.parent)


def sweep(folder: Path, prefix: str, fresh: Path) -> None:
    """Delete what killed runs left behind: folders `<prefix>…` that were begun an hour or more before `fresh`."""
    for left in folder.glob(f"{prefix}*"):
        if left != fresh and left.stat().st_mtime < fresh.stat().st_mtime - LEFT_BEHIND_SECONDS:
            shutil.rmtree(left, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap the names of two folders in one system call; False where system or file system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    return bool(rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
