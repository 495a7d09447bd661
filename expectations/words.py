"""What an expectation expects, and what was found instead, in a few words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expectations.suites import Expectation

NOT_RUN = "could not be evaluated"


def expected_in_words(expectation: Expectation) -> str:
    """The suite's own words, else words made from the type and its arguments."""
    if expectation.expected:
        return expectation.expected
    with_ = expectation.arguments
    words = _WORDS.get(expectation.type)
    text = words(with_) if words else _plain(expectation)
    mostly = with_.get("mostly", 1)
    return text if mostly == 1 else f"{text}, in at least {percent(mostly)}"


def observed_in_words(result: Mapping[str, Any]) -> str:
    """What was found: the error, or the count and share of unexpected rows, or the value measured.

    `limit` is the most rows that the query of the expectation could have returned.
    """
    if result.get("error"):
        return f"{NOT_RUN}: {result['error']}"
    if "unexpected_count" in result:
        count, total = result["unexpected_count"] or 0, result.get("element_count") or 0
        share = f" ({percent(count / total)})" if count and total else ""
        return f"{number(count)} of {number(total)} unexpected{share}"
    if "unexpected_rows" in result:
        rows = result["unexpected_rows"]
        at_least = "at least " if len(rows) >= result.get("limit", len(rows) + 1) else ""
        return f"{at_least}{number(count_faults(rows))} unexpected" if rows else "none unexpected"
    if "observed_value" not in result:
        return "it is" if result["success"] else "it is not"
    value = result["observed_value"]
    if isinstance(value, list):  # the columns of a table: what matters is which of the expected are not there
        missing = result.get("details", {}).get("mismatched", {}).get("missing", [])
        return f"missing: {', '.join(missing)}" if missing else "all there"
    return "nothing to measure" if value is None else number(value)


def count_faults(rows: list[dict[str, Any]]) -> int:
    """How many rows the faults that a query returned stand for."""
    return sum(int(row.get("unexpected") or 1) for row in rows)


def number(value: Any) -> str:
    """1,234,567 for whole numbers, six digits for others, text as it is."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) or value.is_integer() else f"{value:.6g}"


def percent(share: float) -> str:
    """0.0312 as '3.12 %'; a share that is not 0 never reads as 0."""
    return f"{100 * share:.3g} %"


def _between(with_: Mapping[str, Any]) -> str:
    low, high = with_.get("min_value"), with_.get("max_value")
    above, below = ("above" if with_.get("strict_min") else "from"), ("below" if with_.get("strict_max") else "to")
    if high is None:
        return f"{above} {number(low)}" if with_.get("strict_min") else f"at least {number(low)}"
    if low is None:
        return f"{below} {number(high)}" if with_.get("strict_max") else f"at most {number(high)}"
    return f"{above} {number(low)} {below} {number(high)}"


def _pair(with_: Mapping[str, Any]) -> str:
    sign = "≥" if with_.get("or_equal") else ">"
    return f"{with_['column_A']} {sign} {with_['column_B']}, where both are known"


def _pairs(with_: Mapping[str, Any]) -> str:
    pairs = ", ".join(" ".join(map(str, pair)) for pair in with_["value_pairs_set"])
    return f"{with_['column_A']} and {with_['column_B']}: one of {pairs}"


def _plain(expectation: Expectation) -> str:
    """The type and its arguments, for a type that has no words here."""
    arguments = ", ".join(f"{key} = {value}" for key, value in expectation.arguments.items() if key != "mostly")
    return f"{expectation.type.removeprefix('expect_').replace('_', ' ')}{': ' if arguments else ''}{arguments}"


_WORDS = {
    "expect_table_columns_to_match_set": lambda with_: f"the columns {', '.join(with_['column_set'])}",
    "expect_column_values_to_not_be_null": lambda with_: "never NULL",
    "expect_column_values_to_be_in_set": lambda with_: f"one of {', '.join(map(str, with_['value_set']))}",
    "expect_column_values_to_not_be_in_set": lambda with_: f"not {', '.join(map(str, with_['value_set']))}",
    "expect_column_values_to_match_regex": lambda with_: f"like {with_['regex']}",
    "expect_column_values_to_be_between": _between,
    "expect_table_row_count_to_be_between": lambda with_: f"rows: {_between(with_)}",
    "expect_column_proportion_of_unique_values_to_be_between": lambda with_: (
        "every value once" if with_.get("min_value") == 1 else f"share of distinct values: {_between(with_)}"
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": _pair,
    "expect_column_pair_values_to_be_in_set": _pairs,
}
