"""Run in a mount namespace of its own: nights on a disk that is too small, and at last on one that is not.

    unshare -rm python -m tests.faults.starve LANDING EMPTY_FOLDER SIZE_IN_KB ...

Prints a line of JSON per night: size, what it ended with, the version that a reader finds after it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.faults.worlds import hashes, one_night, read_version


def main(landing: Path, disk: Path, sizes: list[str]) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={sizes[0]}k", "tmpfs", disk], check=True)
    out = disk / "out"
    for size in sizes:
        subprocess.run(["mount", "-o", f"remount,size={size}k", disk], check=True)
        steps = disk.parent / "steps"
        steps.unlink(missing_ok=True)
        try:
            one_night(landing, out, steps)
            ended = "published"
        except Exception as error:
            ended = f"{type(error).__name__}: {str(error)[:90]}"
        found = read_version(out) if (out / "current").exists() else None
        last = steps.read_text().split("\n")[-2] if steps.exists() else ""
        print(json.dumps({"kb": int(size), "ended": ended, "last": last, "version": found and found[0]}), flush=True)
    print(json.dumps(hashes(out)), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
