"""Labelled cases in real weeks: the invoice lines of a shop (UCI Online Retail II), with causes planted in one week.

Real lines are no coins: an invoice of 300 lines makes an hour's rate what it is, a weekday is quiet or wild, and weeks
change by themselves. A case is fixed by its seed: a measure (lines with a known customer, cancelled, of twelve and more,
of one), three to five dimensions, a week, the one or four weeks before it as the forecast, and one to three slices of
one to three dimensions in which lines lose or gain the property. A planted slice is kept when its rate moved by three
standard deviations of its own weeks, and the whole's by one and a half: what nobody could see has no label. What the
shop itself did in that week has no label either, so a wrong answer may be a true one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cause_cases import NUMBERS, Case
from numpy.typing import NDArray

DIMENSIONS = ["country", "hour", "weekday", "band", "family", "suffix"]
ATTEMPTS = 400
FIRST_WEEKS, LAST_WEEKS = 8, 2  # of the history: no forecast yet, and the year's end
MOST_ALIKE = 1.35  # a slice whose parent is hardly larger has two names
USUAL = 0.4  # a measure above it falls, one below it rises
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Shop:
    """Its lines: week, dimensions and the measures (1 where a line has the property)."""

    lines: pd.DataFrame
    measures: dict[str, pd.Series]

    @property
    def weeks(self) -> list[Any]:
        """Those that a case can be drawn from."""
        return sorted(self.lines["week"].unique())[FIRST_WEEKS:-LAST_WEEKS]


def read_shop(path: Path) -> Shop:
    """The lines as published: columns Invoice, StockCode, Quantity, InvoiceDate, Price, Customer ID, Country."""
    raw = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype={"Invoice": str})
    raw.columns = [name.lower().replace(" ", "").replace("_", "") for name in raw.columns]
    at, code = pd.to_datetime(raw["invoicedate"]), raw["stockcode"].astype(str)
    lines = pd.DataFrame(
        {
            "week": at.dt.to_period("W").dt.start_time,
            "country": raw["country"].astype(str),
            "hour": at.dt.hour.astype(str),
            "weekday": at.dt.day_name(),
            "band": pd.cut(raw["price"], [-1e9, 0.5, 1, 2, 4, 8, 1e9], labels=list("abcdef")).astype(str),
            "family": code.str[:2],
            "suffix": code.str[5:].replace("", "-"),
        }
    )
    measures = {
        "named": raw["customerid"].notna(),
        "cancelled": raw["invoice"].astype(str).str.startswith("C"),
        "bulk": raw["quantity"] >= 12,
        "singles": raw["quantity"] == 1,
    }
    return Shop(lines, measures)


def make_retail_case(shop: Shop, seed: int, number: int | None = None) -> tuple[str, int, Case] | None:
    """Measure, weeks of the forecast and case of a seed; None when no causes would be seen. number: of causes, 0 for a
    week as it was; None draws it."""
    shape = np.random.default_rng([seed, 5])
    measure = str(shape.choice(list(shop.measures)))
    dimensions = sorted(map(str, shape.choice(DIMENSIONS, int(shape.integers(3, 6)), replace=False)))
    periods = int(shape.choice([1, 4]))
    wanted = int(shape.choice([1, 2, 3], p=[0.5, 0.3, 0.2])) if number is None else number
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([seed, attempt])
        table = _table(shop, measure, dimensions, shop.weeks[int(rng.integers(len(shop.weeks)))], periods)
        chosen = _choose(rng, table, dimensions, wanted)
        if chosen is None:
            continue
        planted = _planted(rng, table, [mask for mask, _ in chosen], float(shop.measures[measure].mean()) > USUAL)
        if not wanted or _is_seen(shop, measure, table, planted, chosen):
            table = table.assign(actual_numerator=planted)
            return measure, periods, Case(table, dimensions, [where for _, where in chosen])
    return None


def _table(shop: Shop, measure: str, dimensions: list[str], week: Any, periods: int) -> pd.DataFrame:
    lines = shop.lines[["week", *dimensions]].assign(n=shop.measures[measure].astype(float))
    weeks = sorted(lines["week"].unique())
    at = weeks.index(week)
    sums = lines.groupby(["week", *dimensions])["n"].agg(["sum", "count"]).reset_index()
    usual = sums[sums["week"].isin(weeks[at - periods : at])].groupby(dimensions)[["sum", "count"]].sum() / periods
    actual = sums[sums["week"] == week].set_index(dimensions)[["sum", "count"]]
    table: pd.DataFrame = actual.join(usual, how="outer", lsuffix="_actual", rsuffix="_usual").fillna(0).reset_index()
    table.columns = [*dimensions, *NUMBERS]
    return table


def _choose(
    rng: np.random.Generator, table: pd.DataFrame, dimensions: list[str], number: int
) -> list[tuple[Mask, dict[str, str]]] | None:
    """Slices of 1 to 40 % of the lines that hardly overlap, by names of which no shorter one means nearly the same."""
    share = table["actual_denominator"].to_numpy() / table["actual_denominator"].sum()
    chosen: list[tuple[Mask, dict[str, str]]] = []
    for _ in range(300):
        if len(chosen) == number:
            return chosen
        depth = int(rng.choice([1, 2, 3], p=[0.45, 0.4, 0.15]))
        axes = sorted(map(str, rng.choice(dimensions, depth, replace=False)))
        leaf = table.iloc[int(rng.choice(len(table), p=share))]
        mask = _inside(table, {axis: leaf[axis] for axis in axes})
        parents = [_inside(table, {a: leaf[a] for a in axes if a != axis}) for axis in axes] if depth > 1 else []
        if not 0.01 <= share[mask].sum() <= 0.4 or mask.sum() < 4:
            continue
        if any(share[parent].sum() < MOST_ALIKE * share[mask].sum() for parent in parents):
            continue
        if any(share[mask & m].sum() > 0.3 * min(share[mask].sum(), share[m].sum()) for m, _ in chosen):
            continue
        chosen.append((mask, {axis: str(leaf[axis]) for axis in axes}))
    return None


def _planted(rng: np.random.Generator, table: pd.DataFrame, masks: Sequence[Mask], falls: bool) -> NDArray[np.float64]:
    """The numerator when lines of the slices lose the property, or others gain it."""
    has, lines = table["actual_numerator"].to_numpy().copy(), table["actual_denominator"].to_numpy()
    for mask in masks:
        if falls:
            has[mask] = rng.binomial(has[mask].astype(int), rng.uniform(0.02, 0.6))
        else:
            has[mask] += rng.binomial((lines - has)[mask].astype(int), rng.uniform(0.1, 0.6))
    return has


def _is_seen(
    shop: Shop,
    measure: str,
    table: pd.DataFrame,
    planted: NDArray[np.float64],
    chosen: list[tuple[Mask, dict[str, str]]],
) -> bool:
    moved, lines = np.abs(planted - table["actual_numerator"]), table["actual_denominator"]
    return all(
        moved[mask].sum() / lines[mask].sum() >= 3 * _from_week_to_week(shop, measure, where) for mask, where in chosen
    ) and moved.sum() / lines.sum() >= 1.5 * _from_week_to_week(shop, measure, {})


def _from_week_to_week(shop: Shop, measure: str, where: dict[str, str]) -> float:
    """The standard deviation of a slice's rate over weeks of ten lines and more; infinite where there are few."""
    inside = _inside(shop.lines, where)
    rates = shop.measures[measure][inside].groupby(shop.lines["week"][inside]).agg(["mean", "size"])
    rates = rates[rates.index.isin(shop.weeks) & (rates["size"] >= 10)]
    return float(rates["mean"].std()) if len(rates) > 8 else float("inf")


def _inside(table: pd.DataFrame, where: dict[str, str]) -> Mask:
    inside = np.ones(len(table), dtype=bool)
    for name, value in where.items():
        inside &= (table[name] == value).to_numpy()
    return inside
