"""How often an action is judged rightly: verdicts over simulated worlds whose truth is known.

    python benchmarks/effects.py --seeds 200

Each line is a kind of world: a true effect should read worked (or harmed), everything else no_evidence. `shift`: the
true effect in weekly standard deviations of the slice.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "insight"))

from effect_worlds import KINDS, world  # type: ignore[import-not-found]

from transforms.insight.effects import measure_effects

VERDICTS = ("worked", "no_evidence", "harmed", "too_early")
CASES = (
    ("null", 0.0, 6), ("picked", 0.0, 6), ("spike", 0.0, 6), ("incident", 0.0, 6), ("null", 0.0, 2), ("null", 0.0, 0),
    ("spike", 0.0, 0), ("better", 1.5, 6), ("better", 2.0, 6), ("better", 3.0, 6), ("worse", 2.0, 6),
    ("better", 2.0, 2), ("better", 3.0, 0),
)  # fmt: skip


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    seeds = parser.parse_args().seeds
    print(f"{'world':10} {'shift':>5} {'controls':>8} {'KPI':10}" + "".join(f"{v:>13}" for v in VERDICTS))
    began = time.perf_counter()
    for case, shift, controls in CASES:
        for kind in KINDS:
            counts = Counter(verdict(seed, case, kind, shift, controls) for seed in range(seeds))
            shares = "".join(f"{counts[v] / seeds:13.1%}" for v in VERDICTS)
            print(f"{case:10} {shift:5.1f} {controls:8} {kind:10}{shares}", flush=True)
    runs = len(CASES) * len(KINDS) * seeds
    print(f"{(time.perf_counter() - began) / runs * 1000:.1f} ms an action, simulation included")


def verdict(seed: int, case: str, kind: str, shift: float, controls: int) -> str:
    """The verdict in one world."""
    made = world(seed, case, kind, shift, controls)
    (found,) = measure_effects(made.weekly, [made.action], made.catalogue)
    return str(found["verdict"])


if __name__ == "__main__":
    main()
