#!/usr/bin/env python3
"""A first full night against the bare script on the same files, in turns, in one run.

    python benchmarks/run.py [--orders 1000000] [--format parquet] [--rounds 3] [--threads 2]

Makes a world of `--orders` orders in one file per source, then lets `bare.py` and a night (ingest, facts, KPIs,
intervals, expectations, publishing to DuckDB and Parquet) take turns, each in a process of its own. The ratio is the
night's median wall time over the bare script's. Start-up (imports, Great Expectations above all) is counted apart:
it does not grow with the data.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
AS_OF = "2026-07-06T00:00:00+00:00"

NIGHT = """
import json, sys, time, resource
began = time.perf_counter()
from datetime import datetime
from expectations.gate import preload
from flows.night import Night
from flows.settings import load
preload()
startup, began, spent = time.perf_counter() - began, time.perf_counter(), time.process_time()
steps = {}
settings = load(landing=sys.argv[1], out=sys.argv[2], memory=sys.argv[3], threads=int(sys.argv[4]))
with Night(settings, datetime.fromisoformat(sys.argv[5]), lambda name, seconds, *_: steps.update({name: round(seconds, 2)})) as night:
    result = night.run()
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps({"seconds": round(seconds, 2), "cpu_seconds": round(time.process_time() - spent, 1), "startup": round(startup, 2),
                  "peak_mb": peak, "steps": steps, "withheld": result.withheld}))
"""


def main() -> None:
    """Run and print."""
    args = arguments()
    with tempfile.TemporaryDirectory(prefix="experience-kpis-benchmark-") as place:
        world = args.world or make_world(Path(place) / "world", args.orders, args.format, "one")
        rounds = []
        for number in range(args.rounds):
            limits = ["--threads", args.threads, "--memory", args.memory]
            bare = run([HERE / "bare.py", world, "--final-state", "--as-of", AS_OF, *limits])
            out = Path(place) / f"out{number}"
            night = run(["-c", NIGHT, world, out, args.memory, args.threads, AS_OF])
            rounds.append((bare, night))
            print(
                f"round {number + 1}: bare {bare['seconds']} s, night {night['seconds']} s", file=sys.stderr, flush=True
            )
    seconds = {name: statistics.median(r[i]["seconds"] for r in rounds) for i, name in enumerate(("bare", "night"))}
    best = min(rounds, key=lambda r: r[1]["seconds"])[1]
    print(f"\n{args.orders:,} orders, {args.format}, {args.threads} threads, median of {args.rounds}")
    print(f"bare script  {seconds['bare']:7.2f} s   {rounds[0][0]['peak_mb']:5} MB")
    print(f"night        {seconds['night']:7.2f} s   {best['peak_mb']:5} MB   + {best['startup']} s start-up")
    print(f"ratio        {seconds['night'] / seconds['bare']:7.2f}")
    print("steps        " + ", ".join(f"{name} {value}" for name, value in best["steps"].items()))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--format", choices=["parquet", "csv.gz"], default="parquet")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--world", type=Path, help="a world made before, instead of a new one")
    return parser.parse_args()


def make_world(place: Path, orders: int, form: str, files: str) -> Path:
    """A marketplace; `files`: how they are cut, "one" a source or "per-day"."""
    began = time.perf_counter()
    how: list[str | Path] = ["--orders", str(orders), "--files", files, "--format", form, "--no-truth"]
    command = [sys.executable, ROOT / "tests/marketplace.py", place, *how]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    print(f"world made in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return place


def run(command: list[object]) -> dict[str, Any]:
    """The JSON line that a script prints."""
    done = subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


if __name__ == "__main__":
    main()
