#!/usr/bin/env python3
"""How often do signals cry wolf, and how soon do they see one?

    python benchmarks/signals.py [--seeds 200] [--history 61] [--segments] [--worlds 40]

Draws series in the shape of kpi_weekly, without running a night: shares and net shares (binomial and multinomial within
a week, normal between weeks), contacts (negative binomial), means of waiting times (gamma), stocks that carry over
(Poisson inflow, of which a part stays a week), parts of a mix; volumes grow and scatter.
One KPI over 13 successive tested weeks is a KPI-quarter. In null worlds nothing happens: any signal is false. In planted
worlds the level moves by two standard deviations of a week (up in one world, down in the next) in the first tested week,
for good; of a stock what flows in each week, by two standard deviations of its change in a week in which nothing
happens; of a mix one of the small parts. Watch and cannot tell are shares of weeks; beside them stands what Wheeler's
three rules would do alone.

--history   weeks before the quarter
--segments  also judges seven segments of each KPI, and plants in the largest of them instead
--worlds    reads the truth of so many invented marketplaces (tests/marketplace.py) instead of drawing; the distance
            planted is that of the sample of weeks before, added to the numerators
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from transforms.insight.signals import find_signals  # noqa: E402

QUARTER, SHIFT = 13, 2.0
START = pd.Timestamp("2025-01-06")
SEGMENT_SHARES = np.array([0.3, 0.2, 0.15, 0.12, 0.1, 0.08, 0.05])
SEGMENT_EFFECTS = np.array([1.0, 1.15, 0.9, 1.05, 0.85, 1.1, 0.95])


@dataclass(frozen=True)
class Shape:
    """What a KPI's weeks look like."""

    name: str
    kind: str
    level: float  # share, contacts per order, share of promoters, hours
    n: int  # cases a week
    wild: float = 1.0  # variance of a week over that of sampling alone
    unit: str = "share"


SHAPES = (
    Shape("share of 40", "share", 0.6, 45),
    Shape("share of 400", "share", 0.75, 400),
    Shape("share of 400, wild", "share", 0.75, 400, 2.0),
    Shape("rare share of 2,000", "share", 0.09, 2000),
    Shape("rare share of 30,000, wild", "share", 0.09, 30000, 4.0),
    Shape("rate of 200", "rate", 0.3, 200),
    Shape("contacts of 2,000", "rate", 0.11, 2000, 1.6, "per_1k"),
    Shape("contacts of 20,000, wild", "rate", 0.11, 20000, 5.0, "per_1k"),
    Shape("net share of 60", "net_share", 0.5, 60, 1.0, "points"),
    Shape("net share of 900, wild", "net_share", 0.5, 900, 1.5, "points"),
    Shape("hours of 150", "duration", 230.0, 150, 1.0, "hours"),
    Shape("hours of 3,000, wild", "duration", 230.0, 3000, 2.0, "hours"),
    Shape("stock of 60", "count", 0.3, 42, 1.0, "count"),  # level: what stays for another week
    Shape("stock of 600, wild", "count", 0.6, 240, 2.0, "count"),
    Shape("stock that grows for good", "count", 0.95, 40, 1.0, "count"),
    Shape("parts of a mix of 300", "mix", 0.08, 300, 1.0, "share"),
    Shape("parts of a mix of 300, wild", "mix", 0.08, 300, 2.0, "share"),
)
PARTS = (0.08, 0.8, 0.07, 0.05)  # of a mix; the first is moved


