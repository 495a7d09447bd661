"""Worlds with planted incidents, as the frames that `explain_move` takes: read from the generator's own files."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

MARKETPLACE = Path(__file__).parents[1] / "marketplace.py"
ORDER = ["market", "category", "seller_tier", "fulfilment"]
RETURN = [*ORDER, "carrier", "reason_code"]
START, WEEKS, ORDERS = "2026-01-05", 20, 200_000
TESTED = pd.Timestamp("2026-04-13")  # far enough from the end for every case to have ended
FIRST = pd.Timestamp("2026-02-16")  # the world starts cold
SALE = pd.Timestamp("2026-03-30")  # a marked event, left out of the baseline
HORIZON = 720.0


@dataclass(frozen=True)
class Planted:
    """What was planted, and the cause that must be named for it."""

    kpi: str
    incident: dict[str, Any]
    where: dict[str, str]
    part: str
    stage: str | None = None


def make_world(folder: Path, seed: int, planted: list[Planted], orders: int = ORDERS) -> Path:
    """A world of files; an incident lasts from the week before the tested one to the week after."""
    incidents = [{"week": str((TESTED - pd.Timedelta(days=7)).date()), "weeks": 4, **p.incident} for p in planted]
    listed = folder.with_suffix(".json")
    listed.write_text(json.dumps(incidents), encoding="utf-8")
    settings = ["--orders", orders, "--weeks", WEEKS, "--start", START, "--seed", seed, "--incidents", listed]
    shape = ["--files", "one", "--format", "parquet", "--no-truth"]
    subprocess.run([sys.executable, str(MARKETPLACE), str(folder), *map(str, settings), *shape], check=True)
    return folder


def frames(world: Path) -> dict[str, pd.DataFrame]:
    """By KPI: sums by week and dimensions; `stages`: Σ hours by stage, over all cases of the week."""
    orders, returns, refunds, contacts, surveys = (
        pd.read_parquet(world / source) for source in ("orders", "returns", "refunds", "contacts", "surveys")
    )
    keyed = orders.set_index("order_id")[ORDER]
    returns = returns.join(keyed, on="order_id")
    returned = orders["order_id"].isin(returns["order_id"])
    delivered = orders[orders["delivered_at"].notna()]
    nps = surveys[(surveys["survey_type"] == "nps") & surveys["score"].notna()].join(keyed, on="order_id")
    to_return = contacts["return_id"].map(returns.set_index("return_id")["order_id"])
    inbound = contacts.assign(order_id=to_return.fillna(contacts["order_id"]))
    inbound = inbound[(inbound["direction"] == "inbound") & inbound["order_id"].notna()].join(keyed, on="order_id")
    cases = _stage_hours(returns, refunds)
    return {
        "nps": _sums(nps, "responded_at", ORDER, (nps["score"] >= 9).astype(int) - (nps["score"] <= 6), 1),
        "return_rate": _sums(delivered, "ordered_at", ORDER, returned[delivered.index].astype(int), 1),
        "contacts": pd.concat(
            [_sums(inbound, "created_at", ORDER, 1, 0), _sums(orders, "ordered_at", ORDER, 0, 1)], ignore_index=True
        ),
        "restricted_mean": _sums(cases, "requested_at", RETURN, cases[STAGES].sum(axis=1).clip(upper=HORIZON), 1),
        "stages": pd.concat(
            [_sums(cases, "requested_at", RETURN, cases[s].clip(upper=HORIZON), 1).assign(stage=s) for s in STAGES]
        ),
    }


STAGES = ["approve", "ship", "transit", "inspect", "issue", "credit"]


def _stage_hours(returns: pd.DataFrame, refunds: pd.DataFrame) -> pd.DataFrame:
    first = refunds.sort_values("issued_at").drop_duplicates("return_id").set_index("return_id")
    paid = returns[returns["resolution"] == "refund"].join(first[["issued_at", "credited_at"]], on="return_id")
    moments = ["requested_at", "approved_at", "first_scan_at", "received_at", "inspected_at"]
    moments = [*moments, "issued_at", "credited_at"]
    paid = paid.dropna(subset=moments)
    for stage, since, until in zip(STAGES, moments, moments[1:], strict=False):
        paid[stage] = ((paid[until] - paid[since]).dt.total_seconds() / 3600).clip(lower=0)
    return paid


def _sums(rows: pd.DataFrame, moment: str, dimensions: list[str], numerator: Any, denominator: Any) -> pd.DataFrame:
    day = rows[moment].dt.tz_convert("UTC").dt.tz_localize(None).dt.normalize()
    week = day - pd.to_timedelta(day.dt.weekday, unit="D")
    counted = rows[dimensions].assign(week=week, numerator=numerator, denominator=denominator)
    kept = (counted["week"] >= FIRST) & (counted["week"] <= TESTED) & (counted["week"] != SALE)
    # The incident's first week is no baseline.
    kept &= counted["week"] != TESTED - pd.Timedelta(days=7)
    grouped = counted[kept].groupby(["week", *dimensions], dropna=False, observed=True, as_index=False)
    return grouped[["numerator", "denominator"]].sum()
