"""A fault that nobody foresaw is not taken for a night that published."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from nights import REPOSITORY, deliver

from flows import cli

ORDER = {"order_id": "1", "customer_id": "1", "market": "VN", "ordered_at": "2026-05-30", "updated_at": "2026-05-30"}
REFUSED = """
import flows.night
from flows.cli import main
flows.night.check_sources = lambda warehouse, *_: warehouse.value("select $not_given", {})
main()
"""


def test_a_bug_ends_with_status_2_and_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == cli.NOTHING
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "nobody foresaw this" in said
    assert sys.exc_info() == (None, None, None)


def test_a_statement_that_the_engine_refuses_is_said_in_a_line(tmp_path: Path) -> None:
    """What holds the error at the end of the process must not hold the engine: it would tell of a hundred leaks."""
    deliver(tmp_path / "landing", "orders/a.csv", [ORDER])
    command = ["nightly", "--landing", tmp_path / "landing", "--out", tmp_path / "out", "--as-of", "2026-06-01"]
    ended = subprocess.run(
        [sys.executable, "-c", REFUSED, *map(str, command)], cwd=REPOSITORY, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == cli.NOTHING
    assert "leak" not in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("experience-kpis: nothing published: Invalid Input Error")
