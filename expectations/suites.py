"""Suites as data: TOML files beside this module, read into frozen dataclasses, unknown keys refused by name.

A suite file holds `about` (what a row of the table is), `sample` (the id column shown for offending
rows) and a list of `[[expect]]`:

    [[expect]]
    type     = "expect_column_values_to_not_be_null"   # a Great Expectations type, or its class name
    columns  = ["order_id", "ordered_at"]              # one expectation each; or column = "order_id"
    severity = "fail"                                  # fail: withholds the KPIs that read the table
                                                       # warn: is shown; fatal: nothing is published
    why      = "An order without …"
    when     = { kind = ["share"] }                    # only for targets with that variable
    with     = { mostly = 0.98 }                       # the arguments of the GX expectation
    name     = "keys_unique"                           # a query has to be named …
    expected = "every order_id once"                   # … and to say what it expects

A target has the variable `extent`: "part" when only rows that changed are looked at, because all others met everything.
In `with`, `$name` stands for a variable of the target, and `{batch}` for its table.
A query (`unexpected_rows_query`) returns the faults, with these columns, all optional:
`unexpected` (how many rows this fault stands for, else 1), `sample` (the text shown: ids, never
customers or comments) and `kpi` (the fault withholds only that: a KPI, or `<kpi> by <dimension>`, not all that read
the table).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
SEVERITIES = ("fail", "warn", "fatal")
QUERY = "unexpected_rows_expectation"
LIMIT = re.compile(r"\blimit (\d+)\s*$")
VARIABLE = re.compile(r"\$([a-z_]+)")
PRIVATE = re.compile(r"\b(customer_id|comment)\b")

_SUITE_KEYS = {"about", "sample", "expect"}
_EXPECT_KEYS = {"type", "column", "columns", "severity", "why", "when", "with", "name", "expected"}


class SuiteError(ValueError):
    """A suite file that cannot be used; the message names the file, what was found and what was expected."""


@dataclass(frozen=True)
class Expectation:
    """One expectation of one column, or of the table when `column` is empty."""

    type: str  # snake_case
    severity: str
    why: str
    column: str = ""
    name: str = ""  # what the check is called; the type unless given
    expected: str = ""  # in words; derived from type and arguments unless given
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def limit(self) -> int | None:
        """The most rows its query returns; None when it is not a query."""
        found = LIMIT.search(str(self.arguments.get("unexpected_rows_query", "")))
        return int(found[1]) if found else None

    def applies(self, variables: Mapping[str, Any]) -> bool:
        """Whether a target with these variables is meant; a variable it lacks never matches."""
        return all(str(variables.get(name, "")) in allowed for name, allowed in self.when.items())

    def filled(self, variables: Mapping[str, Any]) -> Expectation:
        """The same expectation with every `$name` replaced; an unknown name is refused."""

        def fill(value: Any) -> Any:
            return _fill(value, variables, self.name)

        arguments = {key: fill(value) for key, value in self.arguments.items()}
        return replace(self, column=fill(self.column), expected=fill(self.expected), arguments=arguments)


@dataclass(frozen=True)
class Suite:
    """All expectations of one table."""

    name: str  # its path without the ending: "facts/orders"
    about: str
    sample: str  # the column whose values identify offending rows; empty: show none
    expectations: tuple[Expectation, ...]

    def for_target(self, variables: Mapping[str, Any]) -> tuple[Expectation, ...]:
        """The expectations that apply to a target with these variables, filled with them."""
        return tuple(e.filled(variables) for e in self.expectations if e.applies(variables))


def suite_names(folder: Path = FOLDER) -> list[str]:
    """The names `load_suite` knows, sorted: "facts/orders", …, "kpis", "marts"."""
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.toml"))


def load_suite(name: str, folder: Path = FOLDER) -> Suite:
    """Read `<folder>/<name>.toml`. Raises SuiteError when it is missing or breaks the format."""
    path = folder / f"{name}.toml"
    if not path.is_file():
        raise SuiteError(f"no suite {name!r} in {folder}; there are: {', '.join(suite_names(folder))}")
    return _suite(name, path.read_text(encoding="utf-8"), path)


@cache
def _suite(name: str, text: str, path: Path) -> Suite:
    """A suite as it is written in a file: asked for once per table that it is of, and read once."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SuiteError(f"{path} is not TOML: {error}") from error
    _keys(content, allowed=_SUITE_KEYS, required={"about", "sample", "expect"}, where=str(path))
    if PRIVATE.search(content["sample"]):
        raise SuiteError(f"{path}: sample = {content['sample']!r} would show customers; name the row's own id")
    expectations: list[Expectation] = []
    for number, entry in enumerate(content["expect"], start=1):
        expectations += _read(entry, where=f"{path}, expectation {number}")
    _refuse_repeats(expectations, where=str(path))
    return Suite(name, content["about"], content["sample"], tuple(expectations))


