"""F1 of root-cause search on generated labelled cases: this product's engine beside two published methods.

    python benchmarks/causes.py --seeds 100,101 --every 5
    python benchmarks/causes.py --family sparse --seeds 300-399 --methods ours,adtributor
    python benchmarks/causes.py --family retail --invoices online_retail_II.csv --seeds 300-399 --methods ours,adtributor

Peers are short re-implementations after their papers: Adtributor (Bhagwan et al., NSDI 2014; derived measures) and
RiskLoc (Kalander 2022). A cause counts when a slice equals a label; precision and recall are over all cases of a row.
The engine was tuned on seeds 0 and 1, of the sparse cases on 0 to 99 and 200 to 299, of those in a real shop's weeks on
0 to 299; the default seeds are others. --quiet takes weeks in which nothing was planted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from cause_cases import Case, Setting, make_case
from retail_cases import make_retail_case, read_shop
from sparse_cases import World, make_sparse_case

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


def dense(seeds: list[int], every: int) -> Iterator[tuple[list[str], Case]]:
    """Cases with what they are like."""
    for setting in SETTINGS[::every]:
        for seed in seeds:
            yield (
                [
                    f"dimensions {setting.layer}",
                    f"causes {setting.elements}",
                    f"noise {setting.noise:.0%}",
                    f"moved: {setting.kind}",
                    "same dimensions" if setting.same_cuboid else "other dimensions",
                ],
                make_case(setting, seed),
            )


def sparse(seeds: list[int], every: int) -> Iterator[tuple[list[str], Case]]:
    """The same of those that look like the tables of online services."""
    for seed in seeds[::every]:
        world, case = make_sparse_case(seed)
        yield _like(world), case


def _like(world: World) -> list[str]:
    size = next(most for most in (3_000, 10_000, 60_000) if world.leaves <= most)
    share = next(most for most in (0.02, 0.2, 0.65) if world.share <= most)
    return [
        f"causes {world.causes}",
        f"dimensions {world.layer}",
        f"rate: {world.measure}",
        f"drift {abs(world.drift):.0%}",
        "dimensions depend" if world.dependent else "dimensions do not",
        f"up to {size:,} leaves",
        f"up to {share:.0%} of requests",
        f"history of {world.periods}",
        f"values stray {world.strays:.0%}",
        f"uneven {world.uneven:.0%}",
    ]


def retail(seeds: list[int], every: int, invoices: Path, quiet: bool) -> Iterator[tuple[list[str], Case]]:
    """Those planted in a real shop's weeks, or weeks as they were."""
    shop = read_shop(invoices)
    for seed in seeds[::every]:
        made = make_retail_case(shop, seed, 0 if quiet else None)
        if made is not None:
            measure, periods, case = made
            layer = max((len(where) for where in case.causes), default=0)
            yield (
                [f"causes {len(case.causes)}", f"dimensions {layer}", f"measure: {measure}", f"history of {periods}"],
                case,
            )


FAMILIES = ("dense", "sparse", "retail")


def main() -> None:
    """Print F1 by what the cases differ in."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--family", choices=FAMILIES, default="dense")
    given.add_argument("--seeds", default="100", help="such as 100,101 or 100-199")
    given.add_argument("--invoices", type=Path, help="Online Retail II, CSV or Parquet; for the family retail")
    given.add_argument("--quiet", action="store_true", help="retail: nothing is planted")
    given.add_argument("--every", type=int, default=1, help="take every n-th setting, or seed, only")
    given.add_argument("--methods", default=",".join(METHODS))
    arguments = given.parse_args()
    methods = {name: METHODS[name] for name in arguments.methods.split(",")}
    seeds: list[int] = []
    for part in arguments.seeds.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    groups: dict[str, list[dict[str, Score]]] = {"all": []}
    seconds = dict.fromkeys(methods, 0.0)
    families: dict[str, Callable[[list[int], int], Iterator[tuple[list[str], Case]]]] = {
        "dense": dense,
        "sparse": sparse,
        "retail": partial(retail, invoices=arguments.invoices, quiet=arguments.quiet),
    }
    for labels, case in families[arguments.family](seeds, arguments.every):
        scores = {}
        for name, method in methods.items():
            started = time.process_time()
            scores[name] = score(method(case), case.causes)
            seconds[name] += time.process_time() - started
        for label in ("all", *labels):
            groups.setdefault(label, []).append(scores)
    print(f"{'F1':24s}{'cases':>7s}" + "".join(f"{name:>12s}" for name in methods))
    kinds = [label.rstrip("0123456789,.% ") for label in groups]
    for label in sorted(groups, key=lambda one: (kinds.index(one.rstrip("0123456789,.% ")), one)):
        values = (total(one[name] for one in groups[label]).f1() for name in methods)
        print(f"{label:24s}{len(groups[label]):7d}" + "".join(f"{value:12.3f}" for value in values))
    quiet = groups.get("causes 0", [])
    if quiet:
        said = (sum(bool(one[name].wrong) for one in quiet) for name in methods)
        print(f"{'  of which [] was not':31s}" + "".join(f"{number:12d}" for number in said))
    print(f"{'CPU seconds per case':31s}" + "".join(f"{one / len(groups['all']):12.3f}" for one in seconds.values()))


if __name__ == "__main__":
    main()
