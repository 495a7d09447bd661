"""One set of invented marts and one weekly file of them for the session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from marts_in_small import WEEK, marts

from transforms.leadership import files
from transforms.leadership.charts import Chart, draw_charts
from transforms.leadership.files import Receipt, write_weekly
from transforms.leadership.findings import find
from transforms.leadership.frames import Frames, read_frames
from transforms.leadership.payload import build_payload


@pytest.fixture(scope="session")
def marts_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("marts") / "marts.duckdb"
    marts(path)
    return path


@pytest.fixture(scope="session")
def fetch(marts_file: Path) -> Iterator[Any]:
    with duckdb.connect(str(marts_file), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")

        def frame(sql: str, params: Sequence[Any] | None = None) -> pd.DataFrame:
            return connection.execute(sql, params or []).df()

        yield frame


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="session")
def receipt(fetch: Any, out: Path) -> Receipt:
    return write_weekly(fetch, out, "2026-W47")


@pytest.fixture(scope="session")
def folder(receipt: Receipt, out: Path) -> Path:
    return out / "weekly" / receipt.week


@pytest.fixture(scope="session")
def frames(fetch: Any) -> Frames:
    return read_frames(fetch, WEEK)


@pytest.fixture(scope="session")
def payload(fetch: Any, frames: Frames) -> dict[str, Any]:
    return build_payload(frames, WEEK, find(fetch, frames, WEEK))


@pytest.fixture(scope="session")
def charts(payload: dict[str, Any]) -> list[Chart]:
    return draw_charts(payload)


@pytest.fixture(scope="module")
def without_pictures() -> Iterator[None]:
    """Charts and print show what kpis.json holds, and take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "draw_charts", lambda payload: [])
        patch.setattr(files, "render_pdf", lambda *_: b"%PDF")
        yield
