"""No suppressed figure can be worked out from all the files together: an outsider with a linear program tries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from attacker import Seen, read, widths_of_series, widths_of_week
from sparse_world import KPIS, LAST, publish

from transforms.leadership import hidden
from transforms.leadership.cells import Cell
from transforms.leadership.disclosure import CASES_WIDTH, COUNTED_WIDTH, SMALLEST_SHOWN, Kind, hidden_cells
from transforms.leadership.files import write_weekly
from transforms.leadership.frames import read_sql, week_name
from transforms.leadership.months import Total, months_to_hide

KINDS = {kpi: kind for kpi, (kind, *_) in KPIS.items()}
ISSUES = [LAST - timedelta(weeks=back) for back in (2, 1, 0)]
SLACK = 1e-6
pytestmark = pytest.mark.usefixtures("without_pictures")


def issue(out: Path, monday: date, late: float = 0.0, **given: Any) -> Path:
    """A night after the week's end, and the week's file."""
    marts = out / "marts.duckdb"
    publish(marts, monday + timedelta(days=8), late)
    with duckdb.connect(str(marts), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")

        def fetch(sql: str, params: Sequence[Any] | None = None) -> pd.DataFrame:
            return connection.execute(sql, params or []).df()

        write_weekly(fetch, out, week_name(monday), **given)
    return out / ("analysts/weekly" if given.get("audience") == "analysts" else "weekly") / week_name(monday)


def attack(folders: Sequence[Path]) -> Iterator[str]:
    """What he works out: hidden cells that the files leave no room for."""
    issues = [read(folder) for folder in folders]
    for folder, seen in zip(folders, issues, strict=True):
        for cell, cases, counted in widths_of_week(seen, folder.name, KINDS):
            if cases < CASES_WIDTH - SLACK:
                yield f"{cell}: n within {cases:g}"
            if counted < COUNTED_WIDTH - SLACK:
                yield f"{cell}: numerator within {counted:g}"
    together = Seen(units=issues[0].units)
    for seen in issues:
        together.known |= seen.known
        together.hidden |= seen.hidden
        together.priors |= seen.priors
    together.over = {f"{LAST.year}-{month:02d}" for month in range(1, LAST.month)}
    yield from (f"{cell}: shown as a prior value" for cell in together.hidden & together.priors.keys())
    yield from (f"{cell}: shown by another file" for cell in together.hidden & together.known.keys())
    for kpi in KINDS:
        yield from (
            f"{kpi} {period}: n within {w:g}"
            for period, w in widths_of_series(together, kpi)
            if w < CASES_WIDTH - SLACK
        )


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three weeks, each issued with a part of its cases still to come."""
    out = tmp_path_factory.mktemp("shared")
    return [issue(out, monday, late=0.05) for monday in ISSUES]


def rows(folder: Path) -> list[dict[str, Any]]:
    return list(pq.read_table(folder / "kpis.parquet").to_pylist())


def test_an_outsider_works_out_nothing(folders: list[Path]) -> None:
    assert sum(len(read(folder).hidden) for folder in folders) > 60
    assert list(attack(folders)) == []


