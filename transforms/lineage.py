"""Which columns of the extracts a KPI's number depends on, read from its SQL."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope

from transforms.models import Kpi, ModelError, models

# Columns by table by schema, as in the engine's own catalogue.
Schema = Mapping[str, Mapping[str, list[str]]]


def source_columns(k: Kpi, schema: Schema) -> tuple[str, ...]:
    """`source.column` of every column that is read on the way to the KPI's rows: counted, grouped by, joined or filtered.

    schema: the columns of what facts read. The facts are put in their places, so that what a fact works out (`ended_at`)
    is told by what it comes from. Raises ModelError when the SQL cannot be read.
    """
    columns = tuple(
        (name, table, c) for name, tables in schema.items() for table, those in tables.items() for c in those
    )
    facts = tuple((model.table, model.select) for model in models("facts"))
    try:
        return _source_columns(k.definition, facts, columns)
    except SqlglotError as error:
        raise ModelError(f"transforms/kpis/{k.id}.sql: its lineage cannot be read: {error}") from error


@cache
def _source_columns(
    sql: str, facts: tuple[tuple[str, str], ...], columns: tuple[tuple[str, str, str], ...]
) -> tuple[str, ...]:
    typed: dict[str, Any] = {}
    for place, name, its in columns:
        typed.setdefault(place, {}).setdefault(name, {})[its] = "varchar"
    tree = qualify(in_place_of(dict(facts), sql), dialect="duckdb", schema=typed, validate_qualify_columns=False)
    scopes = traverse_scope(pushdown_projections(tree))
    found = set()
    for scope in scopes:
        for column in scope.columns:
            table = scope.sources.get(column.table)
            if isinstance(table, exp.Table) and table.db == "records":
                found.add(f"{table.name}.{column.name}")
    return tuple(sorted(found))


def in_place_of_facts(sql: str) -> exp.Expr:
    """The SELECT with every fact in it, and every fact in those, as a subquery."""
    return in_place_of({model.table: model.select for model in models("facts")}, sql)


def in_place_of(facts: Mapping[str, str], sql: str) -> exp.Expr:
    """The SELECT with each of the tables, and those that they read in turn, as a subquery. facts: SELECT by name."""
    tree = parse_one(sql, dialect="duckdb")
    while found := [t for t in tree.find_all(exp.Table) if f"{t.db}.{t.name}" in facts]:
        for table in found:
            fact = parse_one(facts[f"{table.db}.{table.name}"], dialect="duckdb")
            table.replace(exp.Subquery(this=fact, alias=exp.TableAlias(this=exp.to_identifier(table.alias_or_name))))
    return tree
