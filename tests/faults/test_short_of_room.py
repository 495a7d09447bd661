"""A full disk and too little memory: the night says so and leaves; with room again the next one is as if nothing had been."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.acceptance.nights import SOURCES, marketplace
from tests.faults.worlds import deliver_week, hashes, one_night, read_version, small_world
from transforms.warehouse import OutOfRoom

ROOT = Path(__file__).parents[2]
CAN_MOUNT = (
    subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True).returncode == 0
)


@pytest.mark.slow
@pytest.mark.skipif(not CAN_MOUNT, reason="needs a mount namespace of its own (unshare -rm)")
def test_disks_of_every_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From far too small to enough; the disk of a night is that of the night before, a little larger."""
    world = small_world(tmp_path)
    landing, calm = tmp_path / "landing", tmp_path / "calm"
    for week in range(4):
        deliver_week(world, landing, week)
    one_night(landing, calm)
    enough = sum(p.stat().st_size for p in calm.rglob("*") if p.is_file()) // 1024
    sizes = [str(round(enough * share / 20)) for share in range(1, 60, 2)] + [str(enough * 4)]
    (tmp_path / "disk").mkdir()
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, "-m", "tests.faults.starve", landing, tmp_path / "disk", *sizes],
        cwd=ROOT, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    *nights, found = map(json.loads, done.stdout.splitlines())
    with capsys.disabled():
        print(f"\n{len(nights)} nights on disks of {sizes[0]} to {sizes[-1]} KB:")
        for (ended, last), times in Counter((n["ended"], n["last"]) for n in nights).items():
            print(f"  {times:3} after {last or 'nothing':17} {ended}")
    full = [n for n in nights if n["ended"] != "published"]
    assert len(full) >= 5
    assert nights[-1]["ended"] == "published"
    assert all(n["ended"].startswith(("OutOfRoom", "OSError", "EngineError")) for n in full)
    assert {table: tuple(mark) for table, mark in found.items()} == hashes(calm)


@pytest.mark.slow
def test_too_little_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = marketplace(tmp_path / "world", orders=20000, weeks=12, files="one")
    landing, out, calm = world, tmp_path / "out", tmp_path / "calm"
    assert {path.name for path in landing.iterdir()} >= set(SOURCES)
    ended = []
    for memory in ("12MB", "20MB", "30MB", "45MB", "60MB", "512MB"):
        try:
            one_night(landing, out, memory=memory)
            ended.append((memory, "published"))
        except OutOfRoom as error:
            ended.append((memory, f"OutOfRoom: {str(error)[:100]}"))
    one_night(landing, calm)
    with capsys.disabled():
        print("\n" + "\n".join(f"  {memory:>6} {how}" for memory, how in ended))
    assert all("emory" in how for _, how in ended if how != "published")
    assert ended[0][1] != "published"
    assert ended[-1][1] == "published"
    assert read_version(out)[1] > 0
    assert hashes(out) == hashes(calm)
