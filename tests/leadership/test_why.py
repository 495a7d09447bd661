"""Causes in weeks that are not settled: a stage that got slower is named when its newest cases are one or two weeks old."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from transforms.insight.moves import explain_early
from transforms.leadership.findings import Findings
from transforms.leadership.frames import read_sql, week_name
from transforms.leadership.hidden import Hidden
from transforms.leadership.why import clearest_first, find_causes
from transforms.models import HORIZONS

Row = dict[str, Any]
WEEK = date(2026, 11, 16)
DIMENSIONS = ["market", "carrier"]
HOURS = {"approve": 20.0, "inspect": 60.0, "credit": 90.0}
CASES = 50  # of a market and carrier in a week
STAGED = {"kpi": "stages", "kind": "duration", "per": 1, "part_of": "wait", "within": "stage", "unit": "hours"}
WAIT = {"kpi": "wait", "kind": "duration", "per": 1, "part_of": None, "unit": "hours", "better": "lower"}
CATALOGUE: dict[str, Row] = {
    one["kpi"]: one | {"dimensions": DIMENSIONS, "numerator_dimensions": []} for one in (WAIT, STAGED)
}


def rows(slow: str = "inspect", factor: float = 2.0, since: date = WEEK - timedelta(days=14)) -> pd.DataFrame:
    """One row per case: hours of each stage; `slow` takes longer in market B for requests from `since` on."""
    rng = np.random.default_rng(3)
    weeks = pd.date_range(pd.Timestamp(WEEK) - pd.Timedelta(weeks=30), WEEK, freq="7D")
    index = pd.MultiIndex.from_product([weeks, list("ABCD"), list("xyz"), range(CASES)])
    cases = index.to_frame(index=False, name=["week", *DIMENSIONS, "case"])
    for stage, hours in HOURS.items():
        is_slow = (cases["market"] == "B") & (cases["week"] >= pd.Timestamp(since)) & (stage == slow)
        cases[stage] = rng.gamma(3, hours / 3, len(cases)) * np.where(is_slow, factor, 1.0)
    return cases


def marts(cases: pd.DataFrame) -> Any:
    """Answers what is asked of the marts, from single cases."""
    begun, parts, whole = 0.0, [], cases.assign(denominator=1.0, numerator=cases[[*HOURS]].sum(axis=1).clip(upper=720))
    for stage in HOURS:
        part = cases.assign(kpi="stages", stage=stage, clock_owner="nobody", numerator=cases[stage], denominator=1.0)
        for days in HORIZONS:
            part[f"hours_in_{days}_days"] = np.minimum(part[stage], np.maximum(24 * days - begun, 0))
        begun = begun + cases[stage]
        parts.append(part)
    stages = pd.concat(parts)
    for days in HORIZONS:
        whole[f"hours_in_{days}_days"] = begun.clip(upper=24 * days)  # type: ignore[attr-defined]
        whole[HORIZONS[days]] = (begun <= 24 * days) * 1.0 if days < 30 else whole["numerator"]

    def fetch(sql: str, asked: Sequence[Any] | None = None) -> pd.DataFrame:
        kpi, *others, first, last = asked or ()
        told = stages if kpi == "stages" else whole
        told = told[told["week"].between(pd.Timestamp(first), pd.Timestamp(last))]
        if sql == read_sql("finest"):
            numbers = [c for c in told.columns if c in ("numerator", "denominator") or c.startswith("hours_in_")]
            by = [c for c in ("week", *DIMENSIONS, "stage", "clock_owner") if c in told]
            return told.groupby(by, as_index=False)[numbers].sum()
        statistic, dimension, value = others
        for name, own in zip(dimension.split(" × "), value.split(" × "), strict=True):
            told = told[told[name] == own]
        weekly = told.groupby("week", as_index=False).agg(value=(statistic, "mean"), n=("denominator", "sum"))
        return weekly.assign(denominator=weekly["n"], status="final", ci_low=weekly["value"], ci_high=weekly["value"])

    return fetch


def weekly() -> pd.DataFrame:
    """What says which weeks are settled: so many days after their end."""
    told = [
        {"kpi": "wait", "statistic": statistic, "week": pd.Timestamp(WEEK - timedelta(weeks=back)),
         "status": "final" if 7 * back >= days else "provisional"}
        for days, statistic in HORIZONS.items() for back in range(8)
    ]  # fmt: skip
    return pd.DataFrame(told)


def found(
    cases: pd.DataFrame,
    *hides: tuple[str, str],
    settled: date = WEEK - timedelta(weeks=5),
    asked: Callable[[Any], Any] = lambda fetch: fetch,
    signals: Sequence[Row] = (),
) -> Findings:
    """What is found in these cases. asked: put between the search and the marts; signals: found before."""
    findings = Findings(judged={"wait": {"monday": settled}}, signals=list(signals))
    cells = frozenset((("wait", *cell), WEEK - timedelta(weeks=back)) for cell in hides for back in range(8))
    frames: Any = SimpleNamespace(weekly=weekly(), hidden=Hidden(cells=cells))
    find_causes(asked(marts(cases)), frames, WEEK, CATALOGUE, findings)
    return findings


def test_a_slower_stage_is_named_before_its_cases_are_settled() -> None:
    told = found(rows())
    (cause,) = told.causes
    assert (cause["where"], cause["stage"], cause["rank"]) == ({"market": "B"}, "inspect", 1)
    assert cause["within_days"] in (7, 14)
    assert cause["week"] == week_name(WEEK - timedelta(days=cause["within_days"]))
    # A quarter of the cases waits an hour longer for each that the stage took.
    assert 8 < cause["ci_low"] < cause["contribution"] < cause["ci_high"] < 22


def test_its_figure_is_the_share_that_had_their_money_by_then() -> None:
    told = found(rows())
    (signal,) = told.signals
    by_then = [statistic for days, statistic in HORIZONS.items() if days <= told.causes[0]["within_days"]]
    assert signal["statistic"] in by_then  # that which strayed most
    assert (signal["dimension"], signal["dimension_value"]) == ("market", "B")
    assert (signal["verdict"], signal["week"]) == ("signal", told.causes[0]["week"])
    assert (signal["unit"], signal["better"]) == ("share", "higher")  # of a KPI in hours, which should be low
    assert signal["value"] < signal["expected"] - 0.1


def test_a_figure_that_is_hidden_is_not_told() -> None:
    told = found(rows(), ("market", "B"))
    assert [cause["where"] for cause in told.causes] == [{"market": "B"}]  # to be kept back with the rest
    assert told.signals == []


@pytest.mark.parametrize("towards", [0.0, -5.0])
def test_a_mean_that_hides_what_its_stage_did_is_not_the_figure(towards: float) -> None:
    """'It rose to 12.7 days, against an expected 12.7 days' tells nobody anything."""

    def hiding(fetch: Any) -> Any:
        def told(sql: str, asked: Sequence[Any]) -> pd.DataFrame:
            frame: pd.DataFrame = fetch(sql, asked)
            if sql == read_sql("cell") and asked[1] == "restricted_mean":
                is_last = frame["week"] == frame["week"].max()
                return frame.assign(value=200.0 + towards * is_last)
            return frame

        return told

    # The settled week is the newest, and tells the stage more clearly than the first days of its cases do.
    told = found(rows("credit", 2.0, WEEK), settled=WEEK, asked=hiding)
    assert [(cause["stage"], cause["within_days"]) for cause in told.causes] == [("credit", 30)]
    (signal,) = told.signals
    assert signal["statistic"] in ("credited_by_day_7", "credited_by_day_14")
    assert signal["value"] < signal["expected"] - 0.05


def test_a_gap_in_the_data_is_no_move_of_the_kpi() -> None:
    """What moved beside it is searched for, and told by its own figure."""
    gap = {"kpi": "wait", "verdict": "signal", "monday": WEEK, "dimension": "carrier", "dimension_value": "unknown"}
    told = found(rows("credit", 2.0, WEEK), settled=WEEK, signals=[gap])
    assert [(cause["where"], cause["stage"]) for cause in told.causes] == [({"market": "B"}, "credit")]
    assert [(row["dimension"], row["dimension_value"]) for row in told.signals[1:]] == [("market", "B")]


def test_a_stage_on_two_clocks_names_both() -> None:
    def split(fetch: Any) -> Any:
        def told(sql: str, asked: Sequence[Any]) -> pd.DataFrame:
            frame: pd.DataFrame = fetch(sql, asked)
            if "clock_owner" in frame:
                frame["clock_owner"] = frame["market"].map({"A": "somebody", "B": "unknown"}).fillna("nobody")
            return frame

        return told

    told = found(rows(), settled=WEEK, asked=split)
    assert {row["stage"]: row["clock_owner"] for row in told.stages} == dict.fromkeys(HOURS, "nobody and somebody")


def test_a_quiet_history_has_neither() -> None:
    told = found(rows(factor=1.0))
    assert (told.causes, told.signals) == ([], [])


def test_a_place_is_told_once_by_the_clearest() -> None:
    told = found(rows(), settled=WEEK - timedelta(weeks=2))
    assert [(cause["where"], cause["stage"]) for cause in told.causes] == [({"market": "B"}, "inspect")]


def test_what_waits_longer_first_leaves_less_for_what_comes_after() -> None:
    """Within the first seven days a slow approval shortens every other stage, which did not get faster."""
    table = marts(rows("approve", 4.0, WEEK))(read_sql("finest"), ["stages", WEEK - timedelta(weeks=26), WEEK])
    credit = table.loc[(table["stage"] == "credit") & (table["market"] == "B")].groupby("week")["hours_in_7_days"].sum()
    assert credit.iloc[-1] < 0.6 * credit.iloc[:-1].min()
    sums = table.assign(numerator=table["hours_in_7_days"])
    (cause,) = explain_early("wait", sums, DIMENSIONS, pd.Timestamp(WEEK))
    assert (cause["where"], cause["stage"]) == ({"market": "B"}, "approve")
    assert cause["contribution"] > 0


def test_a_later_stage_that_got_faster_itself_is_named() -> None:
    table = marts(rows("credit", 0.3, WEEK))(read_sql("finest"), ["stages", WEEK - timedelta(weeks=26), WEEK])
    (cause,) = explain_early("wait", table.assign(numerator=table["hours_in_14_days"]), DIMENSIONS, pd.Timestamp(WEEK))
    assert (cause["where"], cause["stage"]) == ({"market": "B"}, "credit")
    assert cause["contribution"] < 0


def test_what_is_new_is_told_before_what_earlier_files_told() -> None:
    """However clear it is: a file of one month later would else name the same incident first."""
    row = {"rank": 1, "contribution": 5.0}
    old = row | {"kpi": "old", "week": week_name(WEEK - timedelta(weeks=5)), "ci_low": 4.9, "ci_high": 5.1}
    new = row | {"kpi": "new", "week": week_name(WEEK - timedelta(weeks=2)), "ci_low": 2.0, "ci_high": 8.0}
    newest = row | {"kpi": "newest", "week": week_name(WEEK), "ci_low": 3.0, "ci_high": 7.0}
    assert [cause["kpi"] for cause in clearest_first([old, new, newest], WEEK)] == ["newest", "new", "old"]
