"""GX's own classes of expectations, made to do and fetch no more than is needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from expectations.suites import QUERY, SuiteError

Result = dict[str, Any]


@cache
def lean(kind: str) -> Any:
    """The GX class of a type; map and query expectations without their fetches of offending values."""
    from great_expectations.exceptions.exceptions import ExpectationNotFoundError
    from great_expectations.expectations import expectation as bases
    from great_expectations.expectations.registry import get_expectation_impl

    try:
        base = get_expectation_impl(kind)
    except ExpectationNotFoundError as error:
        raise SuiteError(f"Great Expectations has no expectation type {kind!r}") from error
    maps = (bases.ColumnMapExpectation, bases.ColumnPairMapExpectation, bases.MulticolumnMapExpectation)
    told_once = _told_once(base)
    if kind == QUERY:
        return _lean_query(told_once)
    return _lean_map(told_once) if issubclass(base, maps) else told_once


def _told_once(base: Any) -> Any:
    """Makes its configuration once: GX asks each expectation for it some fifty times, and makes it anew each time."""
    from great_expectations.compatibility.pydantic import PrivateAttr

    def configuration(self: Any) -> Any:
        if self._told is None:
            self._told = base.configuration.fget(self)
        return self._told

    return type(base.__name__, (base,), {"_told": PrivateAttr(default=None), "configuration": property(configuration)})


def _lean_map(base: Any) -> Any:
    """Counts only, and the ids of a few offending rows when they are asked for."""
    unneeded = (".unexpected_values", ".unexpected_index_query")

    def get_validation_dependencies(self: Any, *arguments: Any, **keywords: Any) -> Any:
        dependencies = base.get_validation_dependencies(self, *arguments, **keywords)
        for metric in [name for name in dependencies.get_metric_names() if name.endswith(unneeded)]:
            dependencies.remove_metric_configuration(metric)
        return dependencies

    return type(f"Lean{base.__name__}", (base,), {"get_validation_dependencies": get_validation_dependencies})


def _lean_query(base: Any) -> Any:
    """Runs its query once, not twice, and hands over the rows; the suite bounds them with a limit."""

    def _validate(self: Any, metrics: Mapping[str, Any], *_: Any, **__: Any) -> Result:
        rows = metrics["unexpected_rows_query.table"]
        return {"success": not rows, "result": {"unexpected_rows": rows}}

    changes = {"metric_dependencies": ("unexpected_rows_query.table",), "_validate": _validate}
    return type(f"Lean{base.__name__}", (base,), changes)
