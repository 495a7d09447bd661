"""Effects of actions: true ones are found, what goes by itself is not credited, and what cannot be judged is not."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from effect_worlds import FIRST, KINDS, START_WEEK, World, world

from transforms.insight.contrasts import contrast, correlation, middle
from transforms.insight.effects import AFTER, FEWEST_AFTER, RUN_IN, cell_of, measure_effects

SEEDS = 200


def measured(made: World, **changes: Any) -> dict[str, Any]:
    (found,) = measure_effects(made.weekly, [made.action | changes], made.catalogue)
    return found


def shares(case: str, kind: str, shift: float = 0.0, controls: int = 6, seeds: int = SEEDS) -> dict[str, float]:
    """Verdict -> how often."""
    counts = Counter(measured(world(seed, case, kind, shift, controls))["verdict"] for seed in range(seeds))
    return {verdict: counts[verdict] / seeds for verdict in ("worked", "no_evidence", "harmed", "too_early")}


# ---- rates over worlds whose truth is known ----------------------------------------------------------


@pytest.mark.parametrize("controls", [6, 0])
def test_a_spike_that_ends_by_itself_is_no_success(controls: int) -> None:
    found = shares("spike", "rate", controls=controls)
    assert found["worked"] <= 0.05
    assert found["harmed"] <= 0.05


def test_acting_on_the_worst_week_is_no_success() -> None:
    found = shares("picked", "duration")
    assert found["worked"] <= 0.05
    assert found["harmed"] <= 0.05


@pytest.mark.parametrize(("kind", "controls"), [("net_share", 6), ("rate", 2), ("share", 0)])
def test_nothing_done_is_nothing_found(kind: str, controls: int) -> None:
    found = shares("null", kind, controls=controls)
    assert found["worked"] <= 0.05
    assert found["harmed"] <= 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_a_decent_effect_is_found(kind: str) -> None:
    """Of two and a half weekly standard deviations, from the start on, whichever way is better."""
    assert shares("better", kind, 2.5, seeds=60)["worked"] >= 0.8


def test_harm_is_found() -> None:
    assert shares("worse", "share", 2.5, seeds=60)["harmed"] >= 0.8


# ---- one world --------------------------------------------------------------------------------------


def test_the_interval_holds_the_effect() -> None:
    made = [measured(world(seed, "better", "rate", 3.0)) for seed in range(60)]
    true = [
        world(seed, "better", "rate", 3.0).weekly["value"] - world(seed, "better", "rate", 0.0).weekly["value"]
        for seed in range(60)
    ]
    inside = [one["ci_low"] <= gap[gap != 0].mean() <= one["ci_high"] for one, gap in zip(made, true, strict=True)]
    assert np.mean(inside) >= 0.9
    assert all(one["effect"] == pytest.approx(one["observed"] - one["expected"]) for one in made)


def test_too_early_until_four_settled_weeks() -> None:
    made = world(1, "better", "rate", 3.0)
    until = FIRST + timedelta(weeks=START_WEEK + FEWEST_AFTER)
    early = made.weekly.assign(
        status=np.where(made.weekly["week"] < until - timedelta(weeks=1), "final", "provisional")
    )
    found = measured(World(early, made.catalogue, made.action))
    assert (found["verdict"], found["effect"], found["weeks_after"]) == ("too_early", None, FEWEST_AFTER - 1)
    assert found["because"] == "3 of 4 settled weeks since the start"
    settled = made.weekly.assign(status=np.where(made.weekly["week"] < until, "final", "provisional"))
    assert measured(World(settled, made.catalogue, made.action))["verdict"] != "too_early"


def test_an_action_that_has_not_started_is_too_early() -> None:
    found = measured(world(1, "null"), started=None, status="accepted")
    assert (found["verdict"], found["because"]) == ("too_early", "it has not started")


def test_a_slice_that_is_not_published_is_too_early() -> None:
    found = measured(world(1, "null"), where={"market": "ZZ"})
    assert (found["verdict"], found["because"]) == ("too_early", "no settled week of market ZZ has been published")


def test_without_a_level_before_there_is_no_evidence() -> None:
    found = measured(world(1, "better", "rate", 4.0), started=FIRST + timedelta(weeks=RUN_IN + 7))
    assert found["verdict"] == "no_evidence"
    assert found["because"].startswith("7 of 8 settled weeks before its run-in")


def test_the_week_in_which_it_started_is_in_neither() -> None:
    made = world(1, "null", "rate")
    first = measured(made)
    later = measured(made, started=made.action["started"] + timedelta(days=2))
    assert (first["weeks_after"], later["weeks_after"]) == (10, 9)
    assert AFTER >= 10


def test_slices_of_other_actions_are_no_controls() -> None:
    made = world(1, "null")
    other = made.action | {"id": "a2", "where": {"market": "SG", "carrier": "jnt"}}
    elsewhere = made.action | {"id": "a3", "where": {"carrier": "jnt"}}
    found, *_ = measure_effects(made.weekly, [made.action, other, elsewhere], made.catalogue)
    assert (measured(made)["controls"], found["controls"]) == (6, 5)


def test_what_moves_everybody_is_no_effect() -> None:
    """A shock of all slices by the same factor from the start on changes neither effect nor verdict."""
    made = world(3, "null", "rate")
    after = made.weekly["week"] >= made.action["started"]
    shocked = made.weekly.assign(value=made.weekly["value"] * np.where(after, 1.5, 1.0))
    found = measured(World(shocked, made.catalogue, made.action))
    assert found["method"] == "difference_in_differences"
    assert found["verdict"] == "no_evidence"
    assert abs(found["effect"]) < 0.1 * found["observed"]


def test_row_order_does_not_matter() -> None:
    made = world(4, "better", "net_share", 3.0)
    mixed = made.weekly.sample(frac=1, random_state=1)
    assert measured(World(mixed, made.catalogue, made.action)) == measured(made)


def test_better_turns_the_verdict_round() -> None:
    made = world(2, "better", "rate", 4.0)
    assert measured(made)["verdict"] == "worked"
    turned = World(made.weekly, [made.catalogue[0] | {"better": "higher"}], made.action)
    assert measured(turned)["verdict"] == "harmed"


def test_a_series_that_never_varies_says_nothing() -> None:
    made = world(1, "null")
    after = made.weekly["week"] >= made.action["started"]
    flat = made.weekly.assign(value=np.where(after & (made.weekly["dimension_value"] == "VN"), 2.0, 1.0), n=100)
    assert measured(World(flat, made.catalogue, made.action))["verdict"] == "no_evidence"


# ---- parts ------------------------------------------------------------------------------------------


def test_the_cell_of_an_action() -> None:
    assert cell_of({}, ["market", "carrier"]) == ("all", "all")
    assert cell_of({"carrier": "jnt", "market": "VN"}, ["market", "carrier"]) == ("market × carrier", "VN × jnt")


def test_a_contrast_without_correlation_is_the_two_sample_one() -> None:
    random = np.random.default_rng(5)
    values, sizes = random.normal(10, 1, 20), np.full(20, 50.0)
    before, after = np.arange(20) < 12, np.arange(20) >= 14
    found = contrast(values, sizes, before, after, 0.0, trend=False)
    assert found.effect == pytest.approx(values[14:].mean() - values[:12].mean())
    assert found.error == pytest.approx(values[:12].std(ddof=1) * np.sqrt(1 / 12 + 1 / 6))
    assert found.freedom == pytest.approx(11)


def test_a_trend_is_carried_on() -> None:
    weeks = np.arange(30.0)
    wobble = np.where(weeks % 2 == 0, 0.1, -0.1)
    found = contrast(3 + 0.5 * weeks + wobble, np.full(30, 9.0), weeks < 20, weeks >= 22, 0.0, trend=True)
    assert found.effect == pytest.approx(0, abs=0.1)
    assert contrast(3 + 0.5 * weeks, np.full(30, 9.0), weeks < 20, weeks >= 22, 0.0, trend=False).effect > 5


def test_correlation_is_found() -> None:
    random = np.random.default_rng(6)
    noise = np.zeros((400, 3))
    for week in range(1, 400):
        noise[week] = 0.6 * noise[week - 1] + random.normal(size=3)
    everything = np.ones(400, dtype=bool)
    assert correlation(noise, np.ones((400, 3)), everything) == pytest.approx(0.6, abs=0.08)
    assert correlation(random.normal(size=(400, 3)), np.ones((400, 3)), everything) < 0.1


def test_the_middle_is_not_moved_by_one() -> None:
    values = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 900.0], [np.nan, 2.0, 4.0], [np.nan, np.nan, np.nan]])
    assert middle(values, np.ones_like(values)).tolist()[:3] == [2.0, 2.0, 3.0]
    assert np.isnan(middle(values, np.ones_like(values))[3])
