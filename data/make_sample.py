"""Make the sample extracts again: ``data/sample`` (the landing folder) and ``data/sample_truth`` (the answers).

    python data/make_sample.py            # replaces both folders
    python data/make_sample.py --check    # makes them in a temporary folder and compares; exit 1 when they differ

The marketplace generator of the test suite writes the world below for one seed, so the same files come out on every
run. Its weekly files are packed again at gzip's highest level (no name, no time stamp in the header), which saves a
tenth of the repository's share. ``--check`` compares what the files hold, not the packed bytes: another build of zlib
may pack the same text differently.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parent
GENERATOR = DATA.parent / "tests" / "marketplace.py"
SOURCES = ("orders", "returns", "refunds", "contacts", "surveys")

# 58 weeks, so that the last weeks have a prior year (364 days before); about 1,140 orders and 35 NPS answers a week,
# so that the headline of a week is not too small to be read.
WORLD = ["--orders", "66000", "--start", "2025-10-13", "--weeks", "58", "--seed", "2026"]
WORLD += ["--files", "per-week", "--format", "csv.gz", "--dirt", "0.003"]

# What happens in this world; data/README.md tells the same in words.
INCIDENTS: list[dict[str, Any]] = [
    {
        "week": "2026-02-02",
        "weeks": 8,
        "where": {"market": "DE"},
        "effect": {"stage_slowdown": {"credit": 4.0}},
    },
    {
        "week": "2026-10-19",
        "weeks": 5,
        "where": {"market": "US", "carrier": "ups"},
        "effect": {"stage_slowdown": {"inspect": 7.0}},
    },
    {
        "week": "2026-11-02",
        "weeks": 3,
        "where": {"category": ["fashion", "shoes"]},
        "effect": {"nps_shift": -4.0},
    },
    {
        "week": "2026-11-16",
        "weeks": 1,
        "where": {"fulfilment": "platform"},
        "effect": {"contact_multiplier": 3.5, "reason": "where_is_my_order"},
    },
]


def pack(source: Path, target: Path) -> None:
    """Write ``source`` (plain or gzip) to ``target`` as gzip, bytes depending on the content alone."""
    content = unpacked(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(content)


def unpacked(path: Path) -> bytes:
    """The bytes a file holds once unpacked; a plain file as it is."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def make(folder: Path) -> None:
    """Write ``folder``/sample and ``folder``/sample_truth; both must not exist."""
    with tempfile.TemporaryDirectory() as scratch:
        world, incidents = Path(scratch) / "world", Path(scratch) / "incidents.json"
        incidents.write_text(json.dumps(INCIDENTS))
        command = [sys.executable, str(GENERATOR), str(world), *WORLD, "--incidents", str(incidents)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        for source in SOURCES:
            for file in sorted((world / source).iterdir()):
                pack(file, folder / "sample" / source / file.name)
        for name in ("kpis.csv", "faults.csv", "accounting.csv"):
            pack(world / "truth" / name, folder / "sample_truth" / f"{name}.gz")
        truth = json.loads((world / "truth" / "incidents.json").read_text())
        truth["world"].pop("incidents")  # the path of a temporary file: it says nothing about the world
        (folder / "sample_truth" / "incidents.json").write_text(json.dumps(truth, indent=1) + "\n")


def differences(made: Path, kept: Path) -> list[str]:
    """Relative paths of the files of the two trees that are missing on one side or hold something else."""
    names = {
        path.relative_to(root)
        for root in (made, kept)
        for part in ("sample", "sample_truth")
        for path in (root / part).rglob("*")
        if path.is_file()
    }
    same = {
        name
        for name in names
        if (made / name).is_file() and (kept / name).is_file() and unpacked(made / name) == unpacked(kept / name)
    }
    return sorted(str(name) for name in names - same)


def main() -> int:
    """Replace the sample, or compare it with a fresh one; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with a fresh one instead of replacing")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        make(fresh)
        if args.check:
            changed = differences(fresh, DATA)
            print("\n".join(changed) or "data/sample and data/sample_truth are as generated")
            return 1 if changed else 0
        for part in ("sample", "sample_truth"):
            shutil.rmtree(DATA / part, ignore_errors=True)
            shutil.copytree(fresh / part, DATA / part)
    return 0


if __name__ == "__main__":
    sys.exit(main())
