"""Which KPIs, and which of their dimensions, a column of a fact touches; read from the models themselves.

A fact's column comes from columns of the records; two fact columns with a common origin go wrong together, whichever of
them the check was about. A KPI that reads a touched column only to cut by it (a dimension in its outermost SELECT) is
touched in that dimension alone; everywhere else, as in a count, a filter or a join, it is touched as a whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from transforms.calculation import behind
from transforms.models import Kpi, derived_facts, kpis, models, sources

Column = tuple[str, str]  # (schema.table, column)
WHOLE = "all"


@dataclass
class Reading:
    """The fact columns of a KPI: those that touch all of it, and those of each dimension."""

    whole: set[Column] = field(default_factory=set)
    by_dimension: dict[str, set[Column]] = field(default_factory=lambda: defaultdict(set))


def touched_by(table: str, column: str | None) -> dict[str, frozenset[str]]:
    """KPIs that a fault of a fact touches, each with the dimensions concerned; {'all'} is the whole KPI.

    table: such as facts.returns. Without a column, or with one that is unknown, it is about every row of the table:
    then every KPI that reads it is touched as a whole. So it is with what a fact made of facts works out itself.
    """
    name = table.removeprefix("facts.")
    from_where = origins().get((table, column), frozenset()) if column else frozenset()
    # A column that keeps its name keeps its value; what else it depends on is only when it is shown.
    kept = {origin for origin in from_where if origin[1] == column}
    if not from_where or (name in derived_facts() and not kept):
        return {k.id: frozenset({WHOLE}) for k in kpis() if name in k.sources or name in _derived_behind(k)}
    bad = kept or from_where

    def is_hit(read: Iterable[Column]) -> bool:
        return any(origins().get(c, frozenset({c})) & bad for c in read)

    found = {}
    for k in kpis():
        reading = reading_of(k)
        if is_hit(reading.whole):
            found[k.id] = frozenset({WHOLE})
        elif dimensions := frozenset(d for d, read in reading.by_dimension.items() if is_hit(read)):
            found[k.id] = dimensions
    return found


@cache
def origins() -> dict[Column, frozenset[Column]]:
    """Every fact column with the columns of the records it is made of; itself, where it is made of none."""
    from sqlglot.lineage import lineage

    from transforms.lineage import in_place_of_facts

    found = {}
    for model in models("facts"):
        select = in_place_of_facts(model.select)  # a fact can be made of facts
        # All columns at once: of each by itself the whole SELECT would be read and copied again, for many seconds.
        nodes = lineage(None, select, schema=_schema(), dialect="duckdb", trim_selects=False)
        for name, node in nodes.items():
            leaves = {
                (f"{leaf.source.db}.{leaf.source.name}", leaf.name.rsplit(".", 1)[-1].strip('"'))
                for leaf in node.walk()
                if not leaf.downstream and hasattr(leaf.source, "db") and getattr(leaf.source, "db", "") == "records"
            }
            found[model.table, name] = frozenset(leaves or {(model.table, name)})
    return found


@cache
def reading_of(k: Kpi) -> Reading:
    """What a KPI's SELECT reads of the facts, by what it is read for."""
    from sqlglot import exp, parse_one
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import traverse_scope

    facts = {m.name: dict.fromkeys(_outputs(m.name), "varchar") for m in models("facts")}
    tree = qualify(parse_one(k.definition, dialect="duckdb"), schema=_schema() | {"facts": facts}, dialect="duckdb")
    outermost = {id(select) for select in _outermost(tree)}
    reading = Reading()
    for scope in traverse_scope(tree):
        is_distinct = isinstance(scope.expression.parent, exp.Union) and scope.expression.parent.args.get("distinct")
        for column in scope.columns:
            name = _projection(column)
            is_last = id(scope.expression) in outermost
            if name and not is_last and not is_distinct:
                continue  # of a CTE: it matters where the name is used
            into = reading.by_dimension[name] if name in k.all_dimensions and is_last else reading.whole
            into |= _facts_behind(column, scope)
    # What it needs no extract of decides about further statistics at most, as orders do for contacts without ids.
    own = {f"facts.{name}" for name in (*k.sources, *derived_facts())}
    for name in _derived_behind(k):
        reading.whole |= {column for column in chosen_by(name) if column[0] in own}
    return reading


