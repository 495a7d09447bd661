"""Every number of a world whose truth is known: values, the ledger, and the fate of every fault."""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.acceptance.conftest import AS_OF, World
from tests.acceptance.nights import draft, drafted, marketplace, publish, published, truth

RATIOS = {
    "nps",
    "csat",
    "ces",
    "survey_response_rate",
    "contacts_per_1k_orders",
    "order_contact_rate_30d",
    "return_contact_rate",
    "return_rate",
}
# The truth's name of a duration, and the statistic that publishes it.
DURATIONS = {f"refund_cycle_time_aj_{p}": p for p in ("p25", "p50", "p90")} | {
    f"refund_cycle_time_km_{p}": f"km_{p}" for p in ("p25", "p50", "p90")
}
FORMATS = ["csv", "csv.gz", "jsonl", "parquet"]


def assert_truth_is_met(world: World) -> None:
    """Numerator, denominator and n exact; values to 1e-9; durations as whole hours, NULL where not reached."""
    found = {
        (row["kpi"], str(row["week"]), row["dimension"], row["dimension_value"], row["statistic"]): row
        for row in world.ask("select * from marts.kpi_weekly where dimension not like '% × %'")
    }
    wrong, compared = [], Counter[str]()
    for true in truth(world.folder, "kpis"):
        name = true["kpi"]
        if name not in RATIOS and name not in DURATIONS:
            continue
        kpi, statistic = (name, "value") if name in RATIOS else ("refund_cycle_time", DURATIONS[name])
        key = (kpi, true["week"], true["dimension"], true["value_of_dimension"], statistic)
        compared[kpi] += 1
        row = found.get(key)
        if row is None:
            wrong.append((key, "no such row", true))
        elif row["n"] != int(float(true["n"])):
            wrong.append((key, f"n {row['n']}", true))
        elif name in DURATIONS:
            expected = math.floor(float(true["value"])) if true["value"] else None
            if row["value"] != expected:
                wrong.append((key, f"value {row['value']}", true))
        else:
            expected = float(true["value"]) if true["value"] else None
            is_same = row["value"] is None if expected is None else row["value"] == pytest.approx(expected, abs=1e-9)
            parts = (row["numerator"], row["denominator"])
            if not is_same or parts != (float(true["numerator"]), float(true["denominator"])):
                wrong.append((key, f"{row['value']} {parts}", true))
    assert set(compared) == RATIOS | {"refund_cycle_time"}
    assert not wrong, f"{len(wrong)} of {sum(compared.values())} cells differ, such as {wrong[:5]}"


def assert_the_ledger_is_met(world: World) -> None:
    """Per file: rows read, accepted, superseded and quarantined, as when all files come in one night."""
    columns = "file, rows_read, rows_accepted, rows_superseded, rows_quarantined, rows_in_file, refused_reason"
    found = {row["file"]: row for row in world.ask(f"select {columns} from marts.ingest_files")}
    books = {row["file"]: row for row in truth(world.folder, "accounting")}
    assert set(found) == set(books)
    wrong = []
    for file, book in books.items():
        row = found[file]
        expected = [int(book[k]) for k in ("rows", "accepted_one_batch", "superseded_one_batch", "quarantined")]
        got = [row[k] for k in ("rows_read", "rows_accepted", "rows_superseded", "rows_quarantined")]
        if got != expected or row["refused_reason"] or row["rows_in_file"] != row["rows_read"]:
            wrong.append((file, got, expected, row))
        assert row["rows_read"] == row["rows_accepted"] + row["rows_superseded"] + row["rows_quarantined"]
    assert not wrong, f"{len(wrong)} of {len(books)} files differ, such as {wrong[:5]}"