def test_the_outsider_is_able(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With only the small cells hidden he works out many."""
    monkeypatch.setattr(hidden, "hidden_cells", lambda cells, kinds, first, others, links: set(first))
    monkeypatch.setattr(hidden, "left_out", lambda keys, flags: flags & False)
    monkeypatch.setattr(hidden, "months_to_hide", lambda weeks, months, small, over, kind: small)
    found = list(attack([issue(tmp_path, ISSUES[-1], late=0.05)]))
    assert len([text for text in found if "'market'" in text]) > 1
    assert len([text for text in found if "×" in text]) > 5


# ---- months beside weeks: February 2027 has four whole weeks, so that nothing blurs it ----------------

FEBRUARY = [date(2027, 2, 1) + timedelta(weeks=number) for number in range(4)]
MONTHS = {date(2027, month, 1): Total(60, 30) for month in (1, 2, 3)}
SHARE = Kind(is_net=False, is_open=False)


@pytest.mark.parametrize(
    ("weeks", "over", "want"),
    [
        ([], 3, set()),
        ([0], 3, {2}),  # February less its three shown weeks would be the hidden one
        ([0, 2], 3, set()),  # only their sum is known
        ([0, 2], 2, set()),
        ([0, 2], 1, {2}),  # while the month runs, each of its issues differs from the last by one week
    ],
)
def test_a_month_does_not_give_a_hidden_week_away(weeks: list[int], over: int, want: set[int]) -> None:
    found = months_to_hide({FEBRUARY[n]: Total(8, 4) for n in weeks}, MONTHS, [], list(MONTHS)[:over], SHARE)
    assert found == {date(2027, month, 1) for month in want}
    for shown in (set(), found):
        seen = Seen(over={f"{month:%Y-%m}" for month in list(MONTHS)[:over]})
        for number, week in enumerate([date(2027, 1, 25), *FEBRUARY, date(2027, 3, 1)]):
            cell = ("k", "all", "all", week_name(week))
            if number - 1 in weeks:
                seen.hidden.add(cell)
            else:
                seen.known[cell] = (14.0, 7.0)
        if date(2027, 2, 1) not in shown:
            seen.known["k", "all", "all", "2027-02"] = (14.0 * (4 - len(weeks)) + 8 * len(weeks), 30.0)
        widths = [width for period, width in widths_of_series(seen, "k") if "-W" in period]
        is_known = any(width < CASES_WIDTH - SLACK for width in widths)
        assert is_known == (len(weeks) == 1 and not shown and over > 1)


def test_every_numerator_of_a_cell_is_protected_and_the_value_s_own_first() -> None:
    """A forecast and a bound come before the value in the alphabet, and count something else."""
    counts = {"VN": (40, 7, 9), "TH": (50, 8, 8), "all": (90, 15, 17)}
    rows = pd.DataFrame(
        [
            {"kpi": "k", "dimension": "all" if value == "all" else "market", "dimension_value": value,
             "statistic": statistic, "n": n, "numerator": x}
            for value, (n, own, high) in counts.items()
            for statistic, x in (("bound_high", high), ("bound_low", own), ("nowcast", None), ("value", own))
        ]
    )  # fmt: skip
    first, *others = hidden._cells(rows)
    assert {cell.key[2]: (cell.n, cell.numerator) for cell in first} == {v: (n, x) for v, (n, x, _) in counts.items()}
    assert [{cell.key[2]: cell.numerator for cell in part} for part in others] == [{"VN": 9, "TH": 8, "all": 17}]
    assert [cell.key for cell in others[0]] == [cell.key for cell in first]


def test_what_else_is_counted_of_a_hidden_cell_is_hidden_with_others() -> None:
    """Of the value VN and TH could change places; of the bound TH has none to give, so that a third is needed."""
    values = ["VN", "TH", "ID", "US"]
    keys = [("k", "all", "all"), *(("k", "market", value) for value in values)]

    def cells(*x: float) -> list[Cell]:
        n = (40, 30, 80, 90)
        return [Cell(key, m, c) for key, m, c in zip(keys, (sum(n), *n), (sum(x), *x), strict=True)]

    value, bound = cells(9, 9, 20, 30), cells(0, 0, 21, 30)
    first = {keys[1], keys[2]}
    alone = hidden_cells(value, {"k": SHARE}, first)
    both = hidden_cells(value, {"k": SHARE}, first, [bound])
    assert alone == first
    assert both > alone


def test_a_figure_of_one_dimension_is_not_hidden_for_a_pair_s_sake() -> None:
    """Three damaged orders of one carrier: all were paid, as most were, so that few can be thought elsewhere."""
    paid = {"quality": (90, 90, 60, 34, 60, 45), "damaged": (40, 40, 90, 90, 3, 3), "size": (40, 40, 12, 11, 90, 41)}
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    for reason, numbers in paid.items():
        for carrier, n, x in zip(("dhl", "ups", "jnt"), numbers[::2], numbers[1::2], strict=True):
            of = ("all", "all"), ("reason", reason), ("carrier", carrier), ("reason × carrier", f"{reason} × {carrier}")
            for cell in of:
                cases, counted = counts.get(cell, (0, 0))
                counts[cell] = cases + n, counted + x
    cells = [Cell(("k", *cell), n, x) for cell, (n, x) in counts.items()]
    small = ("k", "reason × carrier", "damaged × jnt")
    found = hidden_cells(cells, {"k": SHARE}, {small})
    assert small in found
    assert [key for key in found if " × " not in key[1]] == []


def test_what_one_stage_lets_go_is_hidden_with_what_enters_the_next() -> None:
    """Few are inspected: that many came out of transit, whose own cases say nothing of it."""
    stages = {
        "all": (127, 87),
        "approve": (40, 36),
        "ship": (36, 30),
        "transit": (30, 9),
        "inspect": (9, 4),
        "bank": (12, 8),
    }
    keys = [("stages", "all" if name == "all" else "stage", name) for name in stages]
    cells = [Cell(key, n, x) for key, (n, x) in zip(keys, stages.values(), strict=True)]
    cells.append(Cell(("refunds", "all", "all"), 40, 4))
    kinds = {"stages": SHARE, "refunds": SHARE}
    alone = hidden_cells(cells, kinds, {keys[4]})
    assert alone == {keys[4], keys[5]}
    together = hidden_cells(cells, kinds, {keys[4]}, [], [([4], [3]), ([1, 6], [])])
    assert {keys[3], keys[4]} <= together
    assert cells[6].key not in together, "a total is not hidden for what it tells of a part"


def test_what_counts_the_same_in_every_week_is_linked() -> None:
    rows = [("refunds", "all", "all", "value", n, x) for n, x in ((12, 5), (9, 5), (15, 2), (11, 5), (13, 6), (10, 1))]
    rows += [("stages", "stage", "approve", "p50", n, 7) for n in (12, 9, 15, 11, 13, 10)]
    rows += [("stages", "stage", "ship", "p50", n, 7) for n in (12, 9, 15, 11, 13, 11)]
    rows += [("stages", "stage", "last", "p50", 40, x) for x in (5, 5, 2, 5, 6, 1)]
    weeks = [ISSUES[0] + timedelta(weeks=number) for number in range(6)] * 4
    table = pd.DataFrame(rows, columns=["kpi", "dimension", "dimension_value", "statistic", "n", "numerator"])
    with duckdb.connect(":memory:") as connection:
        connection.register("given", table.assign(week=weeks))
        connection.execute("create table kpi_weekly as select * replace (cast(week as date) as week) from given")

        def links(weeks: int, cases: int) -> set[frozenset[tuple[str, str]]]:
            found = connection.execute(read_sql("linked"), [weeks_from[0], weeks_from[-1], weeks, cases]).df()
            one = found.groupby("link")[["dimension_value", "counted"]]
            return {frozenset(part.itertuples(index=False, name=None)) for _, part in one}

        weeks_from = weeks[:6]
        assert links(6, 20) == {
            frozenset({("all", "n"), ("approve", "n")}),
            frozenset({("all", "numerator"), ("last", "numerator")}),
            frozenset({("approve", "numerator"), ("ship", "numerator")}),
        }
        assert links(6, 30) == links(6, 20) - {frozenset({("all", "numerator"), ("last", "numerator")})}
        assert links(7, 20) == set()


def test_weeks_do_not_give_a_hidden_month_away() -> None:
    """Nothing but the ends of two shown weeks lies in it: the months beside it would say how much."""
    assert months_to_hide({}, MONTHS, [date(2027, 2, 1)], list(MONTHS), SHARE) == set(MONTHS)


def test_a_month_of_a_stock_is_one_of_its_weeks() -> None:
    """The week of its last Sunday, or of the last one that is over while the month runs."""
    stock = replace(SHARE, is_stock=True)

    def found(week: date, over: int = 3) -> set[date]:
        return months_to_hide({week: None}, MONTHS | {date(2027, 4, 1): Total(60, 30)}, [], list(MONTHS)[:over], stock)

    first, *_, last = FEBRUARY  # of February 2027, which ends on a Sunday
    assert date(2027, 2, 1) in found(last)
    assert date(2027, 2, 1) in found(first, over=1)  # while it runs
    assert date(2027, 1, 1) in found(date(2027, 1, 25))  # its Sunday is 31 January
    assert date(2027, 4, 1) in found(date(2027, 3, 29))  # its Sunday is 4 April
    other = dict.fromkeys((first, FEBRUARY[1]))  # of which only the sum were known, of a flow
    assert months_to_hide(other, MONTHS, [], list(MONTHS), stock) == months_to_hide(
        other, MONTHS, [], list(MONTHS), SHARE
    )


# ---- what is hidden, and for how long ---------------------------------------------------------------


def test_small_cells_are_hidden_and_most_others_are_not(folders: list[Path]) -> None:
    for folder in folders:
        truth = Path(folder.parents[1] / "marts.duckdb")
        shown = {(r["kpi"], r["dimension"], r["dimension_value"]): r for r in rows(folder)}
        assert not [r for r in shown.values() if r["n"] is not None and 0 < r["n"] < SMALLEST_SHOWN]
        for r in shown.values():
            if r["status"] == "suppressed":
                measured = ("value", "ci_low", "ci_high", "n", "numerator", "denominator")
                assert [r[name] for name in measured] == [None] * 6
                assert "analysts only" in r["note"]
    with duckdb.connect(str(truth), read_only=True) as connection:
        large = connection.execute(
            "select kpi, dimension, dimension_value from kpi_weekly where week = ? and n >= 10"
            " and not contains(dimension, '×')", [ISSUES[-1]],
        ).fetchall()  # fmt: skip
    assert len([key for key in large if shown[key]["n"] is not None]) > len(large) / 2
    for kpi in ("returns_kept", "returns_asked", "score"):
        assert shown[kpi, "all", "all"]["n"] is not None


def test_hidden_for_either_reason_looks_the_same(folders: list[Path]) -> None:
    notes = {(r["status"], r["note"]) for r in rows(folders[-1]) if r["n"] is None}
    assert len(notes) == 1


def test_what_was_hidden_stays_hidden(tmp_path: Path) -> None:
    """Late cases lift some cells over the limit: in the week's own second issue and beside the next week's figures."""
    first = {
        (r["kpi"], r["dimension"], r["dimension_value"])
        for r in rows(issue(tmp_path, ISSUES[1], late=0.5))
        if r["n"] is None
    }
    with duckdb.connect(":memory:") as connection:
        publish(tmp_path / "later.duckdb", ISSUES[1] + timedelta(days=8))
        connection.execute(f"attach '{tmp_path / 'later.duckdb'}' as later (read_only)")
        grown = set(connection.execute(
            "select kpi, dimension, dimension_value from later.kpi_weekly where week = ? and n >= 10", [ISSUES[1]]
        ).fetchall()) & first  # fmt: skip
    assert grown
    again = {(r["kpi"], r["dimension"], r["dimension_value"]): r for r in rows(issue(tmp_path, ISSUES[1]))}
    assert not [key for key in grown if key in again and again[key]["n"] is not None]
    following = rows(issue(tmp_path, ISSUES[2]))
    compared = [r for r in following if (r["kpi"], r["dimension"], r["dimension_value"]) in first]
    assert compared
    assert not [r for r in compared if r["prior_value"] is not None]
    assert [r for r in following if r["prior_value"] is not None and r["dimension"] != "all"]


def test_a_week_without_a_file_keeps_back_what_its_file_would(tmp_path: Path) -> None:
    """The latest week's file is written first, those of the weeks before it later, out of the same marts or others."""

    def hidden(folder: Path) -> set[tuple[Any, ...]]:
        return {(r["kpi"], r["dimension"], r["dimension_value"]) for r in rows(folder) if r["n"] is None}

    folders = [issue(tmp_path, monday) for monday in reversed(ISSUES)]
    for later, before in pairwise(folders):
        shown = {
            (r["kpi"], r["dimension"], r["dimension_value"])
            for r in rows(later)
            if r["prior_value"] is not None and r["dimension"] != "all"
        }
        assert shown
        assert not shown & hidden(before)
    assert not list(attack(sorted(folders)))


def test_analysts_see_all_in_a_folder_of_their_own(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    folder = issue(tmp_path, ISSUES[0], audience="analysts", published_at=datetime(2026, 11, 3, tzinfo=UTC))
    assert not (tmp_path / "weekly").exists()
    assert not (folder / "published.json").exists()
    assert min(r["n"] for r in rows(folder)) < SMALLEST_SHOWN
    assert not [r for r in rows(folder) if r["status"] == "suppressed"]
    assert "For analysts only, not to be passed on" in (folder / "brief.html").read_text(encoding="utf-8")
    shared = issue(tmp_path, ISSUES[0])
    assert [r for r in rows(shared) if r["status"] == "suppressed"]


def test_the_same_marts_hide_the_same_cells(tmp_path: Path) -> None:
    found = [[(r["kpi"], r["dimension"], r["dimension_value"], r["status"]) for r in rows(issue(tmp_path / name, ISSUES[0]))]
             for name in ("one", "two") if not (tmp_path / name).mkdir()]  # fmt: skip
    assert found[0] == found[1]
