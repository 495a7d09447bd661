"""The gate: evaluates suites with Great Expectations (GX), pushed down into DuckDB. With lean.py the only imports of GX.

All expectations of a table are one validation, whose counts are one query. GX would also fetch offending
values for each of them, good or bad, which on a KPI view means computing the view once more each time; the
leaner classes of lean.py only count, and a second look at what failed brings the ids of a few rows.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from expectations.checks import Check, Target
from expectations.connection import fetch_at_once, lent, opened
from expectations.lean import lean
from expectations.suites import Expectation, Suite, SuiteError, load_suite
from expectations.words import count_faults, expected_in_words, observed_in_words

SAMPLES = 3
COUNTS = {"result_format": "BASIC"}
ZONE_AHEAD = timedelta(hours=14)  # the earliest time zone's day begins 14 hours before the UTC one

__all__ = ["Check", "GateError", "Target", "check", "preload"]

Result = dict[str, Any]


class GateError(RuntimeError):
    """The gate did not get to its end: nothing may be published on its word."""


def preload() -> None:
    """Import GX (5 s or more), so that a thread can do it while the engine works. Safe to repeat."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import great_expectations  # noqa: F401

    # What it logs as errors are failed expectations; they come back as checks.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)


def check(
    database: Path,
    targets: Sequence[Target],
    *,
    config: Mapping[str, Any],
    as_of: datetime,
    run_id: str,
    connection: Any = None,
    checked_at: datetime | None = None,
) -> list[Check]:
    """Evaluate every target's suite; one Check per expectation, in the order of targets and suites.

    `config` has to equal the configuration of any connection this process has open to `database`; the two
    then share one instance, and the gate sees what is committed. With `connection` (an open DuckDB
    connection) the checks run on that one instead and see its uncommitted work too; the gate neither
    commits, nor rolls back, nor closes it. `as_of` is UTC when it has no offset.

    An expectation that cannot be evaluated (no such table, column or function) is a failed check that says
    why. Raises SuiteError for a suite that is unknown or wrong, and GateError when a statement failed
    inside the open transaction of `connection`: DuckDB has aborted it, and nothing in it can be used.
    """
    preload()
    moment = _naive(checked_at or datetime.now(UTC))
    plans = [(target, load_suite(target.suite)) for target in targets]
    checks: list[Check] = []
    with opened(database, config, connection) as own, _datasource(own) as source:
        for target, suite in plans:
            expectations = suite.for_target(_variables(target, as_of))
            results = _evaluate(source, target, suite, expectations)
            checks += [
                _as_check(target, expectation, result, run_id, moment)
                for expectation, result in zip(expectations, results, strict=True)
            ]
    return checks


def _variables(target: Target, as_of: datetime) -> dict[str, Any]:
    """What `$name` can stand for in a suite; the target's own variables win."""
    moment = _naive(as_of)
    schema = target.table.rpartition(".")[0] or "main"
    extent = "part" if target.part else "whole"
    return {
        "extent": extent,
        "as_of": moment,
        "last_day": f"{moment + ZONE_AHEAD:%Y-%m-%d}",
        "schema": schema,
        **target.variables,
    }