def suite_text(name: str, folder: Path = FOLDER) -> str:
    """A suite as it is written, to tell whether it changed."""
    return (folder / f"{name}.toml").read_text(encoding="utf-8")


def _read(entry: dict[str, Any], where: str) -> list[Expectation]:
    """The expectations of one `[[expect]]`: one, or one per column of `columns`."""
    where = f"{where} ({entry.get('name') or entry.get('type') or 'no type'})"
    _keys(entry, allowed=_EXPECT_KEYS, required={"type", "severity", "why"}, where=where)
    if entry["severity"] not in SEVERITIES:
        raise SuiteError(f"{where}: severity is {entry['severity']!r}; expected one of {', '.join(SEVERITIES)}")
    if "column" in entry and "columns" in entry:
        raise SuiteError(f"{where}: has both 'column' and 'columns'; keep one")
    kind = snake_case(entry["type"])
    if kind == QUERY:
        _check_query(entry, where)
    when = {key: (value,) if isinstance(value, str) else tuple(value) for key, value in entry.get("when", {}).items()}
    columns = entry.get("columns", [entry.get("column", "")])
    if not columns:
        raise SuiteError(f"{where}: 'columns' is empty")
    return [
        Expectation(
            type=kind,
            severity=entry["severity"],
            why=" ".join(entry["why"].split()),
            column=column,
            name=entry.get("name", kind),
            expected=entry.get("expected", ""),
            when=when,
            arguments=entry.get("with", {}),
        )
        for column in columns
    ]


def _check_query(entry: dict[str, Any], where: str) -> None:
    """A query must be named, say what it expects, be bounded, and show neither customers nor comments."""
    _keys(entry, allowed=_EXPECT_KEYS, required={"name", "expected", "with"}, where=where)
    query = str(entry["with"].get("unexpected_rows_query", ""))
    if not LIMIT.search(query):
        raise SuiteError(f"{where}: its query must end in 'limit <n>'; every row it returns is fetched")
    if PRIVATE.search(query):
        raise SuiteError(f"{where}: its query names customer_id or comment, which must not reach a check")


def _keys(found: Mapping[str, Any], *, allowed: set[str], required: set[str], where: str) -> None:
    if unknown := sorted(found.keys() - allowed):
        raise SuiteError(f"{where}: unknown key {', '.join(map(repr, unknown))}; known: {', '.join(sorted(allowed))}")
    if missing := sorted(key for key in required if not found.get(key)):
        raise SuiteError(f"{where}: missing {', '.join(map(repr, missing))}")


def _refuse_repeats(expectations: list[Expectation], where: str) -> None:
    """A check is known by its name, column and variant; two alike could not be told apart."""
    seen: set[tuple[str, str, str]] = set()
    for e in expectations:
        key = (e.name, e.column, repr(sorted(e.when.items())))
        if key in seen:
            raise SuiteError(f"{where}: {e.name} of {e.column or 'the table'} is there twice; give one a 'name'")
        seen.add(key)


def _fill(value: Any, variables: Mapping[str, Any], name: str) -> Any:
    """Replace `$name` in strings, also inside lists; a string that is one variable becomes its value, typed."""
    if isinstance(value, list):
        return [_fill(item, variables, name) for item in value]
    if not isinstance(value, str) or "$" not in value:
        return value
    if unknown := sorted(set(VARIABLE.findall(value)) - variables.keys()):
        raise SuiteError(f"{name}: needs the variable {', '.join(unknown)}; the target has {', '.join(variables)}")
    if (whole := value.removeprefix("$")) in variables:
        return variables[whole]
    return VARIABLE.sub(lambda match: str(variables[match[1]]), value)


def snake_case(name: str) -> str:
    """`ExpectColumnToExist` and `expect_column_to_exist` both give the latter."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() if name[:1].isupper() else name
