#!/usr/bin/env python3
"""Sixty nights, one by one and unattended, over files as they really arrive; at the end as if there had been one.

    PYTHONPATH=. python benchmarks/replay.py [--nights 60] [--orders 15000] [--seed 1] [--place EMPTY_FOLDER]

Deals the daily files of a marketplace to a landing folder, night by night: late, shuffled, repeated, overlapping, broken
and corrected ones (deliveries.py). Each night is a process of its own with its own as-of time; some are killed (-9) at a
random moment and some never start: the next night takes over what they left. After each Sunday a weekly file is written.
Markets have the time zones of their own, so days of 23 and 25 hours lie within. A reader polls the published marts.

At the end: the marts equal those of one night over everything that lies there, bit for bit; the ledger balances; the
reader saw no error and no mix of versions; nothing is left behind. Says so in a table, with the seconds of the nights;
exit status 1 when something is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deliveries import SOURCES, arrivals, put

from transforms.publish import current_version, list_versions
from transforms.warehouse import Warehouse

ROOT = Path(__file__).resolve().parents[1]
START = datetime(2026, 2, 2, tzinfo=UTC)  # a Monday; clocks change on 8 March (US) and 29 March (Europe)
ZONES = {"US": "America/New_York", "DE": "Europe/Berlin", "VN": "Asia/Ho_Chi_Minh"}
KEEP = 4
MARTS = ("kpi_daily", "kpi_weekly", "kpi_monthly", "kpi_rows", "quarantine", "open_cases", "comments")
READ = ("kpi_weekly", "kpi_monthly", "ingest_files")

NIGHT = """
import sys
from datetime import datetime
from flows.night import Night
from flows.settings import load
said = lambda name, seconds, *_: print(name, round(seconds, 2), flush=True)
with Night(load(landing=sys.argv[1], out=sys.argv[2]), datetime.fromisoformat(sys.argv[3]), said) as night:
    night.run()
"""
WEEKLY = """
import sys
from pathlib import Path
from transforms.leadership.files import write_weekly
from transforms.warehouse import Warehouse
out = Path(sys.argv[1])
with Warehouse((out / "marts.duckdb").resolve(), read_only=True) as marts:
    write_weekly(marts.frame, out, sys.argv[2])
