"""What holds for any counts: bounds, order, and that every roll-up is the sum of its parts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from cells_in_small import Case, durations, ratios
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms import build, cells, release
from transforms.models import kpi
from transforms.warehouse import Warehouse

SEVERAL = settings(max_examples=25, deadline=None, derandomize=True)
OUTCOME = st.sampled_from(["credited", "credited", "ended", "open"])
CASE = st.tuples(st.integers(0, 900 * 3600).map(lambda s: s / 3600), OUTCOME)
TIED = st.tuples(st.integers(0, 30).map(lambda day: day * 24.0), OUTCOME)
CELL = st.lists(CASE, min_size=1, max_size=40) | st.lists(TIED, min_size=1, max_size=40)
SHARES = ("credited_by_day_3", "credited_by_day_7", "credited_by_day_14")


def number(value: float | None) -> float:
    """Not reached = later than anything."""
    return float("inf") if value is None else value


def in_order(values: list[float | None]) -> bool:
    known = [value for value in values if value is not None]
    return known == sorted(known)


@SEVERAL
@given(st.lists(CELL, min_size=1, max_size=8))
def test_durations_keep_their_bounds(many: list[list[Case]]) -> None:
    for cases, found in zip(many, durations(many), strict=True):
        value = {name: estimate["value"] for name, estimate in found.items()}
        for prefix in ("", "km_"):
            quantiles = [number(value[f"{prefix}p{q}"]) for q in (25, 50, 90)]
            assert quantiles == sorted(quantiles)
        # Who ended is never credited: without the ended, credits come no later.
        assert all(number(value[f"km_p{q}"]) <= number(value[f"p{q}"]) for q in (25, 50, 90))
        hours = {int(hours + 1e-9) for hours, outcome in cases if outcome == "credited"}
        assert all(value[name] in hours for name in ("p25", "p50", "p90", "km_p50") if value[name] is not None)
        shares = [value[name] for name in SHARES]
        assert in_order(shares)
        assert all(0 <= share <= 1 for share in shares if share is not None)
        assert value["restricted_mean"] is None or 0 <= value["restricted_mean"] <= 720 + 1e-9
        for estimate in found.values():
            assert estimate["n"] == len(cases)
            if estimate["value"] is None:
                assert (estimate["ci_low"], estimate["ci_high"]) == (None, None)
            elif estimate["ci_low"] is not None:
                assert estimate["ci_low"] <= estimate["value"] + 1e-12
                assert estimate["ci_high"] is None or estimate["value"] <= estimate["ci_high"] + 1e-12


@SEVERAL
@given(CELL)
def test_a_settled_cell_is_a_plain_share(cases: list[Case]) -> None:
    """Nobody is open: the curve is what a pencil counts."""
    settled = [(hours, outcome if outcome != "open" else "ended") for hours, outcome in cases]
    (found,) = durations([settled])
    for name, day in zip(SHARES, (3, 7, 14), strict=True):
        share = sum(outcome == "credited" and hours < day * 24 for hours, outcome in settled) / len(settled)
        assert found[name]["value"] == pytest.approx(share, abs=1e-12)
    waits = [min(hours, 720) if outcome == "credited" else 720 for hours, outcome in settled]
    assert found["restricted_mean"]["value"] == pytest.approx(sum(waits) / len(waits), abs=0.01)


@SEVERAL
@given(CELL, st.integers(1, 500))
def test_cases_cut_off_later_than_all_credits_change_no_share(cases: list[Case], later: int) -> None:
    """Open cases count in full while they are watched: watched past everything, they might as well have ended."""
    end = max(hours for hours, _ in cases) + later
    watched = [(end if outcome == "open" else hours, outcome) for hours, outcome in cases]
    ended = [(hours, "ended" if outcome == "open" else outcome) for hours, outcome in watched]
    of_watched, of_ended = durations([watched, ended])
    for name in (*SHARES, "p25", "p50", "p90"):
        got, expected = (found[name]["value"] for found in (of_watched, of_ended))
        if got is not None:
            assert got == pytest.approx(expected, abs=1e-9), name


@SEVERAL
@given(CELL)
def test_twice_the_cases_are_the_same_curve_more_surely(cases: list[Case]) -> None:
    once, twice = durations([cases, cases + cases])
    for name in ("p25", "p50", "p90", *SHARES, "restricted_mean"):
        assert (
            twice[name]["value"] == pytest.approx(once[name]["value"], abs=1e-9)
            if once[name]["value"] is not None
            else True
        )
    for name in SHARES:
        if once[name]["ci_low"] is not None:
            assert once[name]["ci_low"] <= twice[name]["ci_low"] + 1e-9
            assert twice[name]["ci_high"] <= once[name]["ci_high"] + 1e-9


@SEVERAL
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=12))
def test_scores_and_shares_keep_their_bounds(many: list[tuple[int, int, int]]) -> None:
    scores = ratios("nps", [(p - d, p + d, p + n + d) for p, n, d in many])
    shares = ratios("csat", [(p, p, p + n + d) for p, n, d in many])
    for (promoters, passives, detractors), score, share in zip(many, scores, shares, strict=True):
        n = promoters + passives + detractors
        assert score["n"] == share["n"] == n
        if n == 0:
            assert score["value"] is share["value"] is None
            continue
        assert score["value"] == pytest.approx(100 * (promoters - detractors) / n)
        assert -100 <= score["ci_low"] <= score["ci_high"] <= 100
        assert 0 <= share["ci_low"] <= share["value"] + 1e-12
        assert share["value"] <= share["ci_high"] + 1e-12 <= 1 + 1e-9


@SEVERAL
@given(st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=30), min_size=1, max_size=8))
def test_contact_rates_hold_their_value(many: list[list[int]]) -> None:
    """Each list is the contacts of each order."""
    counts = [(sum(orders), sum(c * c for c in orders), len(orders)) for orders in many]
    for orders, found in zip(many, ratios("contacts_per_1k_orders", counts), strict=True):
        assert found["value"] == pytest.approx(1000 * sum(orders) / len(orders))
        assert 0 <= found["ci_low"] <= found["value"] + 1e-9
        assert found["value"] <= found["ci_high"] + 1e-9


# ---- roll-ups -------------------------------------------------------------------------------------

MONDAY = date(2026, 5, 25)  # the weeks cross the end of a month
DAY = st.integers(0, 20).map(lambda n: MONDAY + timedelta(days=n))
MARKET, CATEGORY, REASON = (
    st.sampled_from(values) for values in (["VN", "TH"], ["toys", "a × b"], ["payment", "other"])
)
CONTACTS = replace(
    kpi("contacts_per_1k_orders"), dimensions=("market", "category"), numerator_dimensions=("contact_reason",)
)
SATISFACTION = replace(kpi("csat"), dimensions=("market", "category", "scale"))
WAITS = replace(kpi("refund_cycle_time"), dimensions=("market", "category"))
ORDER = st.tuples(DAY, MARKET, CATEGORY, st.integers(0, 9))
CONTACT = st.tuples(DAY, MARKET, CATEGORY, REASON, st.integers(0, 9) | st.none())
ANSWER = st.tuples(DAY, MARKET, CATEGORY, st.sampled_from(["1-5", "1-7"]), st.booleans())
WAIT = st.tuples(DAY, MARKET, CATEGORY, st.integers(0, 40 * 3600), OUTCOME)


THREE = (CONTACTS, SATISFACTION, WAITS)
SHARED = "observed_on date, market varchar, category varchar"
COUNTED = "subject_id varchar, order_id varchar, numerator integer, denominator integer"
TABLES = {
    CONTACTS.id: f"{SHARED}, contact_reason varchar, {COUNTED}",
    SATISFACTION.id: f"{SHARED}, scale varchar, {COUNTED}",
    WAITS.id: f"{SHARED}, subject_id varchar, order_id varchar, duration_hours double, outcome varchar",
}


@contextmanager
def counted(rows: dict[str, list[list[Any]]]) -> Iterator[Warehouse]:
    """The cells of three KPIs with few dimensions, over rows as their views would give them."""
    with pytest.MonkeyPatch.context() as patch, Warehouse(":memory:", memory="1GB", threads=1) as warehouse:
        patch.setattr(release, "kpis", lambda: THREE)
        warehouse.run("create schema kpis")
        build.set_sla(warehouse)
        build.set_kpis(warehouse, {})
        for id, columns in TABLES.items():
            warehouse.run(f"create table kpis.{id} ({columns})")
            for row in rows.get(id, []):
                warehouse.run(f"insert into kpis.{id} values ({', '.join('?' * len(row))})", row)
        cells.count_cells(warehouse)
        yield warehouse


def sums(warehouse: Warehouse, id: str) -> dict[Any, tuple[int, int, int]]:
    """(numerator, its squares, denominator) by (grain, period, dimension, value)."""
    rows = warehouse.rows(
        "select grain, period, dimension, dimension_value, numerator, numerator_squared, denominator "
        "from cells.counts inner join cells.names using (cell, slice) inner join cells.slices using (slice) "
        "where kpi = ?",
        [id],
    )
    return {row[:4]: row[4:] for row in rows}


def periods(day: date) -> list[tuple[str, date]]:
    return [("day", day), ("week", day - timedelta(days=day.weekday())), ("month", day.replace(day=1))]


def slices(**values: str) -> list[tuple[str, str]]:
    """All, each dimension, each pair: the names of the cells a row belongs to."""
    names = list(values)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    return [
        ("all", "all"),
        *((name, values[name]) for name in names),
        *((f"{a} × {b}", f"{values[a]} × {values[b]}") for a, b in pairs),
    ]


def based_on(name: tuple[str, str]) -> tuple[str, str]:
    """The cell whose orders a rate is over: without the reason."""
    dimensions = name[0].split(" × ")
    if "contact_reason" not in dimensions:
        return name
    return (dimensions[0], name[1][: name[1].rindex(" × ")]) if len(dimensions) == 2 else ("all", "all")


SUMMED = settings(max_examples=8, deadline=None, derandomize=True)


@SUMMED
@given(orders=st.lists(ORDER, max_size=20), contacts=st.lists(CONTACT, max_size=20))
def test_contacts_add_up(orders: list[Any], contacts: list[Any]) -> None:
    """Numerators by reason over all orders of the cell; the square is of an order's contacts, wherever they came."""
    by_order: dict[Any, Counter[Any]] = defaultdict(Counter)
    denominators: Counter[Any] = Counter()
    for number, (day, market, category, reason, key) in enumerate(contacts):
        for grain, period in periods(day):
            for name in slices(market=market, category=category, contact_reason=reason):
                by_order[grain, period, *name][f"lone {number}" if key is None else key] += 1
    for day, market, category, _ in orders:
        for grain, period in periods(day):
            for name in slices(market=market, category=category):
                denominators[grain, period, *name] += 1
    # A reason that is counted anywhere is measured wherever its cell's other dimensions hold orders: as 0, if so.
    reasons = {cell[2:] for cell in by_order if "contact_reason" in cell[2]}
    measured = {(*cell[:2], *name) for cell in denominators for name in reasons if based_on(name) == cell[2:]}
    expected = {}
    for cell in by_order.keys() | denominators.keys() | measured:
        own = by_order.get(cell, Counter())
        below = denominators[(*cell[:2], *based_on(cell[2:]))]
        expected[cell] = (sum(own.values()), sum(c * c for c in own.values()), below)
    rows = [[day, market, category, None, "o", f"o{key}", 0, 1] for day, market, category, key in orders]
    for day, market, category, reason, key in contacts:
        rows.append([day, market, category, reason, "t", None if key is None else f"o{key}", 1, 0])
    with counted({CONTACTS.id: rows}) as warehouse:
        assert sums(warehouse, CONTACTS.id) == expected


