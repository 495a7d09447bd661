"""How the files of a shape are read: a relation, its columns as SQL, and why a record of it is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from transforms.landing.files import Shape
from transforms.landing.lines import BUFFER_BYTES, LINES, MAX_LINE_BYTES
from transforms.models import Source
from transforms.warehouse import identifier, literal


@dataclass(frozen=True)
class Reading:
    """A relation with one parameter (the paths) and a column `_path`, and how to name its parts in SQL."""

    relation: str
    column: Callable[[int], str]
    broken: str = "null"  # why the record cannot be read at all; '' = a blank line, to be passed over
    raw: str = ""  # the record's own text; '' = shown as JSON of the contract's columns
    line: str = "null::bigint"


def reading_of(shape: Shape, ids: frozenset[str] = frozenset()) -> Reading:
    """How the files of a shape are read. ids: columns in which a number of JSON is a name, so that 5001.0 is 5001."""
    if shape.form == "parquet":
        texts = {i for i, name in enumerate(shape.typed) if "string" in name or "binary" in name}
        lower = {name.lower() for name in shape.columns}
        own = "_path" + "_" * max((len(name) for name in lower if name.startswith("_path")), default=0)
        columns = ", ".join(f"{identifier(name)} as c{i}" for i, name in enumerate(shape.columns))
        return Reading(
            f"(select {columns}, {own} as _path from read_parquet(?, filename = {literal(own)}, binary_as_string = true))",
            lambda i: f"nullif(c{i}, '')" if i in texts else f"c{i}",
        )
    if shape.form == "jsonl":
        return _json_reading(shape.columns, ids)
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(shape.columns)))
    newline = f", new_line = {literal(shape.newline)}" if shape.newline else ""
    return Reading(
        f"read_csv(?, auto_detect = false, header = true, delim = {literal(shape.delimiter)}, quote = {literal(shape.quote)}, "
        f"escape = {literal(shape.escape)}, skip = {shape.skip}, columns = {{{columns}}}, filename = '_path', "
        f"store_rejects = true, max_line_size = {MAX_LINE_BYTES}, buffer_size = {BUFFER_BYTES}{newline})",
        lambda i: f"nullif(trim(c{i}), '')" if shape.is_padded else f"c{i}",
    )


def _json_reading(columns: Sequence[str], ids: frozenset[str]) -> Reading:
    at = [literal("/" + name.replace("~", "~0").replace("/", "~1")) for name in columns]
    every = f"[{', '.join(at)}]::varchar[]"

    nested = ", ".join(
        f"case when json_type(raw, {place}) in ('OBJECT', 'ARRAY') then {literal(name)} end"
        for place, name in zip(at, columns, strict=True)
    )

    def column(i: int) -> str:
        field = f"nullif(fields[{i + 1}], '')"
        if columns[i] not in ids:
            return field
        return f"case when ends_with({field}, '.0') and json_type(raw, {at[i]}) = 'DOUBLE' then left({field}, -2) else {field} end"

    return Reading(
        f"(select raw, _path, case when json_valid(raw) and json_type(raw) = 'OBJECT' "
        f"then json_extract_string(raw, {every}) end as fields from {LINES})",
        column,
        broken="case when coalesce(trim(raw), '') = '' then '' when fields is null then 'the line is not a JSON object' "
        f"when regexp_matches(raw, ':\\s*[\\[{{]') and list_has_any(json_type(raw, {every}), ['OBJECT', 'ARRAY']) "
        f"then concat_ws(', ', {nested}) || ': an object or a list; expected a text or a number' "
        "when len(json_keys(raw)) <> len(list_distinct(json_keys(raw))) then 'a name stands in the object more than once' end",
        raw="raw",
    )


def glued(reading: Reading, shape: Shape, source: Source) -> str:
    """Why a row that splits well is none: where files were glued together, a byte-order mark or the header stands inside.

    And where a quote that was left open is closed rows later, the rows between are one field: with as many delimiters as
    its lines have in the header. Text that has just so many is rare, and can be read in the quarantine. A quote in an
    id, or single quotes around a code, are quotes that the export lost track of: it would be one of its own.
    """
    first, key = reading.column(0), shape.columns.index(source.key)
    newline, more = ("chr(13)" if shape.newline else "chr(10)"), len(shape.columns) - 1
    held = {column.name for column in source.columns if column.type in ("id", "code", "text")}
    texts = [reading.column(i) for i, name in enumerate(shape.columns) if name in held] if shape.is_quoted else []
    swallowed = " or ".join(
        f"(contains({x}, {newline}) and length({x}) - length(replace({x}, {literal(shape.delimiter)}, '')) "
        f"= {more} * (length({x}) - length(replace({x}, {newline}, ''))))"
        for x in texts
    )
    kinds = {column.name: column.type for column in source.columns}
    strays = ""
    for i, name in enumerate(shape.columns):
        if kinds.get(name) in ("id", "code"):
            single = "'''%'" if kinds[name] == "id" else "'''_%'''"
            strays += f"when {reading.column(i)} like {single} then {literal(f'{name}: it stands in single quotes')} "
        if kinds.get(name) == "id" and shape.is_quoted:
            strays += f"when contains({reading.column(i)}, chr(34)) then {literal(f'{name}: a quote stands in it')} "
    return (
        f"case when starts_with({first}, chr(65279)) then 'a byte-order mark stands inside the file: two files were glued together' "
        f"when {reading.column(key)} = {literal(shape.columns[key])} then 'the header again, inside the file' "
        + (f"when {swallowed} then 'a field holds whole rows: a quote was left open' " if swallowed else "")
        + strays
        + "end"
    )