@cache
def chosen_by(fact: str) -> frozenset[Column]:
    """The fact columns by which a fact made of facts chooses its rows: a wrong one makes rows come or go."""
    from sqlglot import exp, parse_one
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import traverse_scope

    (select,) = (m.select for m in models("facts") if m.name == fact)
    facts = {m.name: dict.fromkeys(_outputs(m.name), "varchar") for m in models("facts")}
    tree = qualify(parse_one(select, dialect="duckdb"), schema=_schema() | {"facts": facts}, dialect="duckdb")
    found: set[Column] = set()
    for scope in traverse_scope(tree):
        for column in scope.columns:
            if isinstance(column.find_ancestor(exp.Where, exp.Having, exp.Qualify, exp.Select), exp.Select):
                continue
            found |= {read for read in _facts_behind(column, scope) if read[0].startswith("facts.")}
    return frozenset(found)


def _derived_behind(k: Kpi) -> set[str]:
    """The facts made of facts on the way to a KPI."""
    derived = {f"facts.{name}" for name in derived_facts()}
    return {table.removeprefix("facts.") for table in behind((f"facts.{name}" for name in k.facts), derived)}


def _facts_behind(column: Any, scope: Any) -> set[Column]:
    """The fact columns that a column of a scope is made of, through the CTEs before it."""
    from sqlglot import exp

    source = scope.sources.get(column.table)
    if isinstance(source, exp.Table):
        return {(f"{source.db}.{source.name}", column.name)}
    if source is None:
        return set()
    inner = [source, *source.union_scopes] if getattr(source, "union_scopes", None) else [source]
    return {
        fact
        for one in inner
        for inside in one.columns
        if _projection(inside) == column.name
        for fact in _facts_behind(inside, one)
    }


def _projection(column: Any) -> str:
    """The name under which the column is projected; '' when it stands elsewhere, as in a filter or a join."""
    from sqlglot import exp

    node = column
    while node.parent is not None and not isinstance(node.parent, exp.Select):
        node = node.parent
    is_projected = isinstance(node.parent, exp.Select) and node.arg_key == "expressions"
    return str(node.alias_or_name) if is_projected else ""


def _outermost(tree: Any) -> list[Any]:
    from sqlglot import exp

    return [*_outermost(tree.left), *_outermost(tree.right)] if isinstance(tree, exp.SetOperation) else [tree]


@cache
def _outputs(fact: str) -> tuple[str, ...]:
    """The columns of a fact by name."""
    from transforms.lineage import columns_of, outputs

    return outputs(fact, columns_of(_schema()))


@cache
def _schema() -> dict[str, Any]:
    records = {s.id: {c.name: "varchar" for c in s.columns} | {"_file": "varchar"} for s in sources()}
    run = {"clock": ("as_of", "zone"), "zones": ("market", "zone"), "sla": ("market", "days", "valid_from")}
    run |= {
        "office_hours": ("owner",),
        "office_calendar": ("owner", "market", "day", "opens_at", "closes_at", "open_before"),
    }
    return {"records": records, "run": {table: dict.fromkeys(columns, "varchar") for table, columns in run.items()}}


def withheld_for(table: str, column: str | None) -> tuple[str, ...]:
    """The same as what is withheld: `kpi`, or `kpi by dimension`, in order."""
    return tuple(
        kpi if dimension == WHOLE else f"{kpi} by {dimension}"
        for kpi, dimensions in sorted(touched_by(table, column).items())
        for dimension in sorted(dimensions)
    )
