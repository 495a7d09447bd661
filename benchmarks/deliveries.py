"""How the daily files of a marketplace really arrive: late, shuffled, twice, overlapping, broken, corrected afterwards.

For a seed the same; the last night has received everything, and every file that arrived broken has been replaced.
"""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SOURCES = ("orders", "returns", "refunds", "contacts", "surveys")
# What a correction changes, and what a broken row has in the place of a time.
CORRECTED = {"orders": "category", "returns": "reason_code", "refunds": "method", "contacts": "reason_code", "surveys": "touchpoint"}  # fmt: skip
DATED = {"orders": "ordered_at", "returns": "requested_at", "refunds": "issued_at", "contacts": "created_at", "surveys": "invited_at"}  # fmt: skip
# The share of a source's days to which each happens, beside the rows being in no order.
CHANCES = {"late": 0.10, "very late": 0.02, "again": 0.06, "overlapping": 0.06, "corrected": 0.08, "faulty": 0.05, "bad": 0.04}  # fmt: skip

Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Arrival:
    """A file that is in the landing folder from a night on (0 = the first); `kind` says what is odd about it."""

    night: int
    name: str
    content: bytes
    kind: str


def arrivals(world: Path, nights: int, seed: int) -> dict[int, list[Arrival]]:
    """By night, the files of the first `nights` days of a world (`--files per-day`, csv.gz) as they arrive."""
    chance, found = random.Random(seed), []
    for source in SOURCES:
        days = [read(path) for path in sorted((world / source).iterdir())[:nights]]
        for day, rows in enumerate(days):
            if rows:  # an extract of no rows is not sent
                found += _of_a_day(chance, source, day, rows, days[day - 1] if day else [])
    by_night = defaultdict(list)
    for arrival in found:
        by_night[min(arrival.night, nights - 1)].append(arrival)
    # Of two files of one name in one night the later one is there.
    return {n: sorted(some, key=lambda a: a.night) for n, some in by_night.items()}


def _of_a_day(chance: random.Random, source: str, day: int, rows: Rows, before: Rows) -> list[Arrival]:
    """The files that bring one day of a source."""
    name, happens = f"{source}/{source}_{day:03}.csv.gz", {kind for kind, p in CHANCES.items() if chance.random() < p}
    rows = chance.sample(rows, len(rows))
    night = day + ("late" in happens) * chance.randint(1, 6) + ("very late" in happens) * chance.randint(14, 35)
    found = [Arrival(night, name, packed(rows), "late" if night > day else "on time")]
    if "bad" in happens:
        broken = chance.choice(BAD)(rows, source)
        found = [
            Arrival(night, name, broken, "bad"),
            Arrival(night + chance.randint(1, 3), name, packed(rows), "healed"),
        ]
    elif "faulty" in happens:
        bad = {id(row) for row in chance.sample(rows, min(3, len(rows)))}
        faulty = [row | {DATED[source]: "yesterday"} if id(row) in bad else row for row in rows]
        found = [Arrival(night, name, packed(faulty), "faulty"), Arrival(night + chance.randint(1, 4), name, packed(rows), "healed")]  # fmt: skip
    if "again" in happens:
        found.append(Arrival(night + chance.randint(0, 5), name.replace(".csv", "_again.csv"), packed(rows), "again"))
    if "overlapping" in happens:
        found.append(Arrival(night + chance.randint(0, 3), name.replace(".csv", "_two_days.csv"), packed(before + rows), "overlapping"))  # fmt: skip
    if "corrected" in happens:
        found += _corrections(chance, source, name, rows, night + chance.randint(0, 20))
    return found


def _corrections(chance: random.Random, source: str, name: str, rows: Rows, night: int) -> list[Arrival]:
    """Some rows with another value, updated a second later, and in half of the cases corrected twice in one night."""
    column, some = CORRECTED[source], chance.sample(rows, min(6, len(rows)))
    found = []
    for time in range(1, chance.choice([2, 3])):
        values = chance.sample(some, len(some))
        changed = [
            row | {column: other[column], "updated_at": row["updated_at"].replace("Z", f".{time}00Z")}
            for row, other in zip(some, values, strict=True)
        ]
        found.append(Arrival(night, name.replace(".csv", f"_correction_{time}.csv"), packed(changed), "correction"))
    return found


def put(landing: Path, name: str, content: bytes) -> None:
    """A file arrives, whole."""
    path = landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(f".{path.name}").write_bytes(content)
    path.with_name(f".{path.name}").rename(path)


def read(path: Path) -> Rows:
    """The rows of a packed CSV file, all text."""
    with gzip.open(path, "rt", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def packed(rows: Rows, but: str = "") -> bytes:
    """Rows as a packed CSV file, without the column `but`; the same bytes for the same rows."""
    names = [name for name in rows[0] if name != but]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return gzip.compress(text.getvalue().encode(), mtime=0)


BAD: tuple[Callable[[Rows, str], bytes], ...] = (
    lambda rows, _: packed(rows)[: len(packed(rows)) // 2],
    lambda _rows, _source: b"",
    lambda _rows, _source: random.Random(1).randbytes(2000),
    lambda rows, _: packed(rows, but="updated_at"),
    lambda rows, source: packed(rows, but=DATED[source]) if source != "surveys" else packed(rows, but="survey_type"),
)
