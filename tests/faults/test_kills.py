"""Nights that are killed at any moment: the next one ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tests.faults.worlds import deliver_week, hashes, one_night, read_version, small_world, start_night

KILLS = int(os.environ.get("KILLS", "100"))


# The step before each of the short ones, which a moment drawn from the whole night would seldom meet.
SHORT_STEPS = (
    "prepare",
    "discover",
    "ingest contacts",
    "ingest refunds",
    "ingest surveys",
    "estimates",
    "expectations",
)


def wait_for(step: str, steps: Path, night: BaseProcess) -> None:
    """Until the night has noted that a step has ended."""
    while night.is_alive() and not (steps.exists() and f"{step}\n" in steps.read_text()):
        time.sleep(0.005)


def loop_of_kills(world: Path, root: Path, kills: int, seed: int) -> tuple[Counter[str], int]:
    """Nights over files that arrive one week after another, each killed. Steps in which they were; how many published."""
    moments, where, published = random.Random(seed), Counter[str](), 0
    landing, out, steps = root / "landing", root / "out", root / "steps"
    deliver_week(world, landing, 0)
    began = time.monotonic()
    one_night(landing, out)
    span = 0.8 * (time.monotonic() - began)  # the processes are forked with everything imported
    number = arrived = 0
    while where.total() < kills:
        number += 1
        if where.total() >= arrived * kills // 3:
            arrived += 1
            deliver_week(world, landing, arrived)
        steps.unlink(missing_ok=True)
        before, _ = read_version(out)
        night = start_night(landing, out, steps)
        if number % 2:
            night.join(moments.uniform(0, span))
        else:
            wait_for(moments.choice(SHORT_STEPS), steps, night)
            night.join(moments.uniform(0, 0.3))
        night.kill()  # SIGKILL: no handler, no clean-up
        night.join()
        after, _ = read_version(out)
        if night.exitcode != -signal.SIGKILL:  # it had ended by then
            continue
        published += after != before
        where[f"after {steps.read_text().split(chr(10))[-2]}" if steps.exists() else "at the start"] += 1
    return where, published


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = small_world(tmp_path)
    for week in range(4):
        deliver_week(world, tmp_path / "undisturbed" / "landing", week)
        one_night(tmp_path / "undisturbed" / "landing", tmp_path / "undisturbed" / "out")
    root = tmp_path / "killed"
    where, published = loop_of_kills(world, root, KILLS, seed=4)
    one_night(root / "landing", root / "out")
    found, expected = hashes(root / "out"), hashes(tmp_path / "undisturbed" / "out")
    with capsys.disabled():
        print(f"\n{KILLS} kills, {published} of them after the switch; then one night:")
        for moment, times in where.most_common():
            print(f"  {times:4} {moment}")
        print("\n".join(f"  {table:15} {rows:6} rows {digest}" for table, (rows, digest) in found.items()))
    assert found == expected
    assert len(where) >= 5, "the kills were not spread over the steps"
    left = [p.name for p in (root / "out").rglob(".*")]
    assert not left, f"left behind: {left}"
