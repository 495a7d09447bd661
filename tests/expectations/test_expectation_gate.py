"""The gate itself: what it sees, what it withholds, how it fails, and what it leaves behind."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest
from warehouse_in_small import AS_OF, CONFIG

from expectations import suites
from expectations.gate import Check, GateError, Target, check
from expectations.suites import SuiteError

ORDERS = Target("facts", "facts.orders", "facts/orders", ("nps", "return_rate"))
WEEKLY = Target("marts", "marts.kpi_weekly", "marts", ("nps", "csat"), {"period": "week"})


def found(checks: list[Check], expectation: str, column: str | None = None) -> Check:
    return next(c for c in checks if c.expectation == expectation and c.column_name == column)


def test_columns_of_a_check_are_those_of_the_mart() -> None:
    assert [field.name for field in fields(Check)] == [
        "run_id",
        "layer",
        "table_name",
        "expectation",
        "column_name",
        "severity",
        "success",
        "element_count",
        "unexpected_count",
        "observed",
        "expected",
        "sample",
        "withholds",
        "checked_at",
    ]


def test_shares_the_file_with_an_open_connection_and_sees_what_is_committed(
    clean: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    connection.execute("delete from facts.orders")
    checks = check(clean, [ORDERS], config=CONFIG, as_of=AS_OF, run_id="run")
    assert all(c.success for c in checks)
    assert connection.execute("select count(*) from facts.orders").fetchall() == [(0,)]


def test_on_the_callers_connection_sees_and_keeps_its_uncommitted_work(
    clean: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    connection.execute("delete from facts.orders where rowid > 9")
    checks = check(clean, [ORDERS], config=CONFIG, as_of=AS_OF, run_id="run", connection=connection)
    assert found(checks, "expect_table_row_count_to_be_between").observed == "10"
    connection.rollback()  # still the same transaction, neither committed nor ended
    assert connection.execute("select count(*) from facts.orders").fetchall() == [(1900,)]
    connection.begin()


def test_another_configuration_is_refused_by_duckdb(clean: Path, connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.ConnectionException, match="different configuration"):
        check(clean, [ORDERS], config={"threads": 1}, as_of=AS_OF, run_id="run")


def test_sql_error_inside_the_callers_transaction_stops_the_gate(
    clean: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    connection.execute("alter table marts.kpi_weekly drop column ci_low")
    with pytest.raises(GateError, match="roll it back"):
        check(clean, [WEEKLY], config=CONFIG, as_of=AS_OF, run_id="run", connection=connection)


def test_missing_table_fails_every_expectation_with_the_reason(clean: Path) -> None:
    missing = Target("kpis", "kpis.ces", "kpis", ("ces",), {"kind": "share"})
    checks = check(clean, [missing, ORDERS], config=CONFIG, as_of=AS_OF, run_id="run")
    own = [c for c in checks if c.table_name == "kpis.ces"]
    assert own
    assert not any(c.success for c in own)
    assert all("ces does not exist" in c.observed for c in own)
    assert {c.withholds for c in own if c.severity == "fail"} == {("ces",)}
    assert all(c.success for c in checks if c.table_name == "facts.orders")


def test_a_view_that_raises_is_failed_not_passed(clean: Path, connection: duckdb.DuckDBPyConnection) -> None:
    connection.rollback()
    connection.execute(
        "create or replace view kpis.broken as select * replace (error('boom') as numerator) from kpis.nps"
    )
    broken = Target("kpis", "kpis.broken", "kpis", ("nps",), {"kind": "net_share"})
    checks = check(clean, [broken], config=CONFIG, as_of=AS_OF, run_id="run")
    connection.execute("drop view kpis.broken")
    connection.begin()
    numerator = found(checks, "expect_column_values_to_not_be_null", "numerator")
    assert not numerator.success
    assert "boom" in numerator.observed


def test_counts_words_and_sample(clean: Path, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("update facts.orders set seller_tier = 'vip' where rowid < 190")
    checks = check(clean, [ORDERS], config=CONFIG, as_of=AS_OF, run_id="run", connection=connection)
    tier = found(checks, "known_codes", "seller_tier")
    assert (tier.element_count, tier.unexpected_count) == (1900, 190)
    assert tier.observed == "190 of 1,900 unexpected (10 %)"
    assert tier.expected == "one of managed, standard, new, in at least 98 %"
    assert tier.sample == "o0, o1, o2"
    assert tier.withholds == ()


def test_a_query_that_reached_its_limit_says_so(clean: Path, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("insert into facts.orders from facts.orders where rowid < 9")
    checks = check(clean, [ORDERS], config=CONFIG, as_of=AS_OF, run_id="run", connection=connection)
    keys = found(checks, "keys_unique")
    assert (keys.observed, keys.unexpected_count) == ("at least 5 unexpected", 5)
    assert keys.withholds == ("nps", "return_rate")


def test_samples_never_hold_customers_or_comments(clean: Path, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("update facts.surveys set score = 99, scale = null, touchpoint = 'x', survey_type = 'y'")
    connection.execute("update facts.contacts set channel = 'x', contact_reason = null, created_at = null")
    targets = [Target("facts", f"facts.{name}", f"facts/{name}") for name in ("surveys", "contacts")]
    checks = check(clean, targets, config=CONFIG, as_of=AS_OF, run_id="run", connection=connection)
    shown = " ".join(c.sample or "" for c in checks).split()
    assert shown
    assert {word[0] for word in shown} <= {"v", "k"}  # response_id and contact_id


def test_a_mart_fault_withholds_only_the_kpis_it_names(clean: Path, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("update marts.kpi_weekly set value = 2, ci_high = 3 where kpi = 'csat'")
    checks = check(clean, [WEEKLY], config=CONFIG, as_of=AS_OF, run_id="run", connection=connection)
    bounds = found(checks, "value_in_bounds")
    assert not bounds.success
    assert bounds.withholds == ("csat",)
    assert bounds.unexpected_count == 60


def test_nothing_measured_is_null_and_no_fault(clean: Path, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("update marts.kpi_weekly set value = null, denominator = 0, n = 0 where dimension = 'scale'")
    checks = check(clean, [WEEKLY], config=CONFIG, as_of=AS_OF, run_id="run", connection=connection)
    assert found(checks, "null_means_nothing_measured").success


@pytest.mark.parametrize(
    "as_of",
    [AS_OF, AS_OF.replace(tzinfo=UTC), (AS_OF + timedelta(hours=7)).replace(tzinfo=timezone(timedelta(hours=7)))],
)
def test_as_of_is_one_moment_in_any_offset(as_of: datetime, clean: Path) -> None:
    checks = check(clean, [ORDERS], config=CONFIG, as_of=as_of, run_id="run", checked_at=as_of)
    assert found(checks, "not_after_as_of", "ordered_at").expected == "at most 2026-03-30 02:00:00"
    assert {c.checked_at for c in checks} == {AS_OF}


def test_unknown_type_argument_and_variable_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: Path
) -> None:
    monkeypatch.setattr("expectations.gate.load_suite", lambda name: suites.load_suite(name, tmp_path))
    head = 'about = "x"\nsample = "order_id"\n[[expect]]\nseverity = "warn"\nwhy = "y"\ncolumn = "market"\n'
    for body, message in {
        'type = "expect_column_to_sing"': "no expectation type 'expect_column_to_sing'",
        'type = "expect_column_values_to_not_be_null"\nwith = { mostley = 1 }': "mostley",
        'type = "expect_column_values_to_be_between"\nwith = { max_value = "$moon" }': "variable moon",
    }.items():
        (tmp_path / "bad.toml").write_text(head + body)
        with pytest.raises(SuiteError, match=message):
            check(clean, [replace(ORDERS, suite="bad")], config=CONFIG, as_of=AS_OF, run_id="run")


def test_leaves_no_file_and_no_noise_behind_and_needs_no_network(clean: Path, tmp_path: Path) -> None:
    script = f"""
import socket, sys
def refuse(*arguments): raise OSError("no network")
socket.socket.connect = refuse
socket.create_connection = refuse
from datetime import datetime
from pathlib import Path
from expectations.gate import Target, check
target = Target("facts", "facts.orders", "facts/orders")
checks = check(Path({str(clean)!r}), [target], config={CONFIG!r}, as_of=datetime(2026, 3, 30), run_id="run")
assert all(check.success for check in checks)
"""
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        "HOME": str(home),
        "TMPDIR": str(home),
        "PYTHONPATH": str(Path(suites.__file__).parents[1]),
        "PATH": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=home, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(home.rglob("*")) == []


def test_importing_the_package_does_not_import_great_expectations() -> None:
    code = "import sys, expectations.gate, expectations.docs; sys.exit('great_expectations' in sys.modules)"
    root = Path(suites.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
