"""What the search for causes must find, must not find, and must bear."""

from __future__ import annotations

import time
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.insight.causes import explain, find_causes
from transforms.insight.lattice import NUMBERS, Lattice

DIMENSIONS = ["market", "category", "carrier"]
VALUES = {"market": list("ABCDE"), "category": list("uvwxyz"), "carrier": ["jnt", "dhl", "gls", "post"]}


def quiet(seed: int, cases: int = 400) -> pd.DataFrame:
    """A world in which nothing happened: counts around what was expected."""
    rng = np.random.default_rng(seed)
    leaves = pd.DataFrame(list(product(*VALUES.values())), columns=DIMENSIONS)
    expected = rng.lognormal(np.log(cases), 0.8, len(leaves)).round()
    rate = rng.uniform(0.05, 0.2, len(leaves))
    actual = rng.poisson(expected)
    return leaves.assign(
        actual_numerator=rng.binomial(actual, rate),
        actual_denominator=actual,
        expected_numerator=expected * rate,
        expected_denominator=expected,
    )


def slowed(table: pd.DataFrame, where: dict[str, str], factor: float, seed: int = 99) -> pd.DataFrame:
    """The same world where a slice's rate is another."""
    rng = np.random.default_rng(seed)
    inside = np.logical_and.reduce([table[d] == v for d, v in where.items()])
    rate = (table.expected_numerator / table.expected_denominator * factor).clip(upper=1)
    drawn = rng.binomial(table.actual_denominator.astype(int), rate)
    return table.assign(actual_numerator=np.where(inside, drawn, table.actual_numerator))


@pytest.mark.parametrize(
    "where",
    [{"market": "B"}, {"category": "w", "carrier": "jnt"}, {"market": "A", "category": "u", "carrier": "dhl"}],
    ids=["one", "two", "three"],
)
@pytest.mark.parametrize("factor", [0.4, 2.0])
def test_a_slice_that_moved_is_named_and_nothing_else(where: dict[str, str], factor: float) -> None:
    """Neither its parents nor its children."""
    (cause,) = find_causes(slowed(quiet(1), where, factor), DIMENSIONS)
    assert cause.where == where
    assert cause.part == "rate"
    assert (cause.contribution > 0) == (factor > 1)
    assert cause.ci_low < cause.contribution < cause.ci_high
    assert cause.after / cause.before == pytest.approx(factor, rel=0.35)


def test_two_causes_are_two() -> None:
    first, second = {"market": "C"}, {"category": "z", "carrier": "gls"}
    table = slowed(slowed(quiet(2), first, 2.2), second, 2.5)
    assert [c.where for c in find_causes(table, DIMENSIONS)] in ([first, second], [second, first])
    assert len(find_causes(table, DIMENSIONS, top=1)) == 1


def test_siblings_are_not_their_parent() -> None:
    table = quiet(3)
    for market in "AB":
        table = slowed(table, {"market": market, "carrier": "dhl"}, 2.5)
    found = [c.where for c in find_causes(table, DIMENSIONS)]
    assert sorted(w["market"] for w in found) == ["A", "B"]
    assert all(w["carrier"] == "dhl" and len(w) == 2 for w in found)


def test_contributions_are_parts_of_the_move() -> None:
    """One cause in an otherwise exact world: all of the move, rate and mix adding up to it."""
    table = quiet(4).assign(actual_denominator=lambda t: t.expected_denominator)
    inside = table.market == "D"
    table["actual_numerator"] = table.expected_numerator * np.where(inside, 1.5, 1.0)
    told = explain(table, DIMENSIONS)
    (cause,) = told.causes
    assert cause.where == {"market": "D"}
    assert cause.contribution == pytest.approx(told.delta, abs=1e-12)
    assert cause.rate + cause.mix == pytest.approx(cause.contribution, abs=1e-15)
    assert cause.mix == pytest.approx(0, abs=1e-12)
    assert cause.score > 0.8
    assert {"mix", "category", "carrier"} <= set(told.ruled_out)
    assert told.rate + told.mix == pytest.approx(told.delta, abs=1e-12)


def test_a_shift_of_the_mix_is_called_one() -> None:
    """A slice with another rate than the rest doubles its volume; no rate moved."""
    table = quiet(5)
    rate = np.where(table.category == "v", 0.5, 0.1)
    volume = table.expected_denominator * np.where(table.category == "v", 2, 1)
    table = table.assign(
        expected_numerator=table.expected_denominator * rate,
        actual_denominator=volume,
        actual_numerator=volume * rate,
    )
    told = explain(table, DIMENSIONS)
    assert [c.where for c in told.causes] == [{"category": "v"}]
    assert told.causes[0].part == "mix"
    assert "rate" in told.ruled_out


def test_simpson_is_flagged() -> None:
    """Every rate rose and the whole fell."""
    table = pd.DataFrame(
        {
            "kind": ["easy", "hard"],
            "expected_numerator": [8100, 200],
            "expected_denominator": [9000, 1000],
            "actual_numerator": [920, 2250],
            "actual_denominator": [1000, 9000],
        }
    )
    told = explain(table, ["kind"])
    assert told.is_simpson
    assert told.rate > 0 > told.delta


