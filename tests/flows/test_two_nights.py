"""Two nights at once: the second says who is at work, and leaves everything as it is."""

import os
import subprocess
import sys
from pathlib import Path

from transforms.warehouse import Warehouse

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "data/examples/orders_and_surveys"


def test_a_night_that_finds_another_at_work_leaves(tmp_path):
    command = [sys.executable, "-m", "flows", "nightly", "--landing", str(SHOP / "landing"), "--out", str(tmp_path)]
    with Warehouse(tmp_path / "warehouse.duckdb"):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert f"another run (process {os.getpid()}) has it open" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "marts.duckdb").exists()
