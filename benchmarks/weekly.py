"""How long the weekly file takes, by section: CPU and wall-clock seconds, without the imports that come first.

    experience-kpis nightly --landing data/sample --out /tmp/out --as-of 2026-11-23T00:00:00Z
    PYTHONPATH=. python benchmarks/weekly.py /tmp/out

It writes the file of the latest week that is over to a folder of its own, which is thrown away. A section's time holds
that of the sections in it, which follow it indented. On a machine that does other work, compare the CPU seconds.
"""

from __future__ import annotations

import argparse
import importlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from transforms.leadership import files
from transforms.warehouse import Warehouse

# What is timed: the module that calls it, its name there, and how deep it lies.
SECTIONS = (
    ("transforms.leadership.files", "read_frames", 0),
    ("transforms.leadership.frames", "find_hidden", 1),
    ("transforms.leadership.findings", "find", 0),
    ("transforms.leadership.findings", "_find_signals", 1),
    ("transforms.leadership.findings", "find_causes", 1),
    ("transforms.leadership.findings", "_hear", 1),
    ("transforms.leadership.findings", "_drivers", 1),
    ("transforms.leadership.files", "build_payload", 0),
    ("transforms.leadership.files", "draw_charts", 0),
    ("transforms.leadership.files", "render_xlsx", 0),
    ("transforms.leadership.files", "render_parquet", 0),
    ("transforms.leadership.files", "render_html", 0),
    ("transforms.leadership.files", "render_pdf", 0),
    ("transforms.leadership.files", "with_issue", 0),
)
IMPORTED = ("altair", "vl_convert", "typst", "xlsxwriter", "pyarrow.parquet", "scipy.optimize", "scipy.sparse.csgraph")

Seconds = dict[str, list[float]]  # section -> CPU, wall clock


@contextmanager
def timed(section: str, spent: Seconds) -> Iterator[None]:
    """Add what the block takes to the section's seconds."""
    start = time.process_time(), time.perf_counter()
    yield
    own = spent.setdefault(section, [0.0, 0.0])
    own[0] += time.process_time() - start[0]
    own[1] += time.perf_counter() - start[1]


def watch(spent: Seconds) -> None:
    """From now on every section adds its seconds up."""
    for module, name, _ in SECTIONS:
        place = importlib.import_module(module)
        setattr(place, name, _watched(getattr(place, name), name, spent))


def _watched(function: Callable[..., Any], name: str, spent: Seconds) -> Callable[..., Any]:
    def run(*given: Any, **named: Any) -> Any:
        with timed(name, spent):
            return function(*given, **named)

    return run


def main() -> None:
    """Print the seconds as a table, or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the output folder of a night")
    parser.add_argument("--week", help="ISO week such as 2026-W47")
    parser.add_argument("--json", action="store_true", help="one JSON line")
    arguments = parser.parse_args()
    spent: Seconds = {}
    with timed("imports", spent):
        for module in IMPORTED:
            importlib.import_module(module)
        watch(spent)
    marts = (arguments.out / "marts.duckdb").resolve()
    with tempfile.TemporaryDirectory() as folder, Warehouse(marts, read_only=True) as warehouse, timed("all", spent):
        files.write_weekly(warehouse.frame, Path(folder), arguments.week, published_at=datetime.now(UTC))
    if arguments.json:
        print(json.dumps({name: {"cpu": cpu, "wall": wall} for name, (cpu, wall) in spent.items()}))
        return
    print(f"{'section':<24}{'CPU s':>8}{'wall s':>8}")
    for name, depth in (("imports", 0), *((name, depth) for _, name, depth in SECTIONS), ("all", 0)):
        if name in spent:
            print(f"{'  ' * depth + name.strip('_'):<24}{spent[name][0]:>8.2f}{spent[name][1]:>8.2f}")


if __name__ == "__main__":
    main()
