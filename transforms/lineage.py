"""Which columns of the extracts a KPI's number depends on, read from its SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope

from transforms.models import Kpi, ModelError, models
from transforms.warehouse import identifier

# Columns by table by schema, as in the engine's own catalogue.
Schema = Mapping[str, Mapping[str, list[str]]]
Columns = tuple[tuple[str, str, tuple[str, ...]], ...]  # the same as (schema, table, columns)


def source_columns(k: Kpi, schema: Schema) -> tuple[str, ...]:
    """`source.column` of every column that is read on the way to the KPI's rows: counted, grouped by, joined or filtered.

    schema: the columns of what facts read. What a fact works out (`ended_at`) is told by what it comes from. Raises
    ModelError when the SQL cannot be read.
    """
    try:
        return tuple(sorted(_records_behind(k.definition, columns_of(schema))))
    except SqlglotError as error:
        raise ModelError(f"transforms/kpis/{k.id}.sql: its lineage cannot be read: {error}") from error


def columns_of(schema: Schema) -> Columns:
    """A schema as a key, by which what is found is kept."""
    return tuple((name, table, tuple(its)) for name, tables in schema.items() for table, its in tables.items())


@cache
def _records_behind(sql: str, columns: Columns) -> frozenset[str]:
    """`source.column` of what a SELECT reads, directly and through facts."""
    read: dict[tuple[str, str], set[str]] = {}
    for scope in traverse_scope(pushdown_projections(_qualified(sql, columns))):
        for column in scope.columns:
            table = scope.sources.get(column.table)
            if isinstance(table, exp.Table):
                read.setdefault((table.db, table.name), set()).add(column.name)
        for table in scope.sources.values():
            if isinstance(table, exp.Table):
                read.setdefault((table.db, table.name), set())  # its rows are read, though no column may be
    found: set[str] = set()
    facts = {model.name: model.select for model in models("facts")}
    for (place, name), its in read.items():
        if place == "records":
            found |= {f"{name}.{column}" for column in its}
        elif place == "facts":
            # Only what is read of a fact is followed, and each choice of columns once.
            chosen = ", ".join(map(identifier, sorted(its))) or "1 as one"
            found |= _records_behind(f"select {chosen} from ({facts[name]}) as fact", columns)
    return frozenset(found)


def _qualified(sql: str, columns: Columns) -> exp.Expr:
    """The SELECT with every column named by its table."""
    schema: dict[str, Any] = defaultdict(dict)
    for place, name, its in columns:
        schema[place][name] = dict.fromkeys(its, "varchar")
    tree = parse_one(sql, dialect="duckdb")
    for table in tree.find_all(exp.Table):
        if table.db == "facts":
            schema["facts"][table.name] = dict.fromkeys(outputs(table.name, columns), "varchar")
    return qualify(tree, dialect="duckdb", schema=dict(schema), validate_qualify_columns=False)


@cache
def outputs(fact: str, columns: Columns) -> tuple[str, ...]:
    """The columns of a fact by name, also those that it takes over whole (`returns.*`)."""
    (select,) = (model.select for model in models("facts") if model.name == fact)
    tree: Any = _qualified(select, columns)
    return tuple(tree.named_selects)


def in_place_of_facts(sql: str) -> exp.Expr:
    """The SELECT with every fact in it, and every fact in those, as a subquery."""
    facts = {model.table: model.select for model in models("facts")}
    tree = parse_one(sql, dialect="duckdb")
    while found := [t for t in tree.find_all(exp.Table) if f"{t.db}.{t.name}" in facts]:
        for table in found:
            fact = parse_one(facts[f"{table.db}.{table.name}"], dialect="duckdb")
            table.replace(exp.Subquery(this=fact, alias=exp.TableAlias(this=exp.to_identifier(table.alias_or_name))))
    return tree
