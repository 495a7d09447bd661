"""Worlds with known truth, each made once and published (or drafted) once for the session, whichever worker asks first."""

from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.nights import draft, drafted, marketplace, publish, published

AS_OF = "2026-07-06T00:00:00+00:00"


@dataclass(frozen=True)
class World:
    """A synthetic marketplace, what the product made of it, and how to ask."""

    folder: Path
    out: Path
    result: Any
    ask: Callable[[str], list[dict[str, Any]]]
    form: str = "csv.gz"


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]) -> tuple[Path, Any]:
    """A folder of all workers of this run, and what making it came to; the first to come makes it, the others wait."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, result = root / name, root / f"{name}.pickle"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            result.write_bytes(pickle.dumps(make(folder)))
    return folder, pickle.loads(result.read_bytes())


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> World:
    """6,000 orders in 26 weekly files, as clean csv.gz, published. To be read: a test that writes takes a copy."""

    def make(root: Path) -> Any:
        return publish(marketplace(root / "world", orders=6000, files="per-week"), root / "out", AS_OF)

    root, result = made_once(tmp_path_factory, "clean", make)
    return World(root / "world", root / "out", result, lambda sql: published(root / "out", sql.replace("marts.", "")))


@pytest.fixture(scope="session", params=["csv", "jsonl", "parquet", pytest.param("csv.gz", marks=pytest.mark.slow)])
def dirty(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A quarter of the size with 3 % of faults, in every format; CSV published, the others drafted."""
    root = tmp_path_factory.mktemp("dirty")
    folder = marketplace(root / "world", orders=1500, files="per-week", dirt=0.03, seed=2, format=request.param)
    if request.param == "csv":
        result = publish(folder, root / "out", AS_OF)
        return World(
            folder, root / "out", result, lambda sql: published(root / "out", sql.replace("marts.", "")), "csv"
        )
    result = draft(folder, root / "out", AS_OF)
    return World(folder, root / "out", result, lambda sql: drafted(root / "out", sql), request.param)