def drawn(shape: Shape, moved: np.ndarray, n: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Numerator and value per week; `moved`: shift of the level in standard deviations of a week, per entry of n."""
    n_typical = np.median(n)
    extra = np.sqrt(max(shape.wild - 1, 0))
    if shape.kind == "share":
        sd = np.sqrt(shape.level * (1 - shape.level) / n_typical)
        p = np.clip(shape.level + sd * (moved * np.sqrt(shape.wild) + extra * random.standard_normal(n.shape)), 0, 1)
        numerator = random.binomial(n, p).astype(float)
        return numerator, numerator / n
    if shape.kind == "rate":  # contacts repeat: negative binomial within the week
        sd = np.sqrt(shape.level / n_typical)
        rate = np.clip(shape.level + sd * moved * np.sqrt(shape.wild), 1e-4, None)
        size = rate * n / max(shape.wild - 1, 1e-3)
        numerator = random.negative_binomial(size, size / (size + rate * n)).astype(float)
        return numerator, numerator / n * (1000 if shape.unit == "per_1k" else 1)
    if shape.kind == "net_share":
        promoters, detractors = shape.level, 0.7 - shape.level
        sd = np.sqrt((0.7 - (promoters - detractors) ** 2) / n_typical)
        net = sd * (moved * np.sqrt(shape.wild) + extra * random.standard_normal(n.shape)) / 2
        up = random.binomial(n, np.clip(promoters + net, 0, 1))
        down = random.binomial(n - up, np.clip((detractors - net) / (1 - promoters - net), 0, 1))
        return (up - down).astype(float), 100 * (up - down) / n
    if shape.kind == "count":
        flowing = n + extra * np.sqrt(n) * random.standard_normal(n.shape)
        stock = _stock(shape.level, flowing, random)
        if moved.any():
            change = np.diff(stock[:, -26:], axis=1).std(axis=0).mean()  # of a week, where nothing happens
            stock = _stock(shape.level, flowing + change * moved, random)
        return stock, stock
    mean, scatter = shape.level, 0.6 * shape.level  # hours waited, right-skewed, cut at 30 days
    week = random.gamma(n * (mean / scatter) ** 2, scatter**2 / mean / n)
    sd = scatter / np.sqrt(n_typical)
    week = week + sd * (moved * np.sqrt(shape.wild) + extra * random.standard_normal(n.shape))
    return n.astype(float), np.minimum(week, 720.0)


def _stock(stays: float, flowing: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """What is there at the end of each week, of what flows in and stays for another week with a chance of `stays`."""
    came = random.poisson(np.clip(flowing, 0, None))
    stock = np.zeros(flowing.shape)
    typical = np.median(flowing)
    held = random.poisson(typical / (1 - stays) if stays < 0.9 else typical, len(flowing))
    for place in range(flowing.shape[1]):
        held = random.binomial(held, stays) + came[:, place]
        stock[:, place] = held
    return stock


def simulated(seeds: int, history: int, planted: bool, segments: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """kpi_weekly and kpi_catalogue of `seeds` worlds: a KPI of its own for each shape and seed."""
    weeks = history + QUARTER
    parts: list[pd.DataFrame] = []
    catalogue: list[tuple[str, str, str, int]] = []
    for number, shape in enumerate(SHAPES):
        random = np.random.default_rng([number, planted])
        volume = shape.n * (1 + 0.002 * np.arange(weeks)) * np.exp(0.05 * random.standard_normal((seeds, weeks)))
        sign = np.where(np.arange(seeds) % 2, 1.0, -1.0)[:, None] * planted * SHIFT
        moved = sign * (np.arange(weeks) >= history)
        names = [f"{shape.name}#{seed}" for seed in range(seeds)]
        catalogue += [(name, shape.kind, shape.unit, 0) for name in names]
        groups: list[tuple[str, str, float, float, bool]] = [("all", "all", 1.0, 1.0, not segments)]
        if shape.kind == "mix":
            parts += _parts(names, shape, np.maximum(random.poisson(volume), 1), moved, random)
            continue
        if segments:
            effects = zip(SEGMENT_SHARES, SEGMENT_EFFECTS, strict=True)
            groups += [("market", f"m{i}", part, effect, i == 0) for i, (part, effect) in enumerate(effects)]
        for dimension, value, part, effect, is_planted in groups:
            n = np.maximum(random.poisson(volume * part), 1)
            level = shape.level * (effect if shape.kind != "count" else 1)  # of a stock only what flows in differs
            own = replace(shape, level=level)
            numerator, figure = drawn(own, moved * is_planted, n, random)
            parts.append(_rows(names, dimension, value, figure, numerator, n, shape.kind))
    frame = pd.concat(parts, ignore_index=True)
    told = with_per(pd.DataFrame(catalogue, columns=["kpi", "kind", "unit", "window_days"]))
    return frame, told.assign(
        numerator_dimensions=pd.Series([["part"] if kind == "mix" else [] for kind in told["kind"]], dtype=object)
    )


def _parts(
    names: list[str], shape: Shape, n: np.ndarray, moved: np.ndarray, random: np.random.Generator
) -> Iterator[pd.DataFrame]:
    """The parts of a mix, and its whole, which is 1; what the first part gains the second loses."""
    sd = np.sqrt(shape.level * (1 - shape.level) * shape.wild / np.median(n))
    shares = [level + ((number == 0) * 1.0 - (number == 1)) * sd * moved for number, level in enumerate(PARTS)]
    if shape.wild > 1:  # Dirichlet between weeks
        drawn_shares = [random.gamma(np.clip(share, 1e-4, 1) * np.median(n) / (shape.wild - 1)) for share in shares]
        shares = [part / np.sum(drawn_shares, axis=0) for part in drawn_shares]
    left, share_left = n.copy(), np.ones(n.shape)
    for number, share in enumerate(shares):
        count = random.binomial(left, np.clip(share / share_left, 0, 1)) if number < len(PARTS) - 1 else left
        left, share_left = left - count, share_left - share
        yield _rows(names, "part", f"p{number}", count / n, count.astype(float), n, "share")
    yield _rows(names, "all", "all", np.ones(n.shape), n.astype(float), n, "share")


def _rows(
    names: list[str], dimension: str, value: str, figure: np.ndarray, numerator: np.ndarray, n: np.ndarray, kind: str
) -> pd.DataFrame:
    seeds, weeks = figure.shape
    mondays = pd.date_range(START, periods=weeks, freq="7D")
    return pd.DataFrame(
        {
            "kpi": np.repeat(names, weeks),
            "week": np.tile(mondays, seeds),
            "dimension": dimension,
            "dimension_value": value,
            "statistic": "restricted_mean" if kind == "duration" else "value",
            "value": figure.ravel(),
            "n": n.ravel(),
            "numerator": numerator.ravel(),
            "denominator": n.ravel().astype(float),
            "status": np.where(n.ravel() < 30, "low_n", "final"),
            "as_of": pd.Timestamp("2030-01-01", tz="UTC"),
        }
    )


# ---- worlds ---------------------------------------------------------------------------------------

WORLD_WEEKS, WINDOW_WEEKS = 78, 8  # the last weeks of a world are not settled
KINDS = {
    "nps": ("net_share", "points"),
    "csat": ("share", "share"),
    "ces": ("share", "share"),
    "survey_response_rate": ("share", "share"),
    "contacts_per_1k_orders": ("rate", "per_1k"),
    "order_contact_rate_30d": ("rate", "share"),
    "return_contact_rate": ("rate", "share"),
    "return_rate": ("share", "share"),
    "refund_cycle_time_aj_p50": ("duration", "hours"),
}


def worlds(count: int, orders: int) -> Iterator[pd.DataFrame]:
    """The truth of invented marketplaces in which nothing happens, as kpi_weekly."""
    for seed in range(count):
        with tempfile.TemporaryDirectory() as place:
            command = [sys.executable, ROOT / "tests" / "marketplace.py", Path(place) / "w", "--orders", str(orders)]
            command += ["--weeks", str(WORLD_WEEKS), "--seed", str(seed + 1), "--files", "one", "--format", "parquet"]
            subprocess.run([str(part) for part in command], check=True, capture_output=True)
            truth = pd.read_csv(Path(place) / "w" / "truth" / "kpis.csv", parse_dates=["week"])
        truth = truth[truth["kpi"].isin(KINDS)].rename(columns={"value_of_dimension": "dimension_value"})
        last = truth["week"].min() + pd.Timedelta(weeks=WORLD_WEEKS - WINDOW_WEEKS)
        truth = truth[truth["week"] < last]
        duration = truth["kpi"].str.startswith("refund")
        yield truth.assign(
            statistic=np.where(duration, "restricted_mean", "value"),
            status=np.where(truth["value"].isna(), "not_reached", np.where(truth["n"] < 30, "low_n", "final")),
            kpi=truth["kpi"] + f"#{seed}",
            as_of=pd.Timestamp("2030-01-01", tz="UTC"),
        )


def shifted(weekly: pd.DataFrame) -> pd.DataFrame:
    """Every headline moved by two standard deviations of its weeks, from the first tested week on."""
    moved = weekly[weekly["dimension"] == "all"].copy()
    first = moved["week"].max() - pd.Timedelta(weeks=QUARTER - 1)
    before = moved[(moved["week"] < first) & (moved["week"] >= moved["week"].min() + pd.Timedelta(weeks=6))]
    sd = moved["kpi"].map(before.groupby("kpi")["value"].std())
    sign = np.where(pd.factorize(moved["kpi"])[0] % 2, 1.0, -1.0)
    by = np.where(moved["week"] >= first, SHIFT * sd * sign, 0)
    per = (moved["value"] * moved["denominator"] / moved["numerator"]).groupby(moved["kpi"]).transform("median")
    moved["numerator"] = (moved["numerator"] + by * moved["denominator"] / per).clip(lower=0)
    is_duration = moved["statistic"] == "restricted_mean"
    counted = moved["numerator"] / moved["denominator"] * per
    moved["value"] = np.where(is_duration, moved["value"] + by, counted)
    return moved


# ---- measuring ------------------------------------------------------------------------------------


def quarter(weekly: pd.DataFrame, catalogue: pd.DataFrame) -> pd.DataFrame:
    """The verdicts of 13 successive weeks."""
    weeks = sorted(weekly["week"].unique())[-QUARTER:]
    told = [find_signals(weekly, catalogue, week).assign(number=i + 1) for i, week in enumerate(weeks)]
    found = pd.concat(told, ignore_index=True)
    found["shape"] = found["kpi"].str.partition("#")[0]
    return found


WHEELER = "outside|one side|nearer"


def table(null: pd.DataFrame, planted: pd.DataFrame, where: str, is_planted: pd.Series) -> None:
    """Print one line per shape and one for all of them."""
    null, planted = null.query(where), planted[is_planted]
    print(f"{'':34s}|{'null worlds: false signals':^36s}|{'planted: found by week':^32s}|{'the three rules':^18s}")
    columns = (
        f"{'KPI-quarters':>14s}{'watch':>11s}{'cannot tell':>11s}|{'1':>6s}{'2':>6s}{'3':>6s}{'4':>6s}{'median':>8s}"
    )
    print(f"{'':34s}|{columns}|{'false':>8s}{'by 3':>8s}")
    for shape in [*null["shape"].unique(), None]:
        n, p = (frame if shape is None else frame[frame["shape"] == shape] for frame in (null, planted))
        cannot = (n["verdict"] == "cannot_tell").mean()
        n, p = (frame[frame["verdict"] != "cannot_tell"] for frame in (n, p))
        if n.empty or p.empty:
            print(f"{shape or 'all':34s}|{'-':>14s}{'-':>11s}{cannot:11.1%}|")
            continue
        false = (n["verdict"] == "signal").groupby(n["kpi"]).any()
        first = p["number"].where(p["verdict"] == "signal").groupby(p["kpi"]).min().fillna(99)
        ruled = n["rule"].str.contains(WHEELER).groupby(n["kpi"]).any()
        early = (p["rule"].str.contains(WHEELER) & (p["number"] <= 3)).groupby(p["kpi"]).any()
        by = "".join(f"{(first <= k).mean():6.0%}" for k in (1, 2, 3, 4))
        print(
            f"{shape or 'all':34s}|{false.mean():6.1%} of{len(false):5d}{(n['verdict'] == 'watch').mean():11.1%}{cannot:11.1%}"
            f"|{by}{first.median():8.0f}|{ruled.mean():8.1%}{early.mean():8.1%}"
        )


def with_per(catalogue: pd.DataFrame) -> pd.DataFrame:
    """The catalogue with what a ratio is multiplied by."""
    return catalogue.assign(per=catalogue["unit"].map({"per_1k": 1000, "points": 100}).fillna(1))


def main() -> None:
    """Simulate, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--history", type=int, default=61)  # 6 + 2 * 26 + 3
    parser.add_argument("--segments", action="store_true")
    parser.add_argument("--worlds", type=int, default=0)
    parser.add_argument("--orders", type=int, default=400_000)
    args = parser.parse_args()
    if args.worlds:
        weekly = pd.concat(worlds(args.worlds, args.orders), ignore_index=True)
        kinds = [(kpi, *KINDS[kpi.partition("#")[0]], 0) for kpi in weekly["kpi"].unique()]
        catalogue = with_per(pd.DataFrame(kinds, columns=["kpi", "kind", "unit", "window_days"]))
        null, planted = quarter(weekly, catalogue), quarter(shifted(weekly), catalogue)
        aim = planted["dimension"] == "all"
    else:
        null, planted = (
            quarter(*simulated(args.seeds, args.history, is_planted, args.segments)) for is_planted in (False, True)
        )
        aim = planted["dimension_value"].isin(["p0", "m0" if args.segments else "all"])
    print("null: headlines; planted: " + ("the largest of seven segments" if args.segments else "headlines"))
    table(null, planted, "dimension != 'market'", aim)
    if args.segments or args.worlds:
        print("\nnull: the headline of a KPI or any of its segments; planted: as above")
        table(null, planted, "n >= 0", aim)


if __name__ == "__main__":
    main()
