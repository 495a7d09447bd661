"""One clean warehouse for the session; a fault is injected inside a transaction and rolled back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import warehouse_in_small as world


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clean warehouse; nobody commits to it."""
    path = tmp_path_factory.mktemp("warehouse") / "clean.duckdb"
    world.build(path)
    return path


@pytest.fixture
def connection(clean: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An open transaction on the clean warehouse, rolled back afterwards."""
    opened = duckdb.connect(str(clean), config=world.CONFIG)
    opened.begin()
    yield opened
    opened.rollback()
    opened.close()
