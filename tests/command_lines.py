"""A process that runs the product's command lines one after the other: its imports and Prefect's server start once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENDED = "the command line ended with status "
# A line of JSON in: the words and the variables of a command line. Last line out: its exit status.
SERVANT = f"""
import json, os, sys
from flows.cli import main
for line in sys.stdin:
    words, variables = json.loads(line)
    sys.argv = ["experience-kpis", *words]
    os.environ.update(variables)
    try:
        main()
    except SystemExit as end:
        sys.stderr.flush()
        print("\\n{ENDED}", end.code, sep="", flush=True)
    for name in variables:
        del os.environ[name]
"""


@dataclass(frozen=True)
class Done:
    """What a command line came to."""

    status: int
    stdout: str
    stderr: str


@contextmanager
def command_lines(place: Path, **variables: str) -> Iterator[Callable[..., Done]]:
    """Answers a function of words and settings by name; `variables` are those of the process, Prefect lies in `place`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("EXPERIENCE_KPIS_", "PREFECT_")) and "proxy" not in name.lower()
    }
    place.mkdir(parents=True, exist_ok=True)
    env = kept | {"PREFECT_HOME": str(place / "prefect")} | variables
    with (
        (place / "stderr").open("w", encoding="utf-8") as written,
        (place / "stderr").open(encoding="utf-8") as errors,
        subprocess.Popen(
            [sys.executable, "-c", SERVANT],
            env=env, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=written, text=True,
        ) as process,
    ):  # fmt: skip

        def run(*words: object, **settings: str) -> Done:
            given = {f"EXPERIENCE_KPIS_{name.upper()}": value for name, value in settings.items()}
            process.stdin.write(json.dumps([list(map(str, words)), given]) + "\n")
            process.stdin.flush()
            said = []
            for line in process.stdout:
                if line.startswith(ENDED):
                    return Done(int(line.removeprefix(ENDED)), "".join(said), errors.read())
                said.append(line)
            raise AssertionError(f"the process has ended: {''.join(said)[-2000:]}{errors.read()[-2000:]}")

        yield run
        process.stdin.close()
