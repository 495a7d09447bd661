"""Worlds with known truth, each made once and published (or drafted) once for the session."""

from __future__ import annotations

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


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> World:
    """6,000 orders in 26 weekly files, as clean csv.gz, published."""
    root = tmp_path_factory.mktemp("clean")
    folder = marketplace(root / "world", orders=6000, files="per-week")
    result = publish(folder, root / "out", AS_OF)
    return World(folder, root / "out", result, lambda sql: published(root / "out", sql.replace("marts.", "")))


@pytest.fixture(scope="session", params=["csv", "jsonl", "parquet", pytest.param("csv.gz", marks=pytest.mark.slow)])
def dirty(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The same size with 3 % of faults, in every format; CSV published, the others drafted."""
    root = tmp_path_factory.mktemp("dirty")
    folder = marketplace(root / "world", orders=6000, files="per-week", dirt=0.03, seed=2, format=request.param)
    if request.param == "csv":
        result = publish(folder, root / "out", AS_OF)
        return World(
            folder, root / "out", result, lambda sql: published(root / "out", sql.replace("marts.", "")), "csv"
        )
    result = draft(folder, root / "out", AS_OF)
    return World(folder, root / "out", result, lambda sql: drafted(root / "out", sql), request.param)