def _naive(moment: datetime) -> datetime:
    """UTC without an offset, as the warehouse stores it."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


@contextmanager
def _datasource(connection: Any) -> Iterator[Any]:
    """A GX data source that lives on this connection; nothing is written to disk or sent anywhere."""
    import great_expectations
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    quiet = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
        analytics_enabled=False,
    )
    context = great_expectations.get_context(mode="ephemeral", project_config=quiet)
    # It would write its whole configuration as YAML, to memory, each time it is told of a table.
    context._save_project_config = lambda: None  # type: ignore[method-assign]
    with warnings.catch_warnings():
        # GX advises a data source made for the database (there is none for DuckDB), and a connection with
        # a default schema in place of `schema_name` (the tables are in several).
        warnings.simplefilter("ignore")
        # The connection string only names the dialect: the engine's creator returns the connection.
        with lent(connection) as engine_arguments:
            source = context.data_sources.add_sql(  # type: ignore[call-arg]  # the stub lacks kwargs
                "warehouse", connection_string="duckdb:///:memory:", kwargs=engine_arguments
            )
            engine = source.get_execution_engine().engine
            fetch_at_once(engine)
            try:
                yield source
            finally:
                engine.dispose()
                source.get_engine().dispose()


def _evaluate(source: Any, target: Target, suite: Suite, expectations: Sequence[Expectation]) -> list[Result]:
    """One result per expectation, in their order: what GX measured, plus `success`, `error` and `samples`."""
    built = [_build(expectation, number) for number, expectation in enumerate(expectations)]
    try:
        asset = _table_asset(source, target.part or target.table)
        batch = asset.add_batch_definition_whole_table("whole").get_batch()
    except Exception as error:  # GX raises many kinds; whichever it is, the table was not checked
        reason = _one_line(str(error.__cause__ or error))  # GX's own words guess at a missing schema
        _refuse_aborted(reason, target.table)
        return [{"success": False, "error": reason, "samples": []} for _ in built]
    results = _validate(batch, built, COUNTS)
    failed = [built[i] for i, result in results.items() if not result["success"] and "unexpected_count" in result]
    if failed and suite.sample:
        look = {
            "result_format": "SUMMARY",
            "partial_unexpected_count": SAMPLES,
            "exclude_unexpected_values": True,
            "unexpected_index_column_names": [suite.sample],
        }
        for i, again in _validate(batch, failed, look).items():
            results[i]["samples"] = _ids(again.get("partial_unexpected_index_list") or [], suite.sample)
    return [results[i] for i in range(len(built))]


def _table_asset(source: Any, name: str) -> Any:
    """The table as a GX asset, without GX's trial `select 1 … limit 1`: what is missing shows at the first count.

    In DuckDB 2.0 a LIMIT over a view with a join can wait for ever for a task that never comes.
    """
    from great_expectations.datasource.fluent.sql_datasource import TableAsset

    class Untried(TableAsset):
        def test_connection(self) -> None:
            """Nothing to try."""

    schema, _, table = name.rpartition(".")
    return source._add_asset(Untried(name=name, table_name=table, schema_name=schema or None))


def _validate(batch: Any, built: Sequence[Any], result_format: Result) -> dict[int, Result]:
    """GX's results by the number given in `_build`; it returns them in an order of its own."""
    from great_expectations import ExpectationSuite

    suite = ExpectationSuite("suite", expectations=list(built))
    results: dict[int, Result] = {}
    for outcome in batch.validate(suite, result_format=result_format).results:
        error = _error(outcome.exception_info or {})
        _refuse_aborted(error, batch.data_asset.name)
        number = outcome.expectation_config.meta["number"]
        success = bool(outcome.success) and not error
        results[number] = {"samples": [], **(outcome.result or {}), "success": success, "error": error}
    return results


def _ids(rows: Sequence[Mapping[str, Any]], sample: str) -> list[str]:
    """The ids of offending rows, and nothing else of them; GX groups rows with equal values."""
    ids: list[Any] = []
    for row in rows:
        found = row[sample]
        ids += found if isinstance(found, list) else [found]
    return [str(i) for i in ids if i is not None][:SAMPLES]


def _error(exception_info: Mapping[str, Any]) -> str:
    """The first error GX caught, in one line; empty when there was none. GX nests them by metric, or not."""
    for info in [exception_info, *exception_info.values()]:
        if isinstance(info, Mapping) and info.get("raised_exception"):
            return _one_line(info.get("exception_message") or "unknown error")
    return ""


def _one_line(text: str) -> str:
    """The beginning of a message, without line breaks, traceback and statement."""
    return " ".join(re.split(r"Traceback|\[SQL:|LINE \d+:", text)[0].split())[:300]


def _refuse_aborted(error: str, table: str) -> None:
    """Stop when DuckDB has aborted the caller's transaction: no later check of it would mean anything."""
    if "transaction is aborted" in error:
        raise GateError(
            f"a check failed inside an open transaction, which DuckDB then aborts (noticed at {table}): roll it "
            "back and publish nothing. Run the checks after a commit, and they name the expectation."
        )


def _as_check(target: Target, expectation: Expectation, result: Result, run_id: str, moment: datetime) -> Check:
    """The row of the mart `checks` for one result."""
    rows: list[dict[str, Any]] = result.get("unexpected_rows", [])
    samples = [str(row["sample"]) for row in rows if "sample" in row][:SAMPLES] or result["samples"]
    withholds = expectation.severity == "fail" and not result["success"]
    return Check(
        run_id=run_id,
        layer=target.layer,
        table_name=target.table,
        expectation=expectation.name,
        column_name=expectation.column or None,
        severity=expectation.severity,
        success=result["success"],
        element_count=result.get("element_count"),
        unexpected_count=count_faults(rows) if "unexpected_rows" in result else result.get("unexpected_count"),
        observed=observed_in_words({**result, "limit": expectation.limit} if expectation.limit else result),
        expected=expected_in_words(expectation),
        sample=", ".join(samples) or None,
        withholds=_withheld(target, rows) if withholds else (),
        checked_at=moment,
    )


def _withheld(target: Target, rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The KPIs that the faults name, when all of them do; else every KPI that reads the table."""
    named = {row.get("kpi") for row in rows}
    if named and None not in named:
        return tuple(sorted(str(kpi) for kpi in named))
    return target.kpis


def _build(expectation: Expectation, number: int) -> Any:
    """The GX object of an expectation. Raises SuiteError for a type or an argument that GX does not have."""
    arguments = {**expectation.arguments, "meta": {"number": number}}
    if expectation.column:
        arguments["column"] = expectation.column
    try:
        return lean(expectation.type)(**arguments)
    except (TypeError, ValueError) as error:
        where = f"{expectation.name} of {expectation.column or 'the table'}"
        raise SuiteError(f"{where}: {_one_line(str(error))}") from error
