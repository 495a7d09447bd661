#!/usr/bin/env python3
"""The night of one more day of files, against the first night over all before it and against the same over a tenth of it.

    python benchmarks/next_night.py [--orders 1000000] [--rounds 3] [--threads 2] [--world DIR]

Makes a world of `--orders` orders with a Parquet file a day and source. In each round: a first night over all days but the
last, then the night in which the last day's files came, then one in which nothing came; all three also over the last tenth
of the days. Each night is a process of its own; start-up (imports) is counted apart.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

from run import AS_OF, NIGHT, make_world, run


def main() -> None:
    """Run and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--world", type=Path, help="a world made before, with a file a day and source")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="experience-kpis-benchmark-") as place:
        world = args.world or make_world(Path(place) / "world", args.orders, "parquet", "per-day")
        found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
        for number in range(args.rounds):
            for history, share in (("all", 1.0), ("a tenth", 0.1)):
                landing, out = Path(place) / f"landing{number}{share}", Path(place) / f"out{number}{share}"
                for night, as_of in moments().items():
                    deliver(world, landing, share, with_last=night != "first")
                    told = run(["-c", NIGHT, landing, out, args.memory, args.threads, as_of])
                    found[history, night].append((told["seconds"], told["cpu_seconds"]))
                    print(
                        f"round {number + 1}, {history}, {night}: {told['seconds']} s {told['steps']}", file=sys.stderr
                    )
                shutil.rmtree(out)
    print(
        f"\n{args.orders:,} orders, a Parquet file a day and source, medians of {args.rounds}, {args.threads} threads"
    )
    for (history, night), rounds in found.items():
        seconds, cpu = (statistics.median(one) for one in zip(*rounds, strict=True))
        print(f"{history:8} {night:6} {seconds:7.1f} s {cpu:7.1f} s of a processor")


def moments() -> dict[str, str]:
    """The as-of time of each night: the day before the world's end, its end, and a day later."""
    end = datetime.fromisoformat(AS_OF)
    return {
        name: (end + timedelta(days=days)).isoformat() for name, days in {"first": -1, "next": 0, "quiet": 1}.items()
    }


def deliver(world: Path, landing: Path, share: float, with_last: bool) -> None:
    """Links to the files of the last `share` of the days, with or without those of the last day."""
    for folder in sorted(path for path in world.iterdir() if path.is_dir() and path.name != "truth"):
        files = sorted(folder.iterdir())
        (landing / folder.name).mkdir(parents=True, exist_ok=True)
        for file in files[-max(2, round(share * len(files))) : len(files) if with_last else -1]:
            link = landing / folder.name / file.name
            if not link.exists():
                link.symlink_to(file)


if __name__ == "__main__":
    main()
