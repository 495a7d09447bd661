"""Texts that repeat, as ENUM types: kept, grouped and written as small numbers, read and compared as the texts they are.

    code   values of dimensions in tonight's records, and what the SQL says by itself ('unknown', 'credited')
    term   what the release names: KPIs, their dimensions and statistics, grains, statuses
    label  what a night names: values of dimensions and pairs of them; versions of definitions

Their values are in the order of the alphabet, as texts are. A type of more than MOST values is a text by another name: it
would repeat too little, and the database would carry all of them beside each column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from transforms.changes import GRAINS
from transforms.cuts import cuts
from transforms.models import PAIR, Model, kpis, models, sources
from transforms.warehouse import NotConvertible, Warehouse, identifier, literal

SAYING = ("facts", "kpis", "marts")  # the layers whose SQL says codes
MOST = 2**16  # numbers of two bytes
STATUSES = ("final", "low_n", "not_reached", "provisional", "suppressed", "withheld")
# A column of a fact that is no dimension but as short of values as one.
_ALSO_CODES = {"outcome"}


def make_terms(warehouse: Warehouse) -> None:
    """Type `term`: the same in every night of a release, so that estimates of last night stand beside tonight's."""
    names = {name for k in kpis() for name in (k.id, *k.statistics)}
    names |= {PAIR.join(cut.dimensions) or "all" for k in kpis() for cut in cuts(k)}
    _make(warehouse, "term", [_listed({*GRAINS, *STATUSES, *names})])


def make_codes(warehouse: Warehouse) -> None:
    """Type `code`, once the records are there."""
    selects = [re.sub("--.*", "", model.select) for layer in SAYING for model in models(layer)]
    said = {text for select in selects for text in re.findall(r"'(\w[\w -]*)'", select)}
    named = _dimensions()  # the types travel with what is published
    found = [
        f"select distinct {identifier(column.name)} from records.{source.id}"
        for source in sources()
        for column in source.columns
        if column.type == "code" and column.name in named
    ]
    _make(warehouse, "code", [_listed(said | {k.id for k in kpis()}), *found])


def make_labels(warehouse: Warehouse) -> None:
    """Type `label`, once all slices are named."""
    _make(warehouse, "label", ["select distinct dimension_value from sums.slices", "select version from run.kpis"])


def create_fact(warehouse: Warehouse, model: Model, select: str = "", schema: str = "facts") -> None:
    """A fact with its dimensions as codes. They stay texts where its SQL has made one that the type does not hold.

    select, schema: what it is made by and where, when not by the model's own and in its layer.
    """
    named, select = _dimensions() | _ALSO_CODES, select or model.select
    texts = [row[0] for row in warehouse.rows(f"describe {select}") if row[0] in named and row[1] == "VARCHAR"]
    create = f"create or replace table {schema}.{identifier(model.name)} as"
    if texts:
        coded = ", ".join(f"cast({identifier(name)} as code) as {identifier(name)}" for name in texts)
        try:
            return warehouse.run(f"{create} select * replace ({coded}) from (\n{select}\n)")
        except NotConvertible:
            pass
    warehouse.run(f"{create} {select}")


def _dimensions() -> set[str]:
    return {name for k in kpis() for name in k.all_dimensions}


def as_texts(warehouse: Warehouse, table: str, instead: Mapping[str, str] | None = None) -> str:
    """All columns of a table or view, for a SELECT: the texts of what is kept by numbers, everything else as it is.

    instead: the SQL of columns that show something else.
    """
    shown = warehouse.shown(table) | dict(instead or {})
    return ", ".join(f"{sql} as {identifier(name)}" for name, sql in shown.items())


def _make(warehouse: Warehouse, name: str, parts: Iterable[str]) -> None:
    found = f"select text from ({' union '.join(parts)}) as found (text) where text is not null"
    warehouse.run(f"create or replace temp table texts as {found}")
    are_few = warehouse.value(f"select count(*) <= {MOST} from texts")
    kind = "enum (select text from temp.texts order by text)" if are_few else "varchar"
    warehouse.run(f"create or replace type {name} as {kind}")
    warehouse.run("drop table temp.texts")


def _listed(texts: Iterable[str]) -> str:
    return f"select unnest([{', '.join(map(literal, sorted(texts)))}])"