def assert_every_fault_met_its_fate(world: World) -> None:
    """The quarantine holds the faults that lose data, each at its line (or record, in Parquet), and nothing else."""
    place = "record" if world.form == "parquet" else "line"
    faults = [row for row in truth(world.folder, "faults") if row["fate"] == "quarantined"]
    expected = Counter((row["source"], row["file"], int(row[place])) for row in faults)
    rows = world.ask("select source, file, line, reason, raw from marts.quarantine")
    found = Counter((row["source"], row["file"], row["line"]) for row in rows)
    missing, extra = list((expected - found).elements()), list((found - expected).elements())
    assert not missing, f"{len(missing)} faults got through: {missing[:5]}; not faults: {extra[:5]}"
    assert not extra, f"{len(extra)} good rows in quarantine: {extra[:5]}"
    silent = [row for row in rows if not row["reason"] or not row["raw"]]
    assert not silent, f"{len(silent)} of {len(rows)} without reason or raw text, such as {silent[:3]}"


def test_every_cell_of_a_clean_feed(clean: World) -> None:
    assert clean.result.exit_status == 0, (clean.result.withheld, clean.result.refused)
    assert_truth_is_met(clean)


def test_the_ledger_of_a_clean_feed(clean: World) -> None:
    assert_the_ledger_is_met(clean)
    assert clean.ask("select * from marts.quarantine") == []
    assert clean.ask("select * from marts.unlisted_codes") == []


# By a dimension of the numerator that alone is split: every group has the whole denominator.
SPLITS_DENOMINATOR = """not exists (
    select 1 from marts.kpi_catalogue as entry
    where entry.kpi = {0}.kpi and len(list_intersect(entry.numerator_dimensions, string_split({0}.dimension, ' × '))) > 0
)"""


def test_groups_of_a_dimension_add_up_to_all(clean: World) -> None:
    """Also for pairs."""
    wrong = clean.ask(
        f"""
        with groups as (
            select kpi, week, dimension, sum(numerator) as numerator, sum(denominator) as denominator, sum(n) as n
            from marts.kpi_weekly where statistic in ('value', 'p50') and dimension <> 'all' group by all
        )
        select groups.*, total.numerator as all_numerator, total.denominator as all_denominator, total.n as all_n
        from groups inner join marts.kpi_weekly as total using (kpi, week)
        where total.dimension = 'all' and total.statistic in ('value', 'p50')
            and (
                groups.numerator is distinct from total.numerator
                or {SPLITS_DENOMINATOR.format("groups")} and (groups.denominator, groups.n)
                    is distinct from (total.denominator, total.n)
            )
        """
    )
    assert not wrong, f"{len(wrong)} dimensions of a week, such as {wrong[:3]}"


def test_a_split_numerator_keeps_the_whole_denominator(clean: World) -> None:
    wrong = clean.ask(
        """
        select groups.* from marts.kpi_weekly as groups inner join marts.kpi_weekly as total using (kpi, week)
        inner join marts.kpi_catalogue as entry using (kpi)
        where list_contains(entry.numerator_dimensions, groups.dimension) and total.dimension = 'all'
            and groups.statistic = 'value' and total.statistic = 'value'
            and (groups.denominator is distinct from total.denominator or groups.n is distinct from total.n)
        """
    )
    assert not wrong, wrong[:3]


# A stock is not added up: a week has that of its end.
STOCKS = "select kpi from marts.kpi_catalogue where kind = 'count'"
# Pairs of these have weeks and months, and no days.
STAGED = "select kpi from marts.kpi_catalogue where kind = 'duration' and within is not null"


def test_weeks_and_months_are_sums_of_their_days(clean: World) -> None:
    for table, period in (("kpi_weekly", "week"), ("kpi_monthly", "month")):
        wrong = clean.ask(
            f"""
            with days as (
                select kpi, cast(date_trunc('{period}', day) as date) as {period}, dimension, dimension_value,
                    sum(numerator) as numerator, sum(denominator) as denominator, sum(n) as n
                from marts.kpi_daily where statistic in ('value', 'p50') and kpi not in ({STOCKS}) group by all
            )
            select days.*, periods.numerator, periods.denominator, periods.n
            from days full outer join (
                from marts.{table}
                where statistic in ('value', 'p50') and kpi not in ({STOCKS})
                    and not (kpi in ({STAGED}) and contains(dimension, '×'))
            ) as periods
                using (kpi, {period}, dimension, dimension_value)
            where days.numerator is distinct from periods.numerator
                or {SPLITS_DENOMINATOR.format("periods")}
                    and (days.n is distinct from periods.n or days.denominator is distinct from periods.denominator)
            """
        )
        assert not wrong, f"{table}: {len(wrong)} rows differ, such as {wrong[:3]}"


