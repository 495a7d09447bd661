"""Incidents to plant in a marketplace, and how large each of them is in truth."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import marketplace  # type: ignore[import-not-found]  # noqa: E402

START = pd.Timestamp("2025-06-02")
WEEKS = 52
COLD = 6  # first weeks, which lack what was ordered before
SLOTS = (27, 35, 38, 41, 44)  # weeks in which incidents begin: not in those of the sale (31), of which much moves
LENGTH = (2, 3)  # weeks
TOGETHER = 3  # weeks that the weekly file looks at together at most
ORDER = ["market", "category", "seller_tier", "fulfilment"]
RETURN = [*ORDER, "reason_code", "carrier"]
STAGES = ["approve", "ship", "transit", "inspect", "issue", "credit"]
HORIZONS = (14, 30)  # days of a return that its hours are of, for the size of a stage's incident
REASONS = ["where_is_my_refund", "where_is_my_order", "how_to_return", "damaged_item"]
# Of a family: the KPIs in which it has to be named, where it may be, and the smallest part of the orders it touches.
KPIS = {
    "nps": ("nps",),
    "contacts": ("contacts_per_1k_orders", "order_contact_rate_30d", "return_contact_rate"),
    "stage": ("refund_cycle_time",),
}
WORSE, SLOWER = 0.8, (1.7, 3.5)
PLACES = {"nps": ORDER, "contacts": ORDER, "stage": RETURN}
LEAST_SHARE = {"nps": 0.08, "contacts": 0.02, "stage": 0.04}


@dataclass(frozen=True)
class Incident:
    """Something that goes wrong (or right) for some weeks in one place; `where` as a cause has to say it."""

    family: str
    first: int  # number of the week in which it begins
    weeks: int
    place: dict[str, str]
    effect: dict[str, Any]
    is_one_of_two: bool

    @property
    def stage(self) -> str | None:
        """The stage that is slower or faster, if it is one."""
        return next(iter(self.effect.get("stage_slowdown", {})), None)

    @property
    def where(self) -> dict[str, str]:
        """The place, and the reason of the contacts if it is one's."""
        reason = self.effect.get("reason")
        return self.place | ({"contact_reason": reason} if reason else {})

    @property
    def planted(self) -> dict[str, Any]:
        """As the marketplace reads it."""
        week = str((START + pd.Timedelta(weeks=self.first)).date())
        return {"week": week, "weeks": self.weeks, "where": self.place, "effect": self.effect}

    def __str__(self) -> str:
        place = ", ".join(f"{name} {value}" for name, value in self.place.items())
        return f"{json.dumps(self.effect)} in {place}"


def drawn(seed: int, stage: str | None = None) -> list[Incident]:
    """Incidents of one world: in each slot one or two of different families; or, of a `stage`, one of that stage."""
    chance, found = random.Random(seed), []
    for first in SLOTS:
        if stage:
            place, factor = _place(chance, "stage"), _factor(chance, *SLOWER)
            found.append(
                Incident("stage", first, chance.choice(LENGTH), place, {"stage_slowdown": {stage: factor}}, False)
            )
            continue
        number = chance.choice((1, 2))
        for family in chance.sample(sorted(KPIS), number):
            place = _place(chance, family)
            effect = _effect(chance, family)
            found.append(Incident(family, first, chance.choice(LENGTH), place, effect, number == 2))
    return found


def _place(chance: random.Random, family: str) -> dict[str, str]:
    """One value, or one of each of two dimensions, that touches enough."""
    while True:
        names = chance.choice(list(combinations(PLACES[family], chance.choice((1, 2)))))
        place = {name: chance.choice(list(SHARES[name])) for name in names}
        if np.prod([SHARES[name][value] for name, value in place.items()]) >= LEAST_SHARE[family]:
            return place


def _effect(chance: random.Random, family: str) -> dict[str, Any]:
    if family == "nps":
        is_worse = chance.random() < WORSE
        return {"nps_shift": round(chance.uniform(1.5, 3) * (-1 if is_worse else 1), 1)}
    if family == "stage":
        factor = _factor(chance, *SLOWER)
        return {"stage_slowdown": {chance.choice(STAGES): factor}}
    factor = _factor(chance, 1.6, 3)
    reason = {"reason": chance.choice(REASONS)} if chance.random() < 0.5 else {}
    return {"contact_multiplier": factor, **reason}


def _factor(chance: random.Random, low: float, high: float) -> float:
    """What is multiplied for the worse, between two bounds; one in five for the better."""
    is_worse = chance.random() < WORSE
    return round(chance.uniform(low, high) if is_worse else chance.uniform(0.2, 0.5), 2)


def _shares() -> dict[str, dict[str, float]]:
    """Of orders, and of returns for what only they have."""
    market = {name: told[0] for name, told in marketplace.MARKETS.items()}
    category = {name: told[0] for name, told in marketplace.CATEGORIES.items()}
    returned = {name: told[0] * told[1] for name, told in marketplace.CATEGORIES.items()}
    reasons = sum(returned[name] * _of_whole(told[3]) for name, told in marketplace.CATEGORIES.items())
    carriers = np.array(list(market.values())) @ marketplace.MARKET_CARRIERS
    return {
        "market": market,
        "category": category,
        "seller_tier": {name: told[0] for name, told in marketplace.TIERS.items()},
        "fulfilment": {"platform": 0.6, "seller": 0.4},
        "reason_code": dict(zip(marketplace.REASONS, np.asarray(reasons) / sum(returned.values()), strict=True)),
        "carrier": dict(zip(marketplace.CARRIERS, carriers, strict=True)),
    }