def test_quiet_worlds_have_no_cause() -> None:
    """At most one in twenty: what the significance promises."""
    assert sum(bool(find_causes(quiet(seed), DIMENSIONS)) for seed in range(100, 160)) <= 3


def test_intervals_cover_what_was_planted() -> None:
    """The part that a known change of rate makes of the move, in nine of ten worlds at the least."""
    where, covered = {"market": "B"}, 0
    for seed in range(40):
        table = slowed(quiet(seed), where, 2.0, seed)
        inside = table.market == "B"
        d1 = table.actual_denominator
        rate = table.expected_numerator / table.expected_denominator
        planted = (d1 * rate)[inside].sum() / d1.sum()
        causes = [c for c in find_causes(table, DIMENSIONS) if c.where == where]
        assert causes, seed
        covered += causes[0].ci_low <= planted + causes[0].mix <= causes[0].ci_high
    assert covered >= 36


numbers = st.one_of(st.none(), st.just(0.0), st.floats(-1e6, 1e6), st.integers(-3, 10_000).map(float))
rows = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([None, "x", "y"]), *[numbers] * 4), max_size=25)


@settings(max_examples=150, deadline=None)
@given(rows)
def test_any_table_is_borne(table: list[tuple[object, ...]]) -> None:
    """Negative, zero and missing numbers, repeated and absent leaves: finite answers that sum as promised."""
    frame = pd.DataFrame(table, columns=["d", "e", *NUMBERS])
    for cause in find_causes(frame, ["d", "e"]):
        assert np.isfinite([cause.score, cause.contribution, cause.ci_low, cause.ci_high]).all()
        assert 0 <= cause.score <= 1
        assert set(cause.where) <= {"d", "e"}


def test_rows_are_added_up_and_their_order_does_not_matter() -> None:
    table = slowed(quiet(6), {"market": "B"}, 2.0)
    halves = pd.concat([table.assign(**{n: table[n] / 2 for n in NUMBERS})] * 2).sample(frac=1, random_state=1)
    doubled = pd.concat([table, table]).sample(frac=1, random_state=2)
    assert [c.where for c in find_causes(halves, DIMENSIONS)] == [{"market": "B"}]
    assert [c.where for c in find_causes(doubled, DIMENSIONS)] == [{"market": "B"}]


def test_the_other_outcome_has_the_same_causes() -> None:
    """Whether the share of the good or of the bad is asked about."""
    table = slowed(quiet(7), {"category": "w", "carrier": "jnt"}, 2.2)
    other = table.assign(
        actual_numerator=table.actual_denominator - table.actual_numerator,
        expected_numerator=table.expected_denominator - table.expected_numerator,
    )
    ours, theirs = find_causes(table, DIMENSIONS), find_causes(other, DIMENSIONS)
    assert [c.where for c in ours] == [c.where for c in theirs] != []
    assert ours[0].contribution == pytest.approx(-theirs[0].contribution)


def test_a_column_that_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match="expected_denominator"):
        find_causes(quiet(1).drop(columns="expected_denominator"), DIMENSIONS)
    with pytest.raises(ValueError, match="no dimension"):
        find_causes(quiet(1), [])


def test_sums_of_slices_are_sums_of_their_leaves() -> None:
    lattice = Lattice(quiet(8), DIMENSIONS)
    values = lattice.numbers["actual_numerator"]
    sums = lattice.sums(values)
    assert len(sums) == 5 + 6 + 4 + 30 + 20 + 24 + 120
    assert all(sums[i] == values[lattice.mask(i)].sum() for i in range(len(sums)))
    assert lattice.where(7) == {"category": "w"}


def test_thirty_thousand_leaves_take_seconds() -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({f"d{i}": rng.integers(0, n, 40_000).astype(str) for i, n in enumerate((30, 20, 12, 8, 5))})
    table["expected_denominator"] = rng.pareto(1.2, len(table)) * 10 + 1
    table["expected_numerator"] = table.expected_denominator * 0.1
    table["actual_denominator"] = table.expected_denominator
    table["actual_numerator"] = table.expected_numerator * np.where(table.d1 == "3", 2, 1)
    started = time.process_time()
    assert [c.where for c in find_causes(table, [f"d{i}" for i in range(5)])] == [{"d1": "3"}]
    assert time.process_time() - started < 6


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("factor", [1.3, 0.7])
def test_what_moved_everywhere_has_no_cause_but_a_slice_that_moved_more(seed: int, factor: float) -> None:
    random = np.random.default_rng(seed)
    drawn = {"a": random.integers(0, 6, 1500), "b": random.integers(0, 8, 1500), "c": random.integers(0, 5, 1500)}
    table = pd.DataFrame(drawn).astype(str).drop_duplicates()
    cases = np.round(random.lognormal(4, 1.2, len(table))) + 1
    rate = np.clip(random.normal(0.2, 0.03, len(table)), 0.02, 0.9)
    table = table.assign(
        expected_denominator=cases,
        expected_numerator=cases * rate,
        actual_denominator=cases,
        actual_numerator=random.binomial(cases.astype(int), np.clip(rate * factor, 0, 1)).astype(float),
    )
    assert find_causes(table, ["a", "b", "c"]) == []
    everywhere = explain(table, ["a", "b", "c"]).everywhere
    assert everywhere is not None
    assert (everywhere.where, everywhere.part, everywhere.support) == ({}, "rate", pytest.approx(1))
    assert explain(quiet(seed), DIMENSIONS).everywhere is None
    inside = (table["a"] == "1") & (table["b"] == "2")
    table.loc[inside, "actual_numerator"] = cases[inside] * 0.8
    if factor > 1:
        found = explain(table, ["a", "b", "c"])
        assert ([cause.where for cause in found.causes], found.everywhere) == ([{"a": "1", "b": "2"}], None)