class TestDirt:
    """The same truth through every format with faults in it."""

    def test_every_cell(self, dirty: World) -> None:
        assert_truth_is_met(dirty)

    def test_the_ledger(self, dirty: World) -> None:
        assert_the_ledger_is_met(dirty)

    def test_the_quarantine(self, dirty: World) -> None:
        assert_every_fault_met_its_fate(dirty)

    def test_the_quarantine_shows_no_customer_and_no_comment(self, dirty: World) -> None:
        """Customer ids leave the warehouse only as keyed hashes; what customers wrote stays inside too."""
        rows = dirty.ask("select source, line, reason, raw from marts.quarantine")
        shown = [row for row in rows if re.search(r"\bu\d{12}\b", f"{row['reason']} {row['raw']}")]
        assert not shown, f"{len(shown)} of {len(rows)} rows, such as {shown[:2]}"
        comments = {
            row["comment"] for row in drafted(dirty.out, "select comment from records.surveys where comment <> ''")
        }
        told = [row for row in rows if any(comment in str(row["raw"]) for comment in comments)]
        assert not told, f"{len(told)} comments, such as {told[:2]}"

    def test_unlisted_codes_are_counted(self, dirty: World) -> None:
        """faults.csv names an unlisted code once per key; the column and the code are those of the contract."""
        named = {
            (row["source"], row["detail"]) for row in truth(dirty.folder, "faults") if row["fault"] == "unknown_code"
        }
        counted = dirty.ask("select source, column_name, code, rows from marts.unlisted_codes")
        assert {(row["source"], row["column_name"]) for row in counted} == named
        assert {row["code"] for row in counted} == {"zz_not_listed"}
        assert all(row["rows"] > 0 for row in counted)

    def test_an_extra_column_is_ignored_and_reported(self, dirty: World) -> None:
        extra = {row["file"] for row in truth(dirty.folder, "faults") if row["fault"] == "extra_column"}
        rows = dirty.ask("select file, columns_ignored from marts.ingest_files where len(columns_ignored) > 0")
        assert {row["file"]: row["columns_ignored"] for row in rows} == {file: ["warehouse_note"] for file in extra}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_thirty_thousand_orders(form: str, tmp_path: Path) -> None:
    folder = marketplace(tmp_path / "world", orders=30_000, files="per-day", dirt=0.02, seed=3, format=form)
    draft(folder, tmp_path / "out", AS_OF)
    world = World(folder, tmp_path / "out", None, lambda sql: drafted(tmp_path / "out", sql), form)
    assert_truth_is_met(world)
    assert_the_ledger_is_met(world)
    assert_every_fault_met_its_fate(world)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv.gz", "parquet"])
def test_thirty_thousand_clean_orders_published(form: str, tmp_path: Path) -> None:
    folder = marketplace(tmp_path / "world", orders=30_000, files="per-week", seed=4, format=form)
    result = publish(folder, tmp_path / "out", AS_OF)
    world = World(folder, tmp_path / "out", result, lambda sql: published(tmp_path / "out", sql.replace("marts.", "")))
    assert result.exit_status == 0
    assert_truth_is_met(world)
    assert_the_ledger_is_met(world)


def test_every_headline_says_where_it_stands(clean: World) -> None:
    """Also that of a KPI without a case that can be measured yet: which week has one."""
    bare = {row["kpi"]: row for row in clean.result.scorecard if row["status"] == "no_data"}
    assert all(row["status"] for row in clean.result.scorecard)
    assert set(bare) >= {"refund_sla_rate", "repeat_contact_rate_7d"}
    for kpi, row in bare.items():
        (latest,) = clean.ask(
            f"select max(week) as week from marts.kpi_weekly where kpi = '{kpi}' and dimension = 'all' and statistic = 'value'"
        )
        assert row["note"] == f"its latest week is {latest['week']:%G-W%V}"
        assert (row["value"], row["n"]) == (None, None)
