"""A weekly folder of invented marts, whose brief has letters of other scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "leadership"))

from marts_in_small import marts

from transforms.leadership.files import write_weekly


@pytest.fixture(scope="session")
def fetch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path = tmp_path_factory.mktemp("marts") / "marts.duckdb"
    marts(path)
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")

        def frame(sql: str, params: Sequence[Any] | None = None) -> pd.DataFrame:
            return connection.execute(sql, params or []).df()

        yield frame


@pytest.fixture(scope="session")
def weekly(fetch: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a week; its brief is put in afterwards, with the receipt to match."""
    out = tmp_path_factory.mktemp("out")
    receipt = write_weekly(fetch, out, "2026-W47")
    folder = out / "weekly" / receipt.week
    payload = json.loads((folder / "kpis.json").read_text(encoding="utf-8"))
    payload["brief"] = ["Contacts rose in market DE: Größe ✓ ≤ 市場.", "A name with <script> & more."]
    content = json.dumps(payload, ensure_ascii=False).encode()
    (folder / "kpis.json").write_bytes(content)
    told = json.loads((folder / "receipt.json").read_text(encoding="utf-8"))
    for file in told["files"]:
        if file["name"] == "kpis.json":
            file |= {"bytes": len(content), "sha256": sha256(content).hexdigest()}
    (folder / "receipt.json").write_text(json.dumps(told), encoding="utf-8")
    return folder
