"""Nights one by one, some killed and some missed, over files as they really arrive; benchmarks/replay.py has sixty of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_replay_runs_unattended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nine nights; what is compared, counted and waited for at the end is the benchmark's own, which exits with 1 for a fault."""
    command = [sys.executable, "benchmarks/replay.py", "--nights=9", "--orders=1500", "--seed=4"]
    done = subprocess.run(
        [*command, "--kill=0.3", "--miss=0.15", "--place", str(tmp_path)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    with capsys.disabled():
        print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    published, killed, missed = map(int, re.findall(r"(\d+) (?:published|killed|missed)", done.stdout)[:3])
    assert published + killed + missed == 9
    assert min(published, killed, missed) >= 1
    assert "weekly      1 files: 2026-W06" in done.stdout
    assert "nothing lost, nothing doubled, nothing left" in done.stdout