def _of_whole(weights: Sequence[float]) -> np.ndarray:
    return np.array(weights) / sum(weights)


SHARES = _shares()


def make_world(folder: Path, seed: int, orders: int, planted: Sequence[Incident]) -> Path:
    """The five sources in Parquet, each in its last state; a folder that is there is taken as it is."""
    if folder.exists():
        return folder
    listed = folder.with_suffix(".json")
    listed.write_text(json.dumps([one.planted for one in planted]), encoding="utf-8")
    settings = [f"--orders={orders}", f"--weeks={WEEKS}", f"--start={START:%F}", f"--seed={seed}"]
    shape = ["--files=one", "--format=parquet", "--no-truth", f"--incidents={listed}"]
    command = [sys.executable, str(ROOT / "tests/marketplace.py"), str(folder), *settings, *shape]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def sizes(
    world: Path, twin: Path, planted: Sequence[Incident], error_of: Callable[[Incident, int], float]
) -> list[tuple[int, float]]:
    """For each incident the week (its number) in which it shows most, and its size there in standard errors.

    The size is what the incident moved the KPI of its place by, against the same world without any incident (`twin`),
    over what that KPI strays by from week to week (`error_of`, of the hours within so many days). Weeks that are looked at
    together count together: the mean of n weeks strays a root of n less. Another incident that touches the same place counts with it.
    """
    there, without = _Rows(world), _Rows(twin)
    told = []
    for one in planted:
        found = []
        for days in HORIZONS if one.stage else HORIZONS[-1:]:
            moved, error = there.weekly(one, days) - without.weekly(one, days), error_of(one, days)
            weeks = range(one.first - (3 if one.stage else 0), one.first + one.weeks)
            found += [(_size(moved, error, week), week) for week in weeks]
        size, best = max(found)
        told.append((best, size))
    return told


def _size(moved: pd.Series, error: float, week: int) -> float:
    return max(float(abs(moved.loc[week - n + 1 : week].mean()) * np.sqrt(n)) / error for n in range(1, TOGETHER + 1))


class _Rows:
    """The rows of a world that the KPIs of the families are made of."""

    def __init__(self, world: Path) -> None:
        read = {source: pd.read_parquet(world / source) for source in marketplace.SPEC}
        orders = read["orders"].set_index("order_id")
        returns = read["returns"].set_index("return_id").join(orders[ORDER], on="order_id")
        contacts = read["contacts"].query("direction == 'inbound'").rename(columns={"reason_code": "contact_reason"})
        contacts["order_id"] = contacts["return_id"].map(returns["order_id"]).fillna(contacts["order_id"])
        answers = read["surveys"].query("survey_type == 'nps' and score.notna()")
        self.orders, self.contacts = orders, contacts.join(orders[ORDER], on="order_id")
        self.answers = answers.join(orders[ORDER], on="order_id")
        first = read["refunds"].sort_values("issued_at").drop_duplicates("return_id").set_index("return_id")
        self.cases = returns[returns["resolution"].isin(["refund", "returnless_refund"])]
        paid = self.cases.join(first[["issued_at", "credited_at"]])
        moments = ["requested_at", "approved_at", "first_scan_at", "received_at", "inspected_at"]
        moments = [*moments, "issued_at", "credited_at"]
        self.paid = paid.dropna(subset=moments)
        self.spans = dict(zip(STAGES, pairwise(moments), strict=True))

    def weekly(self, one: Incident, days: int) -> pd.Series[float]:
        """The KPI of an incident's place by number of week: NPS, contacts per order, or hours in the stage per return,
        of the first so many days of each."""
        if one.family == "nps":
            answers = _within(self.answers, one.place)
            points = 100.0 * (answers["score"] >= 9) - 100.0 * (answers["score"] <= 6)
            return pd.Series(points.groupby(_week(answers["responded_at"])).mean())
        if one.family == "stage":
            paid = _within(self.paid, one.place)
            since, until = (
                (paid[moment] - paid["requested_at"]).dt.total_seconds().clip(0, days * 86400) / 3600
                for moment in self.spans[str(one.stage)]
            )
            hours = (until - since).clip(lower=0).groupby(_week(paid["requested_at"])).sum()
            cases = _week(_within(self.cases, one.place)["requested_at"]).value_counts()
            return pd.Series(hours / cases)
        contacts = _week(_within(self.contacts, one.where)["created_at"]).value_counts()
        orders = _week(_within(self.orders, one.place)["ordered_at"]).value_counts()
        return pd.Series(contacts / orders).loc[: WEEKS - 1].sort_index()


def _within(rows: pd.DataFrame, where: dict[str, str]) -> pd.DataFrame:
    return rows[np.logical_and.reduce([rows[name] == value for name, value in where.items()])]


def _week(moment: pd.Series) -> pd.Series:
    days: pd.Series[int] = (moment.dt.tz_convert("UTC").dt.tz_localize(None) - START).dt.days
    return days // 7
