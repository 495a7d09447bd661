"""Weekly series in the shape of kpi_weekly whose truth is known: what an action did, or that it did nothing.

Weekly noise is correlated (0.4) and wider than chance alone makes it; all slices share a season and a slow drift. A
shift is given in weekly standard deviations of the slice that is acted on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

FIRST = date(2025, 9, 1)
WEEKS = 52
START_WEEK = 42  # in which the action starts: 42 weeks before, 10 from then on
MARKETS = ("VN", "SG", "TH", "PH", "ID", "MY", "BR", "MX")
CORRELATION, NOISE = 0.4, 0.06  # of neighbouring weeks; relative standard deviation of a slice's true level
KINDS: dict[str, dict[str, Any]] = {
    "share": {"kpi": "share_kpi", "kind": "share", "unit": "share", "better": "higher", "level": 0.8},
    "rate": {"kpi": "rate_kpi", "kind": "rate", "unit": "per_1k", "better": "lower", "level": 90.0},
    "net_share": {"kpi": "points_kpi", "kind": "net_share", "unit": "points", "better": "higher", "level": 40.0},
    "duration": {"kpi": "hours_kpi", "kind": "duration", "unit": "hours", "better": "lower", "level": 140.0},
}


@dataclass(frozen=True)
class World:
    """What is published, the KPI, and the action whose effect is asked for."""

    weekly: pd.DataFrame
    catalogue: list[dict[str, Any]]
    action: dict[str, Any]


def world(seed: int, case: str, kind: str = "rate", shift: float = 2.0, controls: int = 6) -> World:
    """A world in which the slice VN is acted on.

    case: null | better | worse (a true effect from the start on) | spike (what made somebody act ends by itself) | picked
    (the action follows the worst of 13 weeks of noise) | incident (an untouched slice moves instead).
    """
    random = np.random.default_rng([seed, *case.encode()])
    spec = KINDS[kind]
    slices = list(MARKETS[: controls + 1]) if controls else ["all"]
    sizes = random.poisson(random.lognormal(6.0, 0.5, len(slices)), (WEEKS, len(slices))) + 5
    noise = _noise(random, len(slices))
    season = 0.05 * np.sin(np.arange(WEEKS) / 52 * 2 * np.pi + random.uniform(0, 6)) if controls else np.zeros(WEEKS)
    worse = 1.0 if spec["better"] == "lower" else -1.0
    sampled = _sampled(spec, sizes)
    weekly_sd = np.hypot(NOISE, sampled[:, 0].mean())
    start = START_WEEK
    moved = np.zeros((WEEKS, len(slices)))
    if case in ("better", "worse"):
        moved[start:, 0] = shift * weekly_sd * worse * (1 if case == "worse" else -1)
    elif case == "spike":
        length, late = int(random.integers(1, 7)), int(random.integers(1, 4))
        begin = start - min(late, length)
        moved[begin : begin + length + int(random.integers(0, 2)), 0] = random.uniform(2.5, 6.0) * weekly_sd * worse
    elif case == "incident":
        moved[start:, 1] = 4 * weekly_sd * worse
    relative = 1 + noise + season[:, None] + moved + sampled * random.standard_normal(sizes.shape)
    levels = spec["level"] * random.uniform(0.8, 1.2, len(slices))
    if case == "picked":
        looked_at = relative[START_WEEK - 13 : START_WEEK]
        start += int(np.argmax((looked_at[:, 0] - np.median(looked_at, axis=1)) * worse)) - 12
    return World(_frame(spec, slices, relative * levels, sizes), [_catalogue(spec)], _action(spec, controls, start))


def _noise(random: np.random.Generator, slices: int) -> np.ndarray:
    drawn = random.standard_normal((WEEKS + 20, slices)) * NOISE * np.sqrt(1 - CORRELATION**2)
    noise = np.zeros_like(drawn)
    for week in range(1, len(drawn)):
        noise[week] = CORRELATION * noise[week - 1] + drawn[week]
    return noise[20:]


def _sampled(spec: dict[str, Any], sizes: np.ndarray) -> np.ndarray:
    """Relative standard error of a slice's week by chance alone."""
    p = spec["level"] / {"points": 100, "per_1k": 1000}.get(spec["unit"], 1)
    variance = {"share": p * (1 - p), "rate": p * 1.3, "net_share": 0.7 - p * p, "duration": (0.7 * p) ** 2}
    return np.sqrt(variance[spec["kind"]] / sizes) / p


def _frame(spec: dict[str, Any], slices: list[str], values: np.ndarray, sizes: np.ndarray) -> pd.DataFrame:
    weeks, columns = values.shape
    return pd.DataFrame(
        {
            "kpi": spec["kpi"],
            "week": np.repeat([FIRST + timedelta(weeks=week) for week in range(weeks)], columns),
            "dimension": "market" if columns > 1 else "all",
            "dimension_value": np.tile(slices, weeks),
            "statistic": "restricted_mean" if spec["kind"] == "duration" else "value",
            "value": values.ravel(),
            "n": sizes.ravel(),
            "status": "final",
        }
    )


def _catalogue(spec: dict[str, Any]) -> dict[str, Any]:
    return {name: spec[name] for name in ("kpi", "kind", "unit", "better")} | {"dimensions": ["market", "carrier"]}


def _action(spec: dict[str, Any], controls: int, start: int) -> dict[str, Any]:
    return {
        "id": "a1",
        "what": "Do something",
        "kpi": spec["kpi"],
        "where": {"market": "VN"} if controls else {},
        "status": "started",
        "started": FIRST + timedelta(weeks=start),
        "owner": "customer-service",
        "note": "",
    }
