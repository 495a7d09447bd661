"""How well the lexicon finds why customers write, against the true causes of a synthetic marketplace.

    python benchmarks/themes.py WORLD          # a folder made by tests/marketplace.py, with its truth
    python benchmarks/themes.py WORLD --repeat 1000000     # and the time for so many comments

The leading theme of each comment is compared with its cause: accuracy, Cohen's kappa, F1 of each theme. The
marketplace writes from a small grammar that the lexicon's author could read, so this says that nothing is broken, not
how it does in the wild; tests/insight/theme_cases.txt is written freely.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path

from transforms.voice.patterns import make_redaction, make_themes
from transforms.warehouse import Warehouse

COMMENTS = """
select distinct
    response_id,
    comment,
    cause
from read_csv(?, all_varchar = true)
inner join (select response_id, any_value(cause) as cause from read_csv(?, all_varchar = true) group by all)
    using (response_id)
where comment is not null
"""


def kappa(true: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """Agreement beyond chance (Cohen 1960)."""
    n, (rows, columns) = len(true), (Counter(true), Counter(found))
    observed = sum(a == b for a, b in zip(true, found, strict=True)) / n
    expected = sum(rows[label] * columns[label] for label in rows) / n**2
    return 1.0 if expected == 1 else (observed - expected) / (1 - expected)


def f1(true: Sequence[Hashable], found: Sequence[Hashable], label: Hashable) -> float:
    """Harmonic mean of precision and recall of one label; 0 when it is never found or never true."""
    hits = sum(a == b == label for a, b in zip(true, found, strict=True))
    said = sum(a == label for a in true) + sum(b == label for b in found)
    return 2 * hits / said if said else 0.0


def main() -> None:
    """Print the scores."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("world", type=Path)
    parser.add_argument("--repeat", type=int, default=0, help="measure the time for so many comments")
    options = parser.parse_args()
    with Warehouse(":memory:", threads=2) as engine:
        engine.run("create schema run")
        make_redaction(engine)
        make_themes(engine)
        files = [str(options.world / "surveys" / "*"), str(options.world / "truth" / "comment_causes.csv")]
        engine.run(f"create table comments as {COMMENTS}", files)
        rows = engine.rows("select cause, run.themes(run.plain(comment)) from comments order by all")
        report([cause for cause, _ in rows], [themes[0] if themes else "none" for _, themes in rows])
        if options.repeat:
            clock(engine, options.repeat)


def report(true: Sequence[str], found: Sequence[str]) -> None:
    """Accuracy, kappa and F1 per cause."""
    accuracy = sum(a == b for a, b in zip(true, found, strict=True)) / len(true)
    print(f"{len(true):,} comments: accuracy {accuracy:.3f}, kappa {kappa(true, found):.3f}")
    for cause, n in Counter(true).most_common():
        print(f"  {cause:<18} {n:>6,}  F1 {f1(true, found, cause):.3f}")


def clock(engine: Warehouse, number: int) -> None:
    """Seconds for themes and redaction of so many comments, on two threads."""
    many = "create temp table many as select comment from comments cross join range(?) limit ?"
    engine.run(many, [number, number])
    for name, said in {
        "themes": "len(run.themes(run.plain(comment)))",
        "redaction": "length(run.redact(comment))",
    }.items():
        began, worked = time.perf_counter(), time.process_time()
        engine.value(f"select sum({said}) from many")
        print(f"  {name}: {time.perf_counter() - began:.1f} s, {time.process_time() - worked:.1f} s of the processor")


if __name__ == "__main__":
    main()
