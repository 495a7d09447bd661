"""Verdicts: what is tested, what is learned from, what fires, and what has to make no difference."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from transforms.insight.control import xmr
from transforms.insight.signals import COLUMNS, find_signals
from transforms.insight.weeks import BASELINE, LEAST_BASELINE, WARM_UP

FIRST, WEEKS = pd.Timestamp("2025-09-01"), 70
LAST = (FIRST + pd.Timedelta(weeks=WEEKS - 1)).date()
CATALOGUE = pd.DataFrame(
    [("made", "share", "share", 0), ("heard", "rate", "per_1k", 0), ("liked", "net_share", "points", 0),
     ("waited", "duration", "hours", 30), ("open", "count", "cases", 0), ("mixed", "mix", "share", 0)],
    columns=["kpi", "kind", "unit", "window_days"],
)  # fmt: skip
PER = {"heard": 1000, "liked": 100}
CATALOGUE["numerator_dimensions"] = [["resolution"] if kpi == "mixed" else [] for kpi in CATALOGUE["kpi"]]
CATALOGUE["per"] = CATALOGUE["kpi"].map(PER).fillna(1)


def series(kpi: str, numbers: Any, n: Any = 500, group: tuple[str, str] = ("all", "all")) -> pd.DataFrame:
    """kpi_weekly of one series, whose last week is LAST; `numbers` are shares, ratios, or hours."""
    numbers = np.asarray(numbers, float)
    n = np.broadcast_to(np.asarray(n, float), numbers.shape)
    is_hours = kpi in ("waited", "open")
    return pd.DataFrame(
        {
            "kpi": kpi,
            "week": pd.date_range(end=pd.Timestamp(LAST), periods=len(numbers), freq="7D"),
            "dimension": group[0],
            "dimension_value": group[1],
            "statistic": "restricted_mean" if kpi == "waited" else "value",
            "value": numbers * PER.get(kpi, 1),
            "n": n,
            "numerator": n if is_hours else numbers * n,
            "denominator": n,
            "status": "final",
            "as_of": pd.Timestamp("2030-01-01", tz="UTC"),
        }
    )


def quiet(seed: int = 1, weeks: int = WEEKS, level: float = 0.3, n: int = 500) -> np.ndarray:
    return np.random.default_rng(seed).binomial(n, level, weeks) / n


def only(weekly: pd.DataFrame, week: date = LAST, **settings: Any) -> Any:
    (row,) = find_signals(weekly, CATALOGUE, week, **settings).iloc
    return row


def carried(seed: int, weeks: int = WEEKS, came: float = 40, stays: float = 0.6) -> np.ndarray:
    """A stock of which a part stays for another week."""
    random = np.random.default_rng(seed)
    stock = [random.poisson(came / (1 - stays))]
    for _ in range(weeks - 1):
        stock.append(random.binomial(stock[-1], stays) + random.poisson(came))
    return np.array(stock, float)


def parts_of_a_mix(shares: dict[str, np.ndarray]) -> pd.DataFrame:
    """kpi_weekly of a mix: its parts, the whole, and a group of another dimension, which is whole as well."""
    weeks = len(next(iter(shares.values())))
    parts = [series("mixed", values, 400, ("resolution", name)) for name, values in shares.items()]
    whole = [series("mixed", np.ones(weeks), 400, group) for group in (("all", "all"), ("market", "VN"))]
    return pd.concat([*parts, *whole], ignore_index=True)


# ---- what is tested and learned from -----------------------------------------------------------------


def test_a_quiet_share_is_noise() -> None:
    row = only(series("made", quiet()))
    assert (row["verdict"], row["rule"], row["reason"], row["run_weeks"]) == ("noise", "", "", 0)
    assert row["limit_low"] < row["expected"] < row["limit_high"]
    assert 0.02 < row["smallest_lasting_change"] < row["smallest_visible_change"] < 0.15
    assert list(find_signals(series("made", quiet()), CATALOGUE, LAST).columns) == list(COLUMNS)


def test_the_baseline_is_26_weeks_before_the_last_three() -> None:
    values = quiet()
    row = only(series("made", values))
    assert row["baseline_weeks"] == BASELINE
    assert row["baseline_last"] == pd.Timestamp(LAST) - pd.Timedelta(weeks=3)
    assert row["expected"] == pytest.approx(values[-29:-3].mean(), abs=1e-12)


@pytest.mark.parametrize("kpi", ["made", "heard", "liked", "waited", "open"])
def test_the_tested_week_never_influences_what_is_expected(kpi: str) -> None:
    values = quiet()
    before = only(series(kpi, values))
    values[-1] += 0.2
    after = only(series(kpi, values))
    same = ["expected", "limit_low", "limit_high", "baseline_weeks", "smallest_visible_change"]
    assert list(before[same]) == list(after[same])
    assert (before["verdict"], after["verdict"]) == ("noise", "signal")
    assert after["rule"].startswith("outside the limits")


def test_a_provisional_value_is_neither_tested_nor_learned_from() -> None:
    weekly = series("made", quiet())
    weekly.loc[weekly.index[-4:], "status"] = "provisional"
    weekly.loc[weekly.index[-30], "status"] = "provisional"
    row = only(weekly)
    weekly.loc[weekly["status"] == "provisional", ["value", "numerator"]] = [0.9, 450]
    assert row.equals(only(weekly))
    assert row["week"] == pd.Timestamp(LAST) - pd.Timedelta(weeks=4)
    assert row["baseline_weeks"] == BASELINE


def test_a_value_that_may_still_be_reached_is_not_tested() -> None:
    """The mean wait of the newest weeks does not exist yet, and says not_reached before it says provisional."""
    weekly = series("waited", 200 + 50 * quiet())
    weekly["as_of"] = pd.Timestamp(LAST, tz="UTC") + pd.Timedelta(days=7)
    weekly.loc[weekly.index[-5:], ["value", "status"]] = [np.nan, "not_reached"]
    row = only(weekly)
    assert row["week"] == pd.Timestamp(LAST) - pd.Timedelta(weeks=5)
    assert row["verdict"] == "noise"


def test_an_earlier_week_is_judged_with_what_came_before_it() -> None:
    weekly, week = series("made", quiet()), LAST - pd.Timedelta(weeks=5)
    row = only(weekly, week)
    assert row.equals(only(weekly[weekly["week"] <= pd.Timestamp(week)], week))
    assert row["week"] == pd.Timestamp(week)


def test_marked_weeks_are_in_no_baseline() -> None:
    values = quiet()
    values[-20:-16] += 0.2
    weekly = series("made", values)
    first = LAST - pd.Timedelta(weeks=19)
    event = ("made", first, LAST - pd.Timedelta(weeks=16))
    row, told = only(weekly), only(weekly, marked=[event])
    assert told["expected"] < row["expected"]
    assert told["expected"] == pytest.approx(np.r_[values[-33:-20], values[-16:-3]].mean(), abs=1e-12)
    assert only(weekly, marked=[("heard", *event[1:])]).equals(row)
    assert only(weekly, marked=[(None, *event[1:])]).equals(told)


def test_a_cold_start_is_in_no_baseline() -> None:
    values = quiet(weeks=WARM_UP + LEAST_BASELINE + 3)
    row = only(series("made", values))
    values[:WARM_UP] = 0.9
    assert only(series("made", values)).equals(row)
    assert (row["baseline_weeks"], row["verdict"]) == (LEAST_BASELINE, "noise")


# ---- cannot tell -------------------------------------------------------------------------------------


def test_a_short_history_cannot_tell() -> None:
    row = only(series("made", quiet(weeks=WARM_UP + LEAST_BASELINE + 2)))
    assert row["verdict"] == "cannot_tell"
    assert row["reason"] == "9 final weeks before it, 10 are needed"
    assert np.isnan(row["smallest_visible_change"])


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("low_n", "fewer than 30 cases in this week"),
        ("not_reached", "the value does not exist yet"),
        ("withheld", "it is withheld"),
    ],
)
def test_a_week_without_a_sound_value_cannot_tell(status: str, reason: str) -> None:
    values = quiet()
    values[-1] = 0.9
    weekly = series("made", values)
    weekly.loc[weekly.index[-1], "status"] = status
    row = only(weekly)
    assert (row["verdict"], row["reason"], row["rule"]) == ("cannot_tell", reason, "")


def test_nothing_settled_cannot_tell() -> None:
    row = only(series("made", quiet()).assign(status="provisional"))
    assert (row["verdict"], row["reason"]) == ("cannot_tell", "no week is settled yet")
    assert pd.isna(row["week"])


def test_a_segment_without_a_row_this_week_cannot_tell() -> None:
    gone = series("made", quiet(2), group=("market", "VN"))
    weekly = pd.concat([series("made", quiet()), gone.iloc[:-1]])
    found = find_signals(weekly, CATALOGUE, LAST).set_index("dimension")
    assert found.loc["market", "reason"] == "nothing was counted in this week"
    assert found.loc["all", "verdict"] == "noise"


def test_hours_that_never_varied_cannot_tell_and_a_share_can() -> None:
    values = np.full(WEEKS, 0.5)
    values[-1] = 0.6
    assert only(series("waited", values))["reason"] == "the weeks before it never varied"
    assert only(series("made", values))["verdict"] == "signal"


def test_no_known_kpi_gives_no_row() -> None:
    found = find_signals(series("other", quiet()), CATALOGUE, LAST)
    assert (len(found), list(found.columns)) == (0, list(COLUMNS))


# ---- what fires --------------------------------------------------------------------------------------


def test_three_weeks_together_are_a_signal_that_none_is_alone() -> None:
    values = np.full(WEEKS, 0.3) + 0.02 * np.resize([1, -1], WEEKS)
    values[-3:] = 0.3 + 0.055
    row = only(series("made", values))
    assert (row["verdict"], row["run_weeks"]) == ("signal", 3)
    assert row["rule"] == "3 of 4 weeks nearer a limit than the centre"
    assert abs(row["z"]) < 3
    # Wild weeks have wide limits: Wheeler's rules are silent, the three weeks are not.
    values = np.full(WEEKS, 200.0) + np.resize([20, -20], WEEKS)
    values[-3:] = 248.0
    row = only(series("waited", values))
    assert (row["verdict"], row["rule"], row["run_weeks"]) == ("signal", "3 weeks together", 3)


def test_what_is_over_is_no_signal() -> None:
    values = quiet(3)
    values[-3:] = [0.42, 0.42, values[:-3].mean()]
    assert only(series("made", values))["verdict"] == "noise"


def test_a_long_run_alone_is_a_watch() -> None:
    values = np.full(WEEKS, 0.3) + 0.02 * np.resize([1, -1], WEEKS)
    values[-10] = 0.28
    values[-9:] = 0.307
    row = only(series("made", values))
    assert (row["verdict"], row["rule"], row["run_weeks"]) == ("watch", "9 weeks on one side", 9)


def test_a_change_too_small_to_act_on_is_a_watch() -> None:
    values = quiet(n=10**6)
    values[-1] += 0.006
    weekly = series("made", values, n=10**6)
    assert only(weekly)["verdict"] == "signal"
    row = only(weekly, smallest_change={"made": 0.01})
    assert (row["verdict"], row["smallest_visible_change"]) == ("watch", 0.01)
    assert row["rule"] == "outside the limits"


def test_a_segment_has_to_stand_out_among_the_others() -> None:
    """The same surprise: a signal in a headline, not in one of forty segments."""
    values = quiet(5)
    values[-1] = values[-29:-3].mean() + 0.085
    assert only(series("made", values))["verdict"] == "signal"
    others = [series("made", quiet(i), group=("market", f"m{i}")) for i in range(10, 49)]
    weekly = pd.concat([series("made", quiet()), series("made", values, group=("market", "odd")), *others])
    found = find_signals(weekly, CATALOGUE, LAST).set_index("dimension_value")
    assert found.loc["odd", "verdict"] == "watch"
    assert found.loc["odd", "q_value"] > found.loc["odd", "p_value"]
    assert found.loc["odd", "smallest_visible_change"] > 0.085


def test_a_statistic_of_a_duration_is_tested_where_it_is_asked_for() -> None:
    shares = series("made", quiet()).assign(kpi="waited", statistic="credited_by_day_7", numerator=7.0)
    shares["numerator"] = shares["value"] * shares["n"]
    weekly = pd.concat([series("waited", 200 + 50 * quiet()), shares])
    assert list(find_signals(weekly, CATALOGUE, LAST)["statistic"]) == ["restricted_mean"]
    row = only(weekly, durations=("credited_by_day_7",))
    assert row["limit_high"] == pytest.approx(only(series("made", quiet()))["limit_high"], abs=1e-12)


def test_a_share_is_tested_on_the_scale_of_arcsines() -> None:
    """Of a rare share five cases more are less of a surprise than five fewer."""
    made = np.random.default_rng(4).binomial(60, 0.15, WEEKS)
    usual = int(made[-29:-3].sum() / 26)
    found = {}
    for last in (usual - 7, usual + 7):
        made[-3:] = [usual, usual, last]
        at = np.arcsin(np.sqrt((made + 0.375) / 60.75)) * 2 * np.sqrt(60.5)
        near, far = at[-29:-3], at[-55:-29]
        spread = np.sqrt((25 * near.var(ddof=1) + 25 * far.var(ddof=1)) / 50)
        away = abs(at[-1] - near.mean()) / np.sqrt(1 + 1 / 26)
        p = max(2 * stats.t.sf(away / spread, 50), 2 * stats.norm.sf(away)) / 0.1
        row = only(series("made", made / 60, 60))
        assert row["p_value"] == pytest.approx(min(p, 1), rel=1e-9)
        found[last] = p
    assert found[usual - 7] < found[usual + 7] / 10


# ---- what makes no difference ------------------------------------------------------------------------


def test_row_order_makes_no_difference() -> None:
    weekly = pd.concat(
        [series(k, quiet(i), group=g) for i, k in enumerate(PER) for g in (("all", "all"), ("market", "VN"))]
    )
    found = find_signals(weekly, CATALOGUE, LAST)
    again = find_signals(weekly.sample(frac=1, random_state=3), CATALOGUE.iloc[::-1], LAST)
    pd.testing.assert_frame_equal(found, again)


def test_another_kpi_makes_no_difference() -> None:
    weekly = series("made", quiet())
    both = find_signals(pd.concat([weekly, series("waited", 100 * quiet(9))]), CATALOGUE, LAST)
    assert both[both["kpi"] == "made"].iloc[0].drop("week").equals(only(weekly).drop("week"))


@pytest.mark.parametrize("factor", [0.01, 24.0])
def test_the_unit_makes_no_difference(factor: float) -> None:
    hours = 200 + 50 * quiet()
    row, other = only(series("waited", hours)), only(series("waited", factor * hours))
    assert other["p_value"] == pytest.approx(row["p_value"], rel=1e-9)
    assert other["verdict"] == row["verdict"]
    for column in ("expected", "limit_low", "limit_high", "smallest_visible_change"):
        assert other[column] == pytest.approx(factor * row[column], rel=1e-9)


def test_a_shift_of_all_values_shifts_the_limits() -> None:
    hours = 200 + 50 * quiet()
    row, other = only(series("waited", hours)), only(series("waited", hours + 17))
    assert other["limit_low"] == pytest.approx(row["limit_low"] + 17, rel=1e-12)
    assert other["limit_high"] == pytest.approx(row["limit_high"] + 17, rel=1e-12)
    chart = xmr(hours[-29:-3])
    assert (row["limit_low"], row["limit_high"]) == (pytest.approx(chart.low), pytest.approx(chart.high))


def test_dates_may_be_dates() -> None:
    weekly = series("made", quiet())
    assert only(weekly.assign(week=weekly["week"].dt.date)).equals(only(weekly))


# ---- how often ---------------------------------------------------------------------------------------


def test_null_worlds_stay_quiet_and_planted_shifts_are_found() -> None:
    """A few seeds of benchmarks/signals.py, with room for chance; the benchmark gives the numbers."""
    weeks, names = WEEKS + 13, [f"k{seed}" for seed in range(60)]
    catalogue = pd.DataFrame({"kpi": names, "kind": "share", "unit": "share", "per": 1, "window_days": 0})
    null = {name: quiet(seed, weeks) for seed, name in enumerate(names)}
    sd = np.sqrt(0.3 * 0.7 / 500)
    moved = {name: values + 2 * sd * (np.arange(weeks) >= WEEKS) for name, values in null.items()}
    for worlds, least, most in ((null, 0, 6), (moved, 27, 60)):
        weekly = pd.concat([series("made", values).assign(kpi=name) for name, values in worlds.items()])
        back = range(13) if worlds is null else range(10, 13)
        told = [find_signals(weekly, catalogue, LAST - pd.Timedelta(weeks=b)) for b in back]
        alarms = pd.concat([found[found["verdict"] == "signal"]["kpi"] for found in told]).nunique()
        assert least <= alarms <= most


# ---- stocks and mixes --------------------------------------------------------------------------------


def test_a_stock_is_expected_to_carry_over() -> None:
    """What is expected follows the week before, and more flowing in for two weeks is seen."""
    stock = carried(3)
    row = only(series("open", stock))
    assert row["verdict"] == "noise"
    assert row["limit_low"] < row["value"] < row["limit_high"]
    more = stock.copy()
    more[-2:] += [40, 70]
    signalled = only(series("open", more))
    assert signalled["verdict"] == "signal"
    assert 10 < signalled["expected"] - row["expected"] < 38, "a part of the 40 more stays, and not all of them"


def test_far_from_the_baseline_a_stock_is_judged_with_more_caution() -> None:
    """Which part stays is an estimate: the more there is, the more an error of it says about the week after."""
    stock = carried(3)
    row = only(series("open", stock))
    stock[-2] += 120
    raised = only(series("open", stock))
    assert raised["smallest_visible_change"] > 1.5 * row["smallest_visible_change"]
    assert raised["smallest_visible_change"] < 2 * row["smallest_visible_change"]


@pytest.mark.parametrize("stays", [0.3, 0.6, 0.95])
def test_quiet_stocks_are_quiet_and_more_that_flows_in_is_found(stays: float) -> None:
    """A few seeds of benchmarks/signals.py, with room for chance; the benchmark gives the numbers."""
    weeks, names = WEEKS + 13, [f"k{seed}" for seed in range(60)]
    catalogue = pd.DataFrame({"kpi": names, "kind": "count", "unit": "count", "per": 1, "window_days": 0})
    null = {name: carried(seed, weeks, stays=stays) for seed, name in enumerate(names)}
    change = np.mean([np.diff(stock).std() for stock in null.values()])
    # What flows in more is there for a week, a part of it for two, and so on.
    more = 2 * change * np.cumsum(stays ** np.arange(13))
    moved = {name: np.r_[stock[:WEEKS], stock[WEEKS:] + more] for name, stock in null.items()}
    for worlds, least, most in ((null, 0, 6), (moved, 27, 60)):
        weekly = pd.concat([series("open", values).assign(kpi=name) for name, values in worlds.items()])
        back = range(13) if worlds is null else range(10, 13)
        told = [find_signals(weekly, catalogue, LAST - pd.Timedelta(weeks=b)) for b in back]
        alarms = pd.concat([found[found["verdict"] == "signal"]["kpi"] for found in told]).nunique()
        assert least <= alarms <= most


def test_a_stock_that_grows_for_good_is_no_signal_week_after_week() -> None:
    """Each week is as far from the mean of the 26 before it as growth takes it: that is not news."""
    grown = np.cumsum(2.0 + np.random.default_rng(7).normal(0, 4, WEEKS)) + 100
    weekly = series("open", grown)
    weeks = [(pd.Timestamp(LAST) - pd.Timedelta(weeks=back)).date() for back in range(8)]
    assert {only(weekly, week)["verdict"] for week in weeks} <= {"noise", "watch"}
    assert xmr(grown[-29:-3]).high < grown[-1], "outside the limits of a level"


def test_each_part_of_a_mix_is_judged_and_its_whole_is_not() -> None:
    random = np.random.default_rng(5)
    exchange, credit = (random.binomial(400, level, WEEKS) / 400 for level in (0.1, 0.06))
    quiet_found = find_signals(
        parts_of_a_mix({"exchange": exchange, "store_credit": credit, "refund": 1 - exchange - credit}), CATALOGUE, LAST
    )
    assert set(quiet_found["dimension_value"]) == {"exchange", "store_credit", "refund"}
    assert set(quiet_found["verdict"]) == {"noise"}
    exchange[-3:] += 0.09
    found = find_signals(
        parts_of_a_mix({"exchange": exchange, "store_credit": credit, "refund": 1 - exchange - credit}), CATALOGUE, LAST
    ).set_index("dimension_value")
    assert found.loc["exchange", "verdict"] == "signal"
    assert found.loc["store_credit", "verdict"] == "noise"


def test_the_parts_of_a_mix_are_one_headline() -> None:
    """They share the false alarms of a headline, where the segments of another KPI share a quarter of that."""
    random = np.random.default_rng(5)
    counts = random.multinomial(400, (0.8, 0.12, 0.08), WEEKS) / 400
    shares = dict(zip(("refund", "exchange", "store_credit"), counts.T, strict=True))
    parts = find_signals(parts_of_a_mix(shares), CATALOGUE, LAST).set_index("dimension_value")
    segments = pd.concat([series("made", values, 400, ("market", name)) for name, values in shares.items()])
    found = find_signals(segments, CATALOGUE, LAST).set_index("dimension_value")
    columns = ["smallest_visible_change", "smallest_lasting_change"]
    assert parts[["expected", "p_value"]].equals(found[["expected", "p_value"]])
    assert (parts[columns] < 0.95 * found[columns]).all(axis=None)
    # A part that needs as much as one of three that share a headline's false alarms, and no less.
    needed = parts.loc["exchange", "smallest_visible_change"]
    for moved, verdict in ((needed + 0.015, "signal"), (needed - 0.015, "watch")):
        shares["exchange"][-3:] = parts.loc["exchange", "expected"]
        shares["exchange"][-1] += moved
        assert (
            find_signals(parts_of_a_mix(shares), CATALOGUE, LAST)
            .set_index("dimension_value")
            .loc["exchange", "verdict"]
            == verdict
        )
