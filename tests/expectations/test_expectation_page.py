"""The page of checks: self-contained, escaped, failures first."""

from __future__ import annotations

import re
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from expectations.checks import Check
from expectations.docs import write_page

MOMENT = datetime(2026, 3, 30, 2, 0)
PASSED = Check(
    run_id="run",
    layer="facts",
    table_name="facts.orders",
    expectation="known_codes",
    column_name="seller_tier",
    severity="warn",
    success=True,
    element_count=10,
    unexpected_count=0,
    observed="0 of 10 unexpected",
    expected="one of managed, standard, new",
    sample=None,
    withholds=(),
    checked_at=MOMENT,
)


def changed(**changes: object) -> Check:
    return Check(**{**PASSED.__dict__, **changes})


FAILED = changed(
    layer="kpis",
    table_name="kpis.nps",
    expectation="not_after_as_of",
    column_name="observed_on",
    severity="fail",
    success=False,
    observed="3 of 10 unexpected (30 %)",
    withholds=("nps",),
    sample="v1",
)
FATAL = changed(layer="marts", table_name="marts.kpi_weekly", expectation="keys_unique", column_name=None,
                severity="fatal", success=False, observed="2 unexpected")  # fmt: skip


def page(tmp_path: Path, *checks: Check) -> str:
    path = tmp_path / "checks.html"
    write_page(checks, path, title="Night of <30 March>", as_of=MOMENT)
    assert list(tmp_path.iterdir()) == [path]
    return path.read_text(encoding="utf-8")


def test_everything_is_escaped(tmp_path: Path) -> None:
    evil = "<script>alert('x')</script>\"&"
    text = page(
        tmp_path,
        changed(success=False, severity="fail", table_name=evil, expectation=evil, column_name=evil, observed=evil,
                expected=evil, sample=evil, withholds=(evil,), layer=evil),
    )  # fmt: skip
    assert "<script" not in text
    assert "Night of &lt;30 March&gt;" in text
    assert text.count("&lt;script&gt;") >= 8


def test_nothing_comes_from_elsewhere(tmp_path: Path) -> None:
    text = page(tmp_path, PASSED, FAILED, FATAL)
    assert not re.search(r"https?:|src=|@import|url\(|<link|<script", text)


def test_tags_are_balanced(tmp_path: Path) -> None:
    open_tags: list[str] = []

    class Balanced(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in {"meta"}:
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Balanced().feed(page(tmp_path, PASSED, FAILED, FATAL))
    assert open_tags == []


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [
        ((), "Nothing was checked"),
        ((PASSED,), "All 1 checks passed"),
        ((PASSED, FAILED), "1 of 2 checks failed: the KPIs that read the table are withheld"),
        ((PASSED, FAILED, FATAL), "2 of 3 checks failed: nothing is published; the last version stays"),
    ],
)
def test_the_verdict_is_that_of_the_gravest_failure(checks: tuple[Check, ...], verdict: str, tmp_path: Path) -> None:
    assert verdict in page(tmp_path, *checks)


def test_failures_come_first_with_reason_and_consequence(tmp_path: Path) -> None:
    text = page(tmp_path, PASSED, FAILED)
    assert text.index("What failed") < text.index("kpis.nps") < text.index("facts.orders")
    assert "A day that has not come yet cannot have observations." in text
    assert "withheld: nps" in text
    assert "Withheld: <code>nps</code>" in text
    assert "for example" in text


def test_what_could_not_run_for_one_reason_is_one_fault(tmp_path: Path) -> None:
    reason = "could not be evaluated: no such table"
    lost = [changed(success=False, severity="fail", column_name=name, observed=reason) for name in ("a", "b", "c")]
    text = page(tmp_path, *lost)
    assert text.count("<article>") == 1
    assert "3 expectations could not be evaluated" in text
