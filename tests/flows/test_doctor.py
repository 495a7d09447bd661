"""The doctor finds what is wrong before the night does, and ends with a status that says so."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows import doctor
from flows.doctor import examine
from flows.settings import Settings, load
from tests.acceptance.nights import deliver
from transforms.warehouse import Warehouse

ROOT = Path(__file__).parents[2]
NOW = datetime.now(UTC)


def fine(root: Path) -> Settings:
    deliver(root / "landing", "orders/a.csv", "order_id\no1\n")
    settings = load(landing=root / "landing", out=root / "out")
    settings.customer_key() if settings.out.mkdir() is None else None
    with Warehouse(settings.warehouse) as warehouse:
        warehouse.run("create table t as select 1 as one")
    return settings


def test_all_is_fine(tmp_path: Path) -> None:
    found = examine(fine(tmp_path), NOW)
    assert [f for f in found if not f.is_fine] == []
    assert {f.topic for f in found} >= {
        "python",
        "packages",
        "landing",
        "freshness",
        "disk",
        "permissions",
        "warehouse",
        "clock",
    }
    assert not list((tmp_path / "out").glob(".doctor*"))


FAULTS: dict[str, Callable[[Settings, pytest.MonkeyPatch], object]] = {
    "freshness": lambda s, _: os.utime(s.landing / "orders" / "a.csv", (1e9, 1e9)),
    "permissions": lambda s, _: (s.out / "hash.key").chmod(0o644),
    "disk": lambda _, patch: patch.setattr(doctor, "FREE_BYTES", 1 << 60),
    "warehouse": lambda s, _: s.warehouse.write_bytes(b"not a database" * 500),
    "packages": lambda _, patch: patch.setattr(doctor, "NEEDED", ("duckdb", "no-such-package")),
    "python": lambda _, patch: patch.setattr(doctor, "OLDEST_PYTHON", (9, 0)),
    "published": lambda s, _: ((s.out / "versions").mkdir(), (s.out / "current").symlink_to("versions/gone")),
    "clock": lambda *_: None,
}


@pytest.mark.parametrize("topic", FAULTS)
def test_a_fault_is_found(tmp_path: Path, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = fine(tmp_path)
    FAULTS[topic](settings, monkeypatch)
    now = datetime(1970, 1, 2, tzinfo=UTC) if topic == "clock" else NOW
    wrong = [f for f in examine(settings, now) if not f.is_fine]
    assert [f.topic for f in wrong] == [topic]
    assert wrong[0].advice


def test_no_landing_folder(tmp_path: Path) -> None:
    settings = load(landing=tmp_path / "none", out=tmp_path / "out")
    assert [f.topic for f in examine(settings, NOW) if not f.is_fine] == ["landing"]


def test_a_night_at_work_is_named(tmp_path: Path) -> None:
    """Another process holds the warehouse."""
    settings = fine(tmp_path)
    with Warehouse(settings.warehouse):
        command = [
            sys.executable,
            "-m",
            "flows",
            "doctor",
            "--landing",
            str(settings.landing),
            "--out",
            str(settings.out),
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert str(os.getpid()) in done.stdout  # a narrow table breaks the line before it
