"""Known rows in random ugly dialects: whatever a file looks like, no row is loaded wrong and none is lost.

A row that is loaded equals the row that was meant; one that is not is in quarantine, or its file is refused. A file of
which nothing is wrong loads whole.
"""

from __future__ import annotations

import gzip
import os
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from dialects import Written, write
from examples import GOOD, KEY

from tests.acceptance.nights import deliver, drafted, load_only

MORE = int(os.environ.get("DIALECTS", "12"))


def as_text(source: str, record: dict[str, Any]) -> dict[str, str | None]:
    """A record as the text it was written as."""
    said: dict[str, str | None] = {}
    for name in GOOD[source]:
        value = record[name]
        if name.endswith("_at") and value is not None:
            said[name] = f"{value:%Y-%m-%dT%H:%M:%SZ}"
        elif name in ("order_value", "approved_amount", "amount") and value is not None:
            said[name] = f"{value:.2f}"
        else:
            said[name] = None if value is None else str(value)
    return said


def judged(files: dict[str, Written], root: Path) -> tuple[list[str], Counter[str]]:
    """What is wrong with what became of the files, and counts."""
    for name, file in files.items():
        deliver(root / "landing", f"{file.source}/{name}.{file.ending}", file.content)
    load_only(root / "landing", root / "out")
    ledger = {line["file"]: line for line in drafted(root / "out", "from ledger.ingest_files")}
    quarantine: dict[str, list[dict[str, Any]]] = {}
    for refusal in drafted(root / "out", "from ledger.quarantine"):
        quarantine.setdefault(refusal["file"], []).append(refusal)
    records: dict[str, dict[str, Any]] = {}
    for source in GOOD:
        for record in drafted(root / "out", f"from records.{source}"):
            records.setdefault(record["_file"], {})[record[KEY[source]]] = record
    faults, counts = [], Counter[str]()
    for name, file in files.items():
        path = f"{file.source}/{name}.{file.ending}"
        line, loaded, refused = ledger[path], records.get(path, {}), quarantine.get(path, [])
        said = f"{path} ({'; '.join(file.how)})"
        counts["files"] += 1
        counts["rows"] += len(file.meant)
        counts["loaded"] += len(loaded)
        if line["refused_reason"]:
            counts["files refused"] += 1
            if file.is_plain:
                faults.append(f"{said}: refused: {line['refused_reason']}")
            continue
        for key, record in loaded.items():
            meant = file.meant.get(key)
            got = as_text(file.source, record)
            if meant and key in file.spoilt:  # a code that is spoilt is one that is not listed
                got |= {k: meant[k] for k, v in got.items() if v == "unknown"}
            if "!no whole row tells that a backslash escapes" in file.how:
                got = {k: v and v.replace("\\\\", "\\") for k, v in got.items()}
            if meant is None or got != {k: v or None for k, v in meant.items()}:
                differing = {
                    k: (v, meant and meant[k])
                    for k, v in as_text(file.source, record).items()
                    if not meant or v != (meant[k] or None)
                }
                faults.append(f"{said}: WRONG {key}: {differing}")
        missing = sorted(set(file.meant) - set(loaded))
        counts["missing"] += len(missing)
        counts["quarantined"] += len(refused)
        if missing and not refused:
            faults.append(f"{said}: LOST {missing}")
        if missing and file.is_plain:
            faults.append(f"{said}: not loaded: {missing} {refused[:1]}")
        raw = "\n".join(str(r["raw"]) for r in refused)
        faults += [f"{said}: OTHER {what}" for what in not_own(file, refused, set(loaded))]
        if gone := [key for key in missing if key not in file.spoilt and key not in raw]:
            faults.append(
                f"{said}: UNSEEN {gone} of {len(file.meant)} in {[(r['line'], r['reason'][:40], r['raw'][:50]) for r in refused][:4]}"
            )
    return faults, counts


def not_own(file: Written, refused: list[dict[str, Any]], loaded: set[str]) -> list[str]:
    """What stands in quarantine as the text of a row and is not: no line of the file, several rows, a row that has loaded."""
    if not file.ending.startswith(("csv", "tsv")):
        return []
    content = gzip.decompress(file.content) if file.ending.endswith("gz") else file.content
    lines = {line.strip() for line in re.split("\r\n|\r|\n", content.decode("utf-8-sig"))}
    found = []
    for r in refused:
        keys = set(re.findall(r"f\d+x\d+-\d+", r["raw"]))
        if r["raw"].split("\n")[0].strip() not in lines:
            found.append(f"{r['line']}: {r['raw'][:60]!r} is no line of it")
        if len(keys) > 1:
            found.append(f"{r['line']}: {len(keys)} rows {r['raw'][:60]!r}")
        found += [f"{r['line']}: {key} has loaded" for key in keys & loaded]
    return found


def made(seed: int, count: int) -> dict[str, Written]:
    chance = random.Random(seed)
    return {f"f{seed}x{n}": write(chance, f"f{seed}x{n}") for n in range(count)}


@pytest.mark.parametrize(
    "seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 2 + MORE))]
)
def test_no_row_is_loaded_wrong(tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    faults, counts = judged(made(seed, 60), tmp_path)
    with capsys.disabled():
        print(f"\n{', '.join(f'{name} {count}' for name, count in counts.items())}; {len(faults)} faults")
    assert not faults, "\n".join(faults)
    assert counts["loaded"] > counts["rows"] / 2
    assert counts["files refused"] < counts["files"] / 3
