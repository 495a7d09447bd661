"""Suite files: what is read, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from expectations.suites import Expectation, SuiteError, load_suite, snake_case, suite_names

GOOD = """
about = "One row per order."
sample = "order_id"

[[expect]]
type = "ExpectColumnValuesToNotBeNull"
columns = ["order_id", "market"]
severity = "fail"
why = "Because."
when = { kind = "share" }
with = { mostly = 0.9 }
"""
QUERY = """
about = "One row per order."
sample = "order_id"

[[expect]]
type = "unexpected_rows_expectation"
name = "some"
expected = "none"
severity = "fail"
why = "Because."
with = { unexpected_rows_query = "select order_id from {batch} limit 5" }
"""


def load(tmp_path: Path, text: str) -> tuple[Expectation, ...]:
    (tmp_path / "suite.toml").write_text(text)
    return load_suite("suite", tmp_path).expectations


def test_the_suites_of_the_product() -> None:
    extracts = ("contacts", "orders", "refunds", "returns", "surveys")
    made = ["attributions", "contact_candidates", "late_stages", "office_stages", "open_refunds"]
    made += ["refund_cases", "refund_stages", "repeated_answers", "stage_contacts"]
    facts = sorted(f"facts/{name}" for name in (*extracts, *made))
    assert suite_names() == [*facts, "kpis", "marts"]
    for name in suite_names():
        assert load_suite(name).name == name


def test_every_expectation_says_why_in_a_sentence() -> None:
    for name in suite_names():
        for expectation in load_suite(name).expectations:
            assert expectation.why[0].isupper(), expectation
            assert expectation.why.endswith("."), expectation
            assert len(expectation.why.split()) > 5, expectation


def test_one_expectation_per_column(tmp_path: Path) -> None:
    first, second = load(tmp_path, GOOD)
    assert (first.type, first.column) == ("expect_column_values_to_not_be_null", "order_id")
    assert (second.column, second.severity, second.arguments) == ("market", "fail", {"mostly": 0.9})
    assert first.applies({"kind": "share"})
    assert not first.applies({"kind": "rate"})
    assert not first.applies({})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('severity = "fail"\n', "", "missing 'severity'"),
        ('why = "Because."\n', "", "missing 'why'"),
        ('why = "Because."', 'why = ""', "missing 'why'"),
        ('"fail"', '"critical"', "severity is 'critical'; expected one of fail, warn, fatal"),
        ("columns", "colums", "unknown key 'colums'; known: column, columns"),
        ('about = "One row per order."\n', "", "missing 'about'"),
        ('sample = "order_id"', 'sample = "order_id"\nowner = "me"', "unknown key 'owner'"),
        ('sample = "order_id"', 'sample = "customer_id"', "would show customers"),
        ('columns = ["order_id", "market"]', 'columns = ["market", "market"]', "of market is there twice"),
        ('columns = ["order_id", "market"]', 'columns = ["market"]\ncolumn = "market"', "both 'column' and 'columns'"),
        ('columns = ["order_id", "market"]', "columns = []", "'columns' is empty"),
        ('"Because."', '"Because', "is not TOML"),
    ],
)
def test_bad_files_are_refused(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in GOOD
    with pytest.raises(SuiteError, match=message) as refused:
        load(tmp_path, GOOD.replace(old, new))
    assert "suite.toml" in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "some"\n', "", "missing 'name'"),
        ('expected = "none"\n', "", "missing 'expected'"),
        (" limit 5", "", "must end in 'limit <n>'"),
        ("select order_id", "select comment", "names customer_id or comment"),
    ],
)
def test_bad_queries_are_refused(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert load(tmp_path, QUERY)
    with pytest.raises(SuiteError, match=message):
        load(tmp_path, QUERY.replace(old, new))


def test_unknown_suite_names_the_known_ones() -> None:
    with pytest.raises(SuiteError, match=r"no suite 'facts/order' .* facts/orders"):
        load_suite("facts/order")


def test_variables_are_filled_with_their_type_and_unknown_ones_refused() -> None:
    expectation = Expectation(
        "t",
        "fail",
        "Why.",
        column="$period",
        arguments={"max_value": "$limit", "regex": "^a$", "q": "by $period limit 1"},
    )
    filled = expectation.filled({"period": "week", "limit": 3})
    assert (filled.column, filled.arguments) == ("week", {"max_value": 3, "regex": "^a$", "q": "by week limit 1"})
    with pytest.raises(SuiteError, match="needs the variable period; the target has limit"):
        expectation.filled({"limit": 3})


def test_class_names_become_types() -> None:
    assert snake_case("ExpectColumnToExist") == "expect_column_to_exist"
    assert snake_case("ExpectColumnPairValuesAToBeGreaterThanB") == "expect_column_pair_values_a_to_be_greater_than_b"
    assert snake_case("expect_column_to_exist") == "expect_column_to_exist"