@SUMMED
@given(answers=st.lists(ANSWER, max_size=30))
def test_answers_add_up(answers: list[Any]) -> None:
    """The headline's scale alone, but in the rows of dimension `scale`; weeks and months are sums of days."""
    expected: dict[Any, Counter[str]] = defaultdict(Counter)
    for day, market, category, scale, is_top in answers:
        of_headline = slices(market=market, category=category) if scale == "1-5" else []
        for grain, period in periods(day):
            for name in [*of_headline, ("scale", scale)]:
                expected[grain, period, *name] += Counter(n=int(is_top), d=1)
    rows = [
        [day, market, category, scale, "a", None, int(is_top), 1] for day, market, category, scale, is_top in answers
    ]
    with counted({SATISFACTION.id: rows}) as warehouse:
        assert sums(warehouse, SATISFACTION.id) == {cell: (s["n"], s["n"], s["d"]) for cell, s in expected.items()}


@SUMMED
@given(waits=st.lists(WAIT, max_size=30))
def test_waits_add_up(waits: list[Any]) -> None:
    """To the second for all and single dimensions, to the hour for pairs."""
    expected: Counter[Any] = Counter()
    for day, market, category, seconds, outcome in waits:
        for grain, period in periods(day):
            for dimension, value in slices(market=market, category=category):
                kept = seconds // 3600 * 3600 if " × " in dimension else seconds
                expected[grain, period, dimension, value, kept, outcome] += 1
    rows = [
        [day, market, category, "r", None, seconds / 3600, outcome] for day, market, category, seconds, outcome in waits
    ]
    with counted({WAITS.id: rows}) as warehouse:
        held = warehouse.rows(
            "select grain, period, dimension, dimension_value, waited_seconds, credited, ended, open "
            "from cells.durations inner join cells.names using (cell) inner join cells.slices using (slice)"
        )
    found = {
        (*row[:5], outcome): number
        for row in held
        for outcome, number in zip(("credited", "ended", "open"), row[5:], strict=True)
        if number
    }
    assert found == expected
