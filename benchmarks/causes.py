"""F1 of root-cause search on generated labelled cases: this product's engine beside two published methods.

    python benchmarks/causes.py --seeds 100,101 --every 5

Peers are short re-implementations after their papers: Adtributor (Bhagwan et al., NSDI 2014; derived measures) and
RiskLoc (Kalander 2022). A cause counts when a slice equals a label; precision and recall are over all cases of a row.
The engine was tuned on seeds 0 and 1; the default seeds are others.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from cause_cases import Case, Setting, make_case

from transforms.insight.causes import find_causes
from transforms.insight.decompose import surprise

Causes = list[dict[str, str]]


def ours(case: Case) -> Causes:
    """The product's engine."""
    return [cause.where for cause in find_causes(case.table, case.dimensions)]


def _powers(table: pd.DataFrame) -> np.ndarray:
    """Derived explanatory power of each row for a ratio; sums to 1."""
    n1, d1, n0, d0 = (table[f"{s}_{w}"] for s in ("actual", "expected") for w in ("numerator", "denominator"))
    power = ((n1 - n0) * d0.sum() - (d1 - d0) * n0.sum()) / (d0.sum() * (d0.sum() + d1 - d0))
    return np.asarray(power / power.sum())


def adtributor(case: Case, least: float = 0.1, enough: float = 0.67) -> Causes:
    """One dimension, the elements of the greatest surprise until enough is explained."""
    best: tuple[float, Causes] = (-1.0, [])
    for dimension in case.dimensions:
        elements = case.table.groupby(dimension)[list(case.table.columns[-4:])].sum()
        power = _powers(elements)
        rates = [
            elements[f"{s}_numerator"] / elements[f"{s}_denominator"].replace(0, np.nan) for s in ("expected", "actual")
        ]
        wonder = surprise(*(rate.fillna(0.0).to_numpy() for rate in rates))
        explained, surprised, chosen = 0.0, 0.0, []
        for i in np.argsort(-wonder):
            if power[i] > least and explained <= enough:
                explained, surprised = explained + power[i], surprised + wonder[i]
                chosen.append({dimension: str(elements.index[i])})
        if explained > enough and surprised > best[0]:
            best = (surprised, chosen)
    return best[1]


def riskloc(case: Case, risk: float = 0.5, least: float = 0.02, remove: int = 5) -> Causes:
    """Leaves beyond a cutoff are anomalous; the slice of the greatest power whose risk is high is a cause; repeat."""
    table = case.table.copy()
    real = (table.actual_numerator / table.actual_denominator.replace(0, np.nan)).fillna(0)
    usual = (table.expected_numerator / table.expected_denominator.replace(0, np.nan)).fillna(0)
    off = (2 * (usual - real) / (usual + real).replace(0, np.nan)).fillna(0)
    cut = -min(
        off.drop_duplicates().nsmallest(remove + 1).max(), off.drop_duplicates().nlargest(remove + 1).min(), key=abs
    )
    odd = off > cut if cut >= 0 else off < cut
    weight = np.where(odd, off.abs(), (cut - off).abs()).clip(max=1)
    power = _powers(table)
    power = -power if power[odd].sum() < 0 else power
    table = table.assign(real=real, usual=usual, off=off, odd=odd, weight=weight, power=power)
    least *= power[odd].sum()
    found: Causes = []
    while len(table) and table.power[table.odd].sum() >= least and len(found) < 10:
        where = _riskiest(table, case.dimensions, risk, least)
        if where is None:
            break
        found.append(where)
        table = table[~np.logical_and.reduce([table[d] == v for d, v in where.items()])]
    return found


