"""Every alarm the code can raise has its entry in docs/alarms.md, and no entry is about one that is gone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from expectations.suites import load_suite, suite_names

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "alarms.md").read_text(encoding="utf-8")
RAISED = {"Refused", "NothingPublished", "EngineError", "GateError"}
PASSED_ON = re.compile(r"^[… :]*$")  # another fault's own words
ENGINE = {"Out of Memory", "No space left"}  # the engine's words, not the code's
SOURCE_CHECKS = re.compile(r"'([a-z_]+)' as expectation|then '([a-z_]+)'|else '([a-z_]+)' end as expectation")


def entries(part: str) -> list[str]:
    """The backticked texts of the first cells below a heading."""
    start = TEXT.index(f"## {part}")
    body = TEXT[start : TEXT.find("\n## ", start + 1) if "\n## " in TEXT[start + 1 :] else None]
    rows = [line.split(" | ")[0] for line in body.splitlines() if line.startswith("| `")]
    return [text for row in rows for text in re.findall(r"`([^`]+)`", row)]


def messages() -> Iterator[tuple[str, str]]:
    """Where and what: every text that a refusal, or a fault that ends a night, is raised with."""
    for path in sorted(
        p for package in ("flows", "transforms", "expectations") for p in (ROOT / package).rglob("*.py")
    ):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Raise)
                and isinstance(node.exc, ast.Call)
                and getattr(node.exc.func, "id", "") in RAISED
            ):
                yield from ((f"{path.name}:{node.lineno}", text) for text in map(said, node.exc.args))
            # Why a file is refused is not always raised: whatever says so of "it" counts.
            if path.parent.name == "landing" and isinstance(node, ast.JoinedStr | ast.Constant):
                text = said(node)
                if re.match(r"(it|its|none of its) \w.*:", text):
                    yield f"{path.name}:{node.lineno}", text


def said(node: ast.expr) -> str:
    """A message with … where a value stands; empty when it is another fault's own words."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    text = "".join(str(p.value) if isinstance(p, ast.Constant) else "…" for p in parts)
    return "" if PASSED_ON.match(text) else text


MESSAGES = [(where, text) for where, text in messages() if text]
FAULTS = entries("The night ends") + entries("A file is refused")


def test_there_are_messages() -> None:
    assert len(MESSAGES) >= 25


@pytest.mark.parametrize(("where", "text"), MESSAGES, ids=[where for where, _ in MESSAGES])
def test_a_refusal_has_its_entry(where: str, text: str) -> None:
    assert any(entry in text for entry in FAULTS), f"{where}: {text}"


@pytest.mark.parametrize("entry", sorted(set(FAULTS) - ENGINE))
def test_an_entry_is_about_something_the_code_says(entry: str) -> None:
    source = "".join(
        p.read_text(encoding="utf-8")
        for package in ("flows", "transforms", "expectations")
        for p in (ROOT / package).rglob("*.py")
    )
    assert any(entry in text for _, text in MESSAGES) or entry in source


def test_every_expectation_has_its_entry_and_no_other_has() -> None:
    names = {e.name for suite in suite_names() for e in load_suite(suite).expectations}
    assert set(entries("An expectation is not met")) == names


def test_every_law_has_its_entry() -> None:
    text = (ROOT / "transforms" / "reads" / "conservation.sql").read_text(encoding="utf-8")
    assert set(entries("A law is broken")) == set(re.findall(r"'(\w+_conserved)'", text))


def test_every_check_of_sources_has_its_entry() -> None:
    queries = [ROOT / "transforms" / "reads" / f"source_{name}.sql" for name in ("volumes", "shapes")]
    found = {
        name
        for path in queries
        for groups in SOURCE_CHECKS.findall(path.read_text(encoding="utf-8"))
        for name in groups
        if name
    }
    assert set(entries("A source is not as usual")) == found
