"""Successive weeks of a small, sparse marketplace as published marts: most cells hold few cases, some depend on others."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache, reduce
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from marts_in_small import COLUMNS, _insert, _quality

FIRST, WEEKS = date(2026, 6, 29), 20
LAST = FIRST + timedelta(weeks=WEEKS - 1)
# kpi -> (kind, unit, dimensions, cases a week, chance of being counted)
KPIS: dict[str, tuple[str, str, tuple[str, ...], float, float]] = {
    "returns_kept": ("share", "share", ("market", "category", "carrier", "resolution"), 70, 0.3),
    "returns_asked": ("rate", "per_1k", ("market", "category"), 70, 0.9),  # counts the same returns
    "score": ("net_share", "points", ("market", "carrier", "resolution"), 45, 0.5),
    "rare": ("share", "share", ("market",), 11, 0.5),
}
VALUES = {"market": ["DE", "GB", "TH", "US"], "category": ["beauty", "books", "home", "toys"]}
CARRIERS = ["dhl", "jnt", "unknown"]  # a return without a carrier has no resolution either


@cache
def cases(kpi: str, seed: int = 7) -> pd.DataFrame:
    """One row per case: its day, dimensions, and what is counted of it. Two KPIs are about the same returns."""
    kind, _, _, size, chance = KPIS[kpi]
    rng = np.random.default_rng([seed, 0 if kpi.startswith("returns") else list(KPIS).index(kpi)])
    n = int(rng.poisson(size * WEEKS))
    frame = pd.DataFrame({"day": [FIRST + timedelta(days=int(d)) for d in rng.integers(0, 7 * WEEKS, n)]})
    for name, values in VALUES.items():
        frame[name] = rng.choice(values, n, p=[0.5, 0.3, 0.14, 0.06])
    frame["all"] = "all"
    frame["carrier"] = rng.choice(CARRIERS, n, p=[0.5, 0.1, 0.4])
    frame["resolution"] = np.where(
        frame["carrier"] == "unknown", "unknown", rng.choice(["refund", "exchange"], n, p=[0.85, 0.15])
    )
    counted = np.random.default_rng([seed, list(KPIS).index(kpi), 1])
    if kind == "net_share":
        frame["x"] = counted.choice([-1, 0, 1], n, p=[0.25, 0.25, 0.5])
    elif kind == "rate":
        frame["x"] = counted.poisson(chance, n)
    else:
        frame["x"] = (counted.random(n) < chance).astype(int)
    return frame


def cells(kpi: str, frame: pd.DataFrame, period: pd.Series[Any]) -> pd.DataFrame:
    """n and numerator of all, every dimension and every pair, by period."""
    dimensions = KPIS[kpi][2]
    parts = []
    for size in range(3):
        for chosen in combinations(dimensions, size):
            values = reduce(lambda a, b: a + " × " + b, [frame[name] for name in chosen]) if chosen else frame["all"]
            found = (
                frame.groupby([period, values])
                .agg(n=("x", "size"), numerator=("x", "sum"))
                .reset_index(names=["period", "value"])
            )
            parts.append(found.assign(kpi=kpi, dimension=" × ".join(chosen) or "all"))
    return pd.concat(parts)


def publish(path: Path, as_of: date, late: float = 0.0) -> None:
    """Marts as of a day; `late`: the share of the newest week's cases that have not arrived by then."""
    weekly, monthly = [], []
    for kpi in KPIS:
        frame = cases(kpi)
        frame = frame[frame["day"] < as_of]
        if late:
            newest = frame["day"] >= as_of - timedelta(days=8)
            frame = frame[~(newest & (np.random.default_rng(3).random(len(frame)) < late))]
        days = pd.to_datetime(frame["day"])
        weekly.append(_rows(cells(kpi, frame, (days - pd.to_timedelta(days.dt.weekday, "D")).dt.date), as_of, 7))
        monthly.append(_rows(cells(kpi, frame, days.dt.to_period("M").dt.start_time.dt.date), as_of, 0))
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for table, period, parts in (("kpi_weekly", "week", weekly), ("kpi_monthly", "month", monthly)):
            connection.execute(f"create table {table} ({COLUMNS.format(period=period)})")
            _insert(connection, table, pd.concat(parts).values.tolist())
        connection.execute(
            "create table kpi_daily as select * rename (week as day) from kpi_weekly where dimension = 'all'"
        )
        connection.execute(
            "create table periods as select distinct 'week' as grain, week as period, true as is_over from kpi_weekly"
        )
        _catalogue(connection)
        _quality(connection)


def _rows(found: pd.DataFrame, as_of: date, back: int) -> pd.DataFrame:
    kinds = found["kpi"].map(lambda kpi: KPIS[kpi][1])
    value = found["numerator"] / found["n"] * kinds.map({"points": 100.0, "per_1k": 1000.0}).fillna(1.0)
    rows = found.assign(statistic="value", value=value, ci_low=value - 0.1, ci_high=value + 0.1, denominator=found["n"])
    key = ["kpi", "dimension", "value_of"]
    rows = rows.rename(columns={"value": "figure"}).assign(value_of=found["value"].to_numpy())
    before = rows[[*key, "period", "figure"]].rename(columns={"figure": "prior"})
    before["period"] = [
        p + timedelta(days=back) if back else (p + timedelta(days=31)).replace(day=1) for p in before["period"]
    ]
    rows = rows.merge(before, how="left", on=[*key, "period"])
    rows["status"] = np.where(rows["n"] < 30, "low_n", "final")
    rows = rows.assign(
        year=None, target=None, version="a1", as_of=datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC), note=None
    )
    order = ["kpi", "period", "dimension", "value_of", "statistic", "figure", "ci_low", "ci_high", "n", "numerator", "denominator",
             "status", "prior", "year", "target", "version", "as_of", "note"]  # fmt: skip
    return rows[order].astype(object).where(rows[order].notna(), None)


def _catalogue(connection: duckdb.DuckDBPyConnection) -> None:
    rows = [
        {"kpi": kpi, "label": kpi, "question": "How many?", "kind": kind, "unit": unit, "better": "higher", "anchor": "day",
         "grain": "one row per case", "dimensions": list(dimensions), "window_days": 0, "owner": "experience-insights",
         "statistics": ["value"], "headline_statistic": "value", "target": 0.5, "definition": "select 1",
         "definition_version": "a1", "changes": ["2026-01-05  first"], "sources": ["orders"],
         "per": {"points": 100.0, "per_1k": 1000.0}.get(unit, 1.0), "numerator_dimensions": ["none"][:0],
         "within": None, "part_of": None}
        for kpi, (kind, unit, dimensions, _, _) in KPIS.items()
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    connection.register("given", frame)
    connection.execute("create table kpi_catalogue as select * from given")
    connection.unregister("given")
