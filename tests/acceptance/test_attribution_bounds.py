"""Contacts that lost their ids: how often tiers 3 and 4 find the right order, and whether the true rate is within the bounds."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.acceptance.nights import draft, drafted, marketplace

ALONE = ("order_contact_rate_30d", "return_contact_rate")
AS_OF = "2026-04-06T00:00:00+00:00"
LOST = 0.3


def strip_ids(folder: Path, seed: int) -> pd.DataFrame:
    """Take order_id and return_id away from a share of the contacts that have them. Returns what they were."""
    (path,) = (folder / "contacts").glob("*.csv.gz")
    contacts = pd.read_csv(path, dtype=str)
    named = contacts.order_id.notna() | contacts.return_id.notna()
    lost = named & (np.random.default_rng(seed).random(len(contacts)) < LOST)
    kept = contacts.copy()
    kept.loc[lost, ["order_id", "return_id"]] = None
    with gzip.open(path, "wt", newline="", encoding="utf-8") as file:
        kept.to_csv(file, index=False, quoting=csv.QUOTE_MINIMAL)
    return contacts[lost]


def rates(out: Path) -> dict[str, Any]:
    """Over all weeks: contacted orders and returns by tiers, and how many there are."""
    sums = (
        "sum(numerator) as value, sum(numerator_tiers_1_4) as middle, sum(numerator_tiers_1_5) as high, count(*) as n"
    )
    return {
        k: drafted(out, f"select {sums} from kpis.{k}")[0] for k in ("order_contact_rate_30d", "return_contact_rate")
    }


def precision(out: Path, folder: Path, lost: pd.DataFrame) -> dict[int, tuple[int, int]]:
    """(right, all) of the contacts without ids that tiers 3 and 4 give an order to; outbound ones have no tier."""
    returns = pd.concat(pd.read_csv(path, dtype=str) for path in (folder / "returns").glob("*.csv.gz"))
    order_of = returns.drop_duplicates("return_id").set_index("return_id").order_id
    true = lost.return_id.map(order_of).fillna(lost.order_id)
    true.index = lost.contact_id
    rows = drafted(
        out, "select contact_id, order_id, attribution_tier from facts.attributions where attribution_tier in (3, 4)"
    )
    found = [
        (row["attribution_tier"], true[row["contact_id"]] == row["order_id"])
        for row in rows
        if row["contact_id"] in true.index
    ]
    return {tier: (sum(right for t, right in found if t == tier), sum(t == tier for t, _ in found)) for tier in (3, 4)}


def look(root: Path, seed: int) -> tuple[dict[str, Any], dict[str, Any], dict[int, tuple[int, int]]]:
    """What is known with every id, what without them, and how precise tiers 3 and 4 are."""
    folder = marketplace(root / "world", orders=3000, weeks=13, files="one", seed=seed)
    draft(folder, root / "whole", AS_OF)
    lost = strip_ids(folder, seed)
    draft(folder, root / "lost", AS_OF)
    return rates(root / "whole"), rates(root / "lost"), precision(root / "lost", folder, lost)


def assert_within_bounds(whole: dict[str, Any], lost: dict[str, Any]) -> None:
    """The rate that all ids give lies between tiers 1-2 and tiers 1-5 of the stripped world."""
    for kpi, known in lost.items():
        assert known["n"] == whole[kpi]["n"]
        assert known["value"] <= known["middle"] <= known["high"]
        assert known["value"] < whole[kpi]["value"] <= known["high"], (kpi, known, whole[kpi])
        # and tiers 1-4 come nearer to it than the named ones alone
        assert abs(known["middle"] - whole[kpi]["value"]) < whole[kpi]["value"] - known["value"], kpi


def test_the_true_rate_is_within_the_bounds(tmp_path: Path) -> None:
    whole, lost, right = look(tmp_path, 1)
    assert_within_bounds(whole, lost)
    for tier, (hits, of) in right.items():
        print(f"tier {tier}: {hits} of {of} right")
        assert hits >= 0.6 * of, tier


@pytest.mark.slow
def test_the_true_rate_is_within_the_bounds_for_every_seed(tmp_path: Path) -> None:
    total = dict.fromkeys((3, 4), (0, 0))
    for seed in range(1, 21):
        whole, lost, right = look(tmp_path / str(seed), seed)
        assert_within_bounds(whole, lost)
        total = {tier: (total[tier][0] + right[tier][0], total[tier][1] + right[tier][1]) for tier in total}
    for tier, (hits, of) in total.items():
        print(f"tier {tier}: {hits} of {of} right, {hits / of:.1%}")
        assert hits >= 0.7 * of, tier
