"""The page `checks.html`: what the gate looked at, what it found, and what that withholds.

One self-contained file: no script, no font, no picture from elsewhere. Failures first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from expectations.checks import Check
from expectations.suites import Expectation, load_suite, suite_names
from expectations.words import NOT_RUN

if TYPE_CHECKING:
    from jinja2 import Template

LAYERS = {"facts": "Facts", "kpis": "KPIs", "marts": "Marts"}
CONSEQUENCES = {
    "fatal": "nothing is published; the last version stays",
    "fail": "the KPIs that read the table are withheld",
    "warn": "shown here, nothing is withheld",
}
TEMPLATE = Path(__file__).parent / "checks.html.j2"


@dataclass(frozen=True)
class Finding:
    """A check with the reason it is there, as its suite gives it."""

    check: Check
    why: str


@dataclass(frozen=True)
class Table:
    """The findings of one table, failures first."""

    name: str
    about: str
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The failures among them."""
        return tuple(finding for finding in self.findings if not finding.check.success)


def write_page(checks: Sequence[Check], path: Path, *, title: str, as_of: datetime) -> None:
    """Write the page for `checks` to `path`, whole or not at all; the folder has to exist."""
    layers = [(LAYERS.get(layer, layer), _tables(checks, layer)) for layer in _layers(checks)]
    failures = [finding for _, tables in layers for table in tables for finding in table.failed]
    page = _template().render(
        title=title,
        as_of=f"{as_of:%Y-%m-%d %H:%M}",
        total=len(checks),
        layers=layers,
        failed=len(failures),
        faults=_faults(failures),
        withheld=sorted({kpi for check in checks for kpi in check.withholds}),
        consequences=CONSEQUENCES,
    )
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(page, encoding="utf-8")
    unfinished.replace(path)


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def _faults(failures: Sequence[Finding]) -> list[tuple[Finding, ...]]:
    """The failures, gravest first; those of one table that could not run for one reason are one fault."""
    grouped: dict[tuple[object, ...], list[Finding]] = {}
    for finding in sorted(failures, key=lambda finding: _gravity(finding.check)):
        check = finding.check
        alone = () if check.observed.startswith(NOT_RUN) else (check.expectation, check.column_name)
        grouped.setdefault((check.table_name, check.severity, check.observed, *alone), []).append(finding)
    return [tuple(group) for group in grouped.values()]


def _gravity(check: Check) -> int:
    """0 for a failed fatal, then fail, then warn; passed last."""
    order = list(CONSEQUENCES)
    return len(order) if check.success else order.index(check.severity)


def _layers(checks: Sequence[Check]) -> list[str]:
    """The layers there are checks of: facts, KPIs, marts, then any other."""
    order = list(LAYERS)
    found = dict.fromkeys(check.layer for check in checks)
    return sorted(found, key=lambda layer: order.index(layer) if layer in order else len(order))


def _tables(checks: Sequence[Check], layer: str) -> list[Table]:
    """The tables of a layer, the gravest failures first, else in the order they were checked."""
    grouped: dict[str, list[Check]] = {}
    for check in checks:
        if check.layer == layer:
            grouped.setdefault(check.table_name, []).append(check)
    tables = [_table(layer, name, sorted(own, key=_gravity)) for name, own in grouped.items()]
    return sorted(tables, key=lambda table: _gravity(table.findings[0].check))


def _table(layer: str, name: str, checks: Sequence[Check]) -> Table:
    """One table's checks with the words of its suite: one of its own, or that of its layer."""
    known = suite_names()
    suite = next((load_suite(s) for s in (name.replace(".", "/"), layer) if s in known), None)
    findings = tuple(Finding(check, _why(check, suite.expectations if suite else ())) for check in checks)
    return Table(name, suite.about if suite else "", findings)


def _why(check: Check, expectations: Sequence[Expectation]) -> str:
    """The reason of the expectation that was checked; a column written `$period` stands for any."""
    alike = [e for e in expectations if (e.name, e.severity) == (check.expectation, check.severity)]
    exact = [e for e in alike if e.column == (check.column_name or "")]
    filled = [e for e in alike if e.column.startswith("$")]
    return next((e.why for e in exact + filled), "")
