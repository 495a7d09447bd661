"""Every expectation of every suite passes on clean data and fails on its fault, and nothing else fails with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from warehouse_in_small import AS_OF, CONFIG, FACTS, KINDS

from expectations.checks import Check, Target
from expectations.gate import check
from expectations.suites import Expectation, load_suite

TARGETS = {
    **{f"facts/{name}": Target("facts", f"facts.{name}", f"facts/{name}", ("nps", "csat")) for name in FACTS},
    **{f"kpis/{kind}": Target("kpis", f"kpis.{kpi}", "kpis", (kpi,), {"kind": kind}) for kpi, kind in KINDS.items()},
    **{
        f"marts/{period}": Target("marts", f"marts.{table}", "marts", tuple(KINDS), {"period": period})
        for period, table in {"day": "kpi_daily", "week": "kpi_weekly", "month": "kpi_monthly"}.items()
    },
}
# The day's and the month's expectations are all the week's too.
FAULTY = [key for key in TARGETS if key not in ("marts/day", "marts/month")]

# The faults of the queries and of the named expectations: what to run on the target's table.
FAULTS = {
    "two_letter_market": "update {table} set market = 'Vietnam' where market = 'VN'",
    "delivered_after_ordered": "update {table} set delivered_at = ordered_at - interval 1 day",
    "credited_after_issued": "update {table} set credited_at = issued_at - interval 1 second",
    "resolved_after_created": "update {table} set resolved_at = created_at - interval 1 second",
    "responded_after_invited": "update {table} set responded_at = invited_at - interval 1 second",
    "amount_positive": "update {table} set amount = 0 where refund_id = 'fr1'",
    "one_completion": "insert into {table} select * replace ('f0' as refund_id) from {table} where return_id = 'r1'",
    "steps_in_order": "update {table} set received_at = first_scan_at - interval 2 second where return_id = 'r1'",
    "orders_known": "update {table} set order_id = 'gone' || order_id where left(order_id, 2) = 'o1'",
    "returns_known": "update {table} set return_id = 'gone' || return_id where left(return_id, 2) = 'r1'",
    "scale_of_its_type": "update {table} set scale = '1-7' where response_id = 'vo0'",
    "score_within_scale": "update {table} set score = 11 where response_id = 'vo0'",
    "answered_means_score": "update {table} set score = null where response_id = 'vo0'",
    "answered_has_day": "update {table} set responded_on = null where left(response_id, 3) = 'vo1'",
    "subject_unique": "insert into {table} select * from {table} limit 1",
    "withheld_is_empty": "update {table} set status = 'withheld' where kpi = 'nps' and {first}",
    "value_in_bounds": "update {table} set value = 101, ci_high = 102 where kpi = 'nps' and {first}",
    "value_in_interval": "update {table} set ci_high = value - 0.01 where kpi = 'nps' and {first}",
    "candidates_bounded": """
        insert into {table} select contact_id, 'o' || i, null, false from {table} cross join range(40) as t(i)
        where contact_id = (select min(contact_id) from {table})
    """,
    "order_of_its_tier": "update {table} set order_id = null where contact_id = 'kr1'",
    "contacts_conserved": "delete from {table} where contact_id = 'kr1'",
    "settled_after_requested": "update {table} set settled_at = requested_at - interval 2 second where return_id = 'r1'",
    "stages_add_up": "update {table} set finished_at = finished_at - interval 1 second where return_id = 'r1' and stage = 'ship'",
    "within_the_calendar": "update {table} set business_seconds = -1 where return_id = 'r1'",
    "every_stage_of_an_office": "delete from {table} where return_id = 'r1'",
    "made_in_its_stage": "update {table} set stage = 'approve' where return_id = 'r1'",
    "late_within_its_stage": "update {table} set late_until = late_until - interval 1 minute where return_id = 'r1'",
    "overdue_when_late": "update {table} set overdue = null where return_id = 'r1'",
    "bounds_in_order": """
        insert into {table} select * replace (
            unnest(['bound_low', 'value_tiers_1_4', 'bound_high']) as statistic, unnest([0.1, 0.3, 0.2]) as value,
            0.0 as ci_low, 1.0 as ci_high
        )
        from {table} where kpi = 'csat' and {first}
    """,
    "n_not_negative": "update {table} set n = -1, denominator = -1 where kpi = 'nps' and dimension = 'scale'",
    "null_means_nothing_measured": "update {table} set value = null where kpi = 'nps' and {first}",
    "groups_add_up": "update {table} set numerator = numerator + 1 where kpi = 'csat' and {first}",
    "constant_for_eight_weeks": """
        update {table} set value = 0.5, ci_low = 0.4, ci_high = 0.6 where kpi = 'nps' and dimension = 'all'
    """,
}
KEYS_UNIQUE = {
    "facts": "insert into {table} from {table} limit 1",
    "marts": "insert into {table} from {table} where dimension = 'scale' limit 1",
}
# What has to be unknown when the first moment is moved, or the order of events fails too.
AFTERWARDS = {
    "ordered_at": ["delivered_at"],
    "requested_at": ["approved_at", "first_scan_at", "received_at", "inspected_at"],
    "created_at": ["resolved_at"],
}

# Faults that bring another along: a refund that is there twice also completes its return twice.
ALSO = {
    "facts/refunds keys_unique": {"one_completion"},
    **{
        f"facts/attributions expect_column_values_to_not_be_null {column}": {"contacts_conserved"}
        for column in ("contact_id", "weight")
    },
    "facts/refund_stages keys_unique": {"stages_add_up"},
    **{
        f"facts/refund_stages expect_column_values_to_not_be_null {column}": {"stages_add_up"}
        for column in ("return_id", "started_at", "finished_at")
    },
    "facts/refund_stages known_stages stage": {"keys_unique"},
    **{
        f"facts/office_stages expect_column_values_to_not_be_null {column}": {"every_stage_of_an_office"}
        for column in ("return_id", "stage")
    },
    **{
        f"facts/stage_contacts expect_column_values_to_not_be_null {column}": {"made_in_its_stage"}
        for column in ("return_id", "stage", "created_at")
    },
    **{
        f"facts/late_stages expect_column_values_to_not_be_null {column}": {"late_within_its_stage"}
        for column in ("return_id", "stage", "late_from", "late_until")
    },
    "facts/late_stages keys_unique": {"late_within_its_stage"},
    "facts/surveys known_codes survey_type": {"scale_of_its_type"},
    "marts/week expect_column_values_to_not_be_null kpi": {"value_in_bounds"},
}


def fault_of(expectation: Expectation, target: Target) -> str:
    """The statement that makes this expectation, and as far as possible only this one, untrue."""
    column, arguments = expectation.column, expectation.arguments
    if expectation.name == "keys_unique":
        return KEYS_UNIQUE[target.layer]
    if expectation.name in FAULTS:
        return FAULTS[expectation.name]
    match expectation.type:
        case "expect_table_row_count_to_be_between":
            return "delete from {table}"
        case "expect_column_values_to_not_be_null":
            return f"update {{table}} set {column} = null where rowid = 0"
        case "expect_column_values_to_be_in_set":
            bad = "'bogus'" if isinstance(arguments["value_set"][0], str) else "7"
            return f"update {{table}} set {column} = {bad}"
        case "expect_column_values_to_not_be_in_set":
            return f"update {{table}} set {column} = '{arguments['value_set'][0]}'"
        case "expect_column_values_to_be_between" if "min_value" in arguments:
            return f"update {{table}} set {column} = {arguments['min_value'] - 1} where rowid = 0"
        case "expect_column_values_to_be_between":
            beyond = f"cast('{arguments['max_value']}' as timestamp) + interval 2 day"
            later = "".join(f", {after} = null" for after in AFTERWARDS.get(column, []))
            return f"update {{table}} set {column} = {beyond}{later} where rowid = 0"
    raise AssertionError(f"no fault is known for {expectation.name} ({expectation.type}): add one")


def cases() -> list[Any]:
    """Every expectation of every suite; a new expectation without a fault fails here."""
    found = []
    for key in FAULTY:
        variables = {"as_of": AS_OF, "last_day": "2026-03-30", "schema": "marts", **TARGETS[key].variables}
        for expectation in load_suite(TARGETS[key].suite).for_target(variables):
            name = f"{key} {expectation.name} {expectation.column}".strip()
            found.append(pytest.param(key, expectation, id=name))
    return found


def run(clean: Path, target: Target, connection: duckdb.DuckDBPyConnection | None = None) -> list[Check]:
    return check(clean, [target], config=CONFIG, as_of=AS_OF, run_id="run", connection=connection)


def failures(checks: list[Check]) -> set[tuple[str, str | None]]:
    return {(check.expectation, check.column_name) for check in checks if not check.success}


@pytest.mark.parametrize("key", TARGETS)
def test_clean_data_passes(key: str, clean: Path) -> None:
    assert [check for check in run(clean, TARGETS[key]) if not check.success] == []


@pytest.mark.parametrize(("key", "expectation"), cases())
def test_fault_fails_its_expectation_alone(
    key: str,
    expectation: Expectation,
    clean: Path,
    connection: duckdb.DuckDBPyConnection,
    request: pytest.FixtureRequest,
) -> None:
    target = TARGETS[key]
    if target.layer == "kpis":
        target = replace(target, table=f"{target.table}_frozen")
    if expectation.type == "expect_table_columns_to_match_set":
        for column in expectation.arguments["column_set"]:
            assert_missing_column_fails(target, expectation, column, clean, connection)
        return
    first = f"dimension = 'market' and dimension_value = 'VN' and {target.variables.get('period')} = date '2026-01-05'"
    connection.execute(fault_of(expectation, target).format(table=target.table, first=first))
    checks = run(clean, target, connection)
    also = {(name, None) for name in ALSO.get(request.node.callspec.id, set())}
    assert failures(checks) == {(expectation.name, expectation.column or None)} | also
    found = next(check for check in checks if not check.success and check.expectation == expectation.name)
    assert found.severity == expectation.severity
    assert bool(found.withholds) == (expectation.severity == "fail")


def assert_missing_column_fails(
    target: Target, expectation: Expectation, column: str, clean: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    """A column that is missing fails its own check, and every other that needs it says that it could not run."""
    connection.rollback()  # queries name the column, and a SQL error would abort an open transaction
    select = f"select * exclude ({column}) from {target.table}"
    connection.execute(f"create temp table lacking as {select}")
    checks = run(clean, replace(target, table="temp.lacking"), connection)
    connection.execute("drop table lacking")
    connection.begin()
    failed = [check for check in checks if not check.success]
    found = next(check for check in failed if check.expectation == expectation.name)
    assert found.observed == f"missing: {column}"
    others = [check for check in failed if check.expectation != expectation.name]
    assert all(check.observed.startswith("could not be evaluated") for check in others)