def sparse(
    seed: int, where: dict[str, str], fall: float = 0.3, drift: float = 0.0, uneven: float = 0.0
) -> pd.DataFrame:
    """4,000 leaves of a service's requests, most of them few, 99 % of which succeed; some of those of a slice do not."""
    rng = np.random.default_rng(seed)
    sizes = {"city": 60, "model": 40, "network": 3, "page": 12}
    table = pd.DataFrame({name: rng.zipf(1.5, 9000) % size for name, size in sizes.items()}).drop_duplicates()
    table = table.assign(province=table["city"] // 6).astype(str)
    usual = np.ceil(rng.lognormal(2.0, 1.6, len(table)))
    rate = np.clip(0.99 + rng.normal(0, 0.004, len(table)), 0.9, 0.999)
    seen = rng.poisson(usual * 5)
    inside = np.logical_and.reduce([table[name] == value for name, value in where.items()])
    struck = rate * (1 - drift) * (1 - np.minimum(inside * fall * rng.lognormal(0, uneven, len(table)), 1))
    actual = rng.poisson(usual)
    return table.assign(
        actual_numerator=rng.binomial(actual, struck),
        actual_denominator=actual,
        expected_numerator=rng.binomial(seen, rate) / 5,
        expected_denominator=seen / 5,
    )


SPARSE = ["city", "model", "network", "page", "province"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("where", [{"city": "2"}, {"network": "1", "page": "1"}, {"province": "0"}], ids=str)
def test_most_leaves_have_a_few_requests(seed: int, where: dict[str, str]) -> None:
    """By the name of the fewest dimensions, though everything fell by 2 % and the cause strikes unevenly."""
    for change in ({}, {"drift": 0.02}, {"uneven": 0.5}):
        found = find_causes(sparse(seed, where, **change), SPARSE)
        assert [cause.where for cause in found] == [where], change


@pytest.mark.parametrize("drift", [0.0, 0.02])
def test_a_sparse_table_in_which_nothing_happened_has_no_cause(drift: float) -> None:
    """Nor has one in which everything did."""
    assert sum(bool(find_causes(sparse(seed, {"city": "2"}, fall=0, drift=drift), SPARSE)) for seed in range(20)) <= 1


def straying(seed: int, cause: float = 0.0) -> pd.DataFrame:
    """5,000 leaves of which 90 % succeed, though every value of every dimension strays by itself; city 3 may fall."""
    rng = np.random.default_rng(seed)
    sizes = {"city": 30, "model": 20, "network": 6, "page": 12}
    table = pd.DataFrame({name: rng.integers(0, size, 5000) for name, size in sizes.items()}).drop_duplicates()
    usual = np.ceil(rng.lognormal(4, 1, len(table)))
    logit = np.log(9) + sum(rng.normal(0, 0.1, size)[table[name]] for name, size in sizes.items())
    rate = np.where(table["city"] == 3, 1 - cause, 1) / (1 + np.exp(-logit))
    actual = rng.poisson(usual)
    return table.astype(str).assign(
        actual_numerator=rng.binomial(actual, rate),
        actual_denominator=actual,
        expected_numerator=usual * 0.9,
        expected_denominator=usual,
    )


def test_a_dimension_of_one_value_is_in_no_name() -> None:
    table = slowed(quiet(1), {"market": "B"}, 2.0).groupby("market", as_index=False)[list(NUMBERS)].sum()
    assert [
        cause.where for cause in find_causes(table.assign(carrier="x", kind="a"), ["kind", "market", "carrier"])
    ] == [{"market": "B"}]


def test_where_values_stray_by_themselves_a_cause_is_what_does_not_fit_in() -> None:
    """In every one of these worlds some value has moved beyond counts; it is told in a third, and never beside a cause."""
    names = ["city", "model", "network", "page"]
    assert sum(bool(find_causes(straying(seed), names)) for seed in range(20)) <= 8
    told = [[cause.where for cause in find_causes(straying(seed, 0.3), names)] for seed in range(20)]
    assert told.count([{"city": "3"}]) >= 18