def _riskiest(table: pd.DataFrame, dimensions: list[str], risk: float, least: float) -> dict[str, str] | None:
    for depth in range(1, min(3, len(dimensions)) + 1):
        best, where = least, None
        for cuboid in combinations(dimensions, depth):
            sums = table.groupby(list(cuboid))[["power", "odd"]].sum()
            sums = sums[(sums.odd > 0) & (sums.power > best)].sort_values("power", ascending=False)
            for key in sums.index:
                values = dict(zip(cuboid, key if isinstance(key, tuple) else (key,), strict=True))
                inside = table[np.logical_and.reduce([table[d] == v for d, v in values.items()])]
                if _risk(inside) >= risk:
                    best, where = float(sums.power[key]), values
                    break
        if where is not None:
            return where
    return None


def _risk(inside: pd.DataFrame) -> float:
    high = inside.weight[inside.odd].sum()
    high /= high + inside.weight[~inside.odd].sum() + 1
    seen = inside[(inside.real != 0) & (inside.usual != 0)]
    if not len(seen) or not seen.off.abs().mean():
        return float(high)
    alike = seen.usual * seen.real.sum() / seen.usual.sum()
    return float(high - (2 * (alike - seen.real) / (alike + seen.real)).abs().mean() / seen.off.abs().mean())


METHODS: dict[str, Callable[[Case], Causes]] = {"ours": ours, "adtributor": adtributor, "riskloc": riskloc}
KINDS = (("numerator", False), ("ratio", True), ("mix", True))
NOISES = (0.02, 0.08)
SETTINGS = [
    Setting(layer, elements, noise, kind, counts, same)
    for layer in (1, 2, 3)
    for elements in (1, 2, 3)
    for noise in NOISES
    for kind, counts in KINDS
    for same in ((True, False) if elements > 1 and layer < 3 else (True,))
]


class Score(NamedTuple):
    """Slices that are labels, slices that are not, labels that were not found."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    def f1(self) -> float:
        """2·right / (2·right + wrong + missed); of nothing wanted and nothing said, 1."""
        whole = 2 * self.right + self.wrong + self.missed
        return 2 * self.right / whole if whole else 1.0


def score(found: Causes, wanted: Causes) -> Score:
    """One case."""
    right = sum(where in wanted for where in found)
    return Score(right, len(found) - right, len(wanted) - right)


def total(scores: Iterable[Score]) -> Score:
    """Over cases."""
    return Score(*map(sum, zip(*scores, strict=True)))


def main() -> None:
    """Print F1 by what the cases differ in."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--seeds", default="100")
    given.add_argument("--every", type=int, default=1, help="take every n-th setting only")
    given.add_argument("--methods", default=",".join(METHODS))
    arguments = given.parse_args()
    methods = {name: METHODS[name] for name in arguments.methods.split(",")}
    rows: list[tuple[Setting, dict[str, Score]]] = []
    seconds = dict.fromkeys(methods, 0.0)
    for setting in SETTINGS[:: arguments.every]:
        for seed in map(int, arguments.seeds.split(",")):
            case = make_case(setting, seed)
            scores = {}
            for name, method in methods.items():
                started = time.perf_counter()
                scores[name] = score(method(case), case.causes)
                seconds[name] += time.perf_counter() - started
            rows.append((setting, scores))
    print(f"{'F1':24s}{'cases':>7s}" + "".join(f"{name:>12s}" for name in methods))
    groups: dict[str, Callable[[Setting], str]] = {
        "all": lambda s: "all",
        "dimensions": lambda s: f"dimensions {s.layer}",
        "causes": lambda s: f"causes {s.elements}",
        "noise": lambda s: f"noise {s.noise:.0%}",
        "kind": lambda s: f"moved: {s.kind}",
        "cuboid": lambda s: "same dimensions" if s.same_cuboid else "other dimensions",
    }
    for group in groups.values():
        for label in dict.fromkeys(group(setting) for setting, _ in rows):
            of_label = [scores for setting, scores in rows if group(setting) == label]
            values = (total(scores[name] for scores in of_label).f1() for name in methods)
            print(f"{label:24s}{len(of_label):7d}" + "".join(f"{value:12.3f}" for value in values))
    print(f"{'seconds per case':31s}" + "".join(f"{seconds[name] / len(rows):12.3f}" for name in methods))


if __name__ == "__main__":
    main()