"""


@dataclass
class Replay:
    """What became of the nights, and what is wrong at the end (nothing, it is hoped)."""

    nights: list[dict[str, Any]] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    weeks: list[str] = field(default_factory=list)
    reads: int = 0
    versions_read: int = 0
    counts: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def times(self, what: str) -> int:
        """How many nights ended as `published`, `killed` or `missed`."""
        return sum(night["ended"] == what for night in self.nights)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("nights", 60), ("orders", 15000), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--kill", type=float, default=0.2, help="share of nights that are killed (0.2)")
    parser.add_argument("--miss", type=float, default=0.07, help="share of nights that do not start (0.07)")
    parser.add_argument("--place", type=Path, help="a folder to work in that stays; default: one that goes")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="experience-kpis-replay-") as temporary:
        done = replay(args.place or Path(temporary), args.nights, args.orders, args.seed, args.kill, args.miss)
    print_table(done)
    sys.exit(bool(done.faults))


def replay(place: Path, nights: int, orders: int, seed: int, kill: float, miss: float) -> Replay:
    """The nights over a world in `place`, and what is found at the end. The first and the last night run through."""
    world, landing, out = place / "world", place / "landing", place / "out"
    make = [sys.executable, ROOT / "tests/marketplace.py", world, f"--orders={orders}", f"--weeks={-(-nights // 7)}"]
    make += [f"--seed={seed}", f"--start={START:%F}", "--files=per-day", "--no-truth"]
    subprocess.run(list(map(str, make)), check=True, capture_output=True)
    due, chance, done = arrivals(world, nights, seed), random.Random(seed), Replay()
    reader = start([__file__, "--read", out], place / "reader.log")
    marks: dict[str | None, list[Any]] = {}
    week_due, patience = "", 60.0
    for number in range(nights):
        for arrival in due.get(number, []):
            put(landing, arrival.name, arrival.content)
            done.kinds[arrival.kind] += 1
        as_of, runs_through = START + timedelta(days=number + 1, hours=2), number in (0, nights - 1)
        is_killed, is_missed = chance.random() < kill, chance.random() < miss
        row: dict[str, Any] = {
            "night": number + 1,
            "files": len(due.get(number, [])),
            "seconds": 0.0,
            "at": "",
            "ended": "missed",
        }
        if runs_through or not is_missed:
            moment = chance.uniform(0, patience) if is_killed and not runs_through else None
            row |= a_night(landing, out, as_of, moment, place / "night.log")
        if as_of.isoweekday() == 1:
            week_due = f"{as_of - timedelta(days=7):%G-W%V}"
        if row["ended"] == "published":
            patience = row["seconds"]
            marks[current_version(out)] = read_database(out)
            row |= history(out)
            if week_due:
                weekly(out, week_due, place / "weekly.log", done)
                week_due = ""
        elif row["ended"] == "failed":
            done.faults.append(f"night {number + 1} failed: {(place / 'night.log').read_text()[-400:]}")
        done.nights.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    (out / "over").touch()
    reader.wait(timeout=300)
    (out / "over").unlink()
    judge_reader(place / "reader.log", marks, done)
    judge_end(landing, place, out, START + timedelta(days=nights, hours=2), done)
    return done


def start(command: list[Any], log: Path) -> subprocess.Popen[str]:
    """A process with the settings of the replay, that writes to `log`."""
    env = os.environ | {
        "PYTHONPATH": str(ROOT),
        "EXPERIENCE_KPIS_HASH_KEY": "of the replay",
        "EXPERIENCE_KPIS_KEEP_VERSIONS": str(KEEP),
        "EXPERIENCE_KPIS_MARKET_TIME_ZONES": json.dumps(ZONES),
    }
    with log.open("w") as file:
        command = [sys.executable, *map(str, command)]
        return subprocess.Popen(command, cwd=ROOT, env=env, stdout=file, stderr=file, text=True)


def a_night(landing: Path, out: Path, as_of: datetime, moment: float | None, log: Path) -> dict[str, Any]:
    """A night in a process, killed after `moment` seconds unless it has ended by then: how it ended, after how long, at what."""
    began, cpu = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = start(["-c", NIGHT, landing, out, as_of.isoformat()], log)
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    ended = {0: "published", -signal.SIGKILL: "killed"}.get(process.returncode, "failed")
    steps = [line.rsplit(" ", 1) for line in log.read_text().splitlines() if line[:1].islower()]
    at = f"after {steps[-1][0]}" if steps and ended == "killed" else "at the start" if ended == "killed" else ""
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime
    return {"ended": ended, "seconds": round(time.monotonic() - began, 1), "cpu": round(worked, 1), "at": at}


def history(out: Path) -> dict[str, int]:
    """How much there is by now: rows read so far, values published."""
    with Warehouse((out / "marts.duckdb").resolve(), read_only=True) as marts:
        rows = marts.value("select cast(sum(rows_read) as bigint) from ingest_files")
        return {"rows": rows, "values": marts.value("select count(*) from kpi_daily")}


def weekly(out: Path, week: str, log: Path, done: Replay) -> None:
    """The weekly file of the week that is over."""
    if start(["-c", WEEKLY, out, week], log).wait():
        done.faults.append(f"weekly file {week}: {log.read_text()[-400:]}")
    done.weeks.append(week)


def read_database(out: Path, folder: Path | None = None) -> list[Any]:
    """What tells versions apart, over one connection; `folder`: of the Parquet files in it instead."""
    with Warehouse(":memory:" if folder else (out / "marts.duckdb").resolve(), read_only=not folder) as engine:
        tables = {t: f"read_parquet('{folder}/{t}.parquet')" if folder else t for t in (*READ, "runs")}
        return [
            *(list(engine.rows(f"select count(*), cast(sum(hash(t)) as varchar) from {tables[t]} as t")[0]) for t in READ),
            engine.value(f"select max(run_id) from {tables['runs']}"),
        ]  # fmt: skip


def read_on(out: Path) -> None:
    """Poll the published marts until the nights are over; a line per distinct answer, or fault."""
    said: Counter[str] = Counter()
    while not (out / "over").exists():
        time.sleep(1)
        if not (out / "current").exists():
            continue
        try:
            answer = {"database": read_database(out), "parquet": read_database(out, (out / "marts").resolve())}
        except Exception as error:
            answer = {"fault": [f"{type(error).__name__}: {error}"]}
        for way, found in answer.items():
            said[json.dumps([way, found])] += 1
    for line, times in said.items():
        print(json.dumps([*json.loads(line), times]), flush=True)


def judge_reader(log: Path, marks: dict[str | None, list[Any]], done: Replay) -> None:
    """Every answer has to be that of one version, as it is in a quiet moment; a killed night can have published too."""
    known = {mark[-1]: mark for mark in marks.values()}
    seen: dict[str, list[Any]] = {}
    for line in log.read_text().splitlines():
        read: tuple[str, list[Any], int] = json.loads(line) if line.startswith("[") else ("fault", [line], 1)
        way, found, times = read
        done.reads += times
        if way == "fault":
            done.faults.append(f"reader: {found[0]}")
        elif seen.setdefault(found[-1], found) != found or known.get(found[-1], found) != found:
            done.faults.append(f"reader: a mix of versions in {way} {found}")
    done.versions_read = len(seen)


def judge_end(landing: Path, place: Path, out: Path, as_of: datetime, done: Replay) -> None:
    """Against a rebuild, and what has to be so by itself."""
    again = place / "again"
    row = a_night(landing, again, as_of, None, place / "again.log")
    done.counts["rebuild_seconds"] = row["seconds"]
    if row["ended"] != "published":
        done.faults.append(f"the rebuild {row['ended']}: {(place / 'again.log').read_text()[-400:]}")
        return
    for name, (rows, differing) in compare(out, again).items():
        done.counts[name] = rows
        if differing or (name in MARTS[:3] and not rows):
            done.faults.append(f"{name}: {differing} of {rows} rows differ from the rebuild")
    with Warehouse((out / "marts.duckdb").resolve(), read_only=True) as marts:
        unbalanced = "rows_read <> rows_accepted + rows_superseded + rows_quarantined"
        if wrong := marts.rows(f"select file from ingest_files where {unbalanced}"):
            done.faults.append(f"the ledger does not balance for {wrong}")
        loaded = {r[0] for r in marts.rows("select file from ingest_files where refused_reason is null")}
        there = {p.relative_to(landing).as_posix() for s in SOURCES for p in (landing / s).iterdir()}
        if loaded != there:
            done.faults.append(f"files without a ledger entry, or the reverse: {sorted(loaded ^ there)[:5]}")
        if refused := marts.rows("select file from ingest_files where refused_reason is not null"):
            done.faults.append(f"still refused: {refused[:5]}")
    if left := [p.name for p in out.rglob(".*")]:
        done.faults.append(f"left behind: {left}")
    kept = len(list_versions(out))  # a night that is killed at its very end has published
    if not min(KEEP, done.times("published")) <= kept <= KEEP:
        done.faults.append(f"{kept} versions are kept, expected {KEEP}")
    written = sorted(p.name for p in (out / "weekly").glob("[0-9]*")) if done.weeks else []
    if written != sorted(done.weeks):
        done.faults.append(f"weekly files {written}, expected {done.weeks}")


def compare(out: Path, again: Path) -> dict[str, tuple[int, int]]:
    """Rows of each mart and each histogram, and how many are not in both."""
    found = {}
    with Warehouse(":memory:") as engine:
        for side, folder in (("a", out), ("b", again)):
            engine.run(f"attach '{(folder / 'marts.duckdb').resolve()}' as {side} (read_only)")
            engine.run(f"attach '{folder / 'warehouse.duckdb'}' as w{side} (read_only)")
        sums = engine.rows("select distinct table_name from duckdb_columns() where database_name = 'wa' and schema_name = 'sums' and column_name = 'waited_seconds'")  # fmt: skip
        pairs = {name: (f"a.{name}", f"b.{name}") for name in MARTS}
        pairs |= {f"histogram {name}": (f"wa.sums.{name}", f"wb.sums.{name}") for (name,) in sorted(sums)}
        for name, (ours, theirs) in pairs.items():
            but = "exclude (run_id)" if name == "quarantine" else ""
            both = f"(select * {but} from {ours} except all select * {but} from {theirs}) union all (select * {but} from {theirs} except all select * {but} from {ours})"
            found[name] = (engine.value(f"select count(*) from {ours}"), engine.value(f"select count(*) from ({both})"))
    return found


def print_table(done: Replay) -> None:
    """The counts and the seconds of nights, for people."""
    ran = [night for night in done.nights if night["ended"] == "published"]
    where = Counter(night["at"] for night in done.nights if night["ended"] == "killed")
    print(
        f"\n{len(done.nights)} nights: {len(ran)} published, {done.times('killed')} killed, {done.times('missed')} missed"
    )
    print("killed      " + ", ".join(f"{times} {at}" for at, times in where.most_common()))
    print("files       " + ", ".join(f"{times} {kind}" for kind, times in done.kinds.most_common()))
    print(f"weekly      {len(done.weeks)} files: {', '.join(done.weeks)}")
    print(f"reader      {done.reads} reads of {done.versions_read} versions")
    print(f"\n{'night':>8} {'files':>6} {'rows so far':>12} {'daily values':>13} {'seconds':>8} {'CPU s':>8}")
    for night in [*ran[:: max(1, len(ran) // 8)], ran[-1]]:
        print("{night:8} {files:6} {rows:12,} {values:13,} {seconds:8} {cpu:8}".format(**night))
    third = max(1, len(ran) // 3)
    medians = [statistics.median(n["cpu"] for n in some) for some in (ran[:third], ran, ran[-third:])]
    print(f"median      {medians[1]:.1f} CPU s; of the first third {medians[0]:.1f}, of the last {medians[2]:.1f}")
    print(f"rebuild     {done.counts.pop('rebuild_seconds', None)} s in one night; the same as {len(ran)} nights:")
    print("\n".join(f"  {name:28} {rows:9,} rows" for name, rows in done.counts.items()))
    print("\n".join(["\nnothing lost, nothing doubled, nothing left"] if not done.faults else ["", *done.faults]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read_on(Path(sys.argv[2]))
    else:
        main()
