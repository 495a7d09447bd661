"""Files to typed rows: text in, values of the contract's types out, and for each bad row the reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from transforms.landing.files import Refused, Shape
from transforms.landing.lines import LINES, UNKNOWN, forget_rejects, globbed, note_rejects, split_lines
from transforms.landing.readings import Reading, glued, reading_of
from transforms.models import Column, Source
from transforms.warehouse import EngineError, Warehouse, identifier, literal

DUCK_TYPES = {
    **dict.fromkeys(("id", "code", "text"), "varchar"),
    **{"timestamp": "timestamp", "money": "decimal(18, 4)", "integer": "bigint"},
}
_SAID = {
    "id": "an id",
    "code": "a code",
    "timestamp": "an ISO 8601 timestamp",
    "money": "a decimal number",
    "integer": "a whole number",
}
# A day, or a day and a time with or without an offset. Braces are doubled: it stands in a template.
_ISO = (
    "[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}([.][0-9]+)?)?"
    " ?(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)?)?"
)
_WHOLE = (
    "case when typeof({x}) in ('DOUBLE', 'FLOAT') then case when try_cast({x} as double) = trunc(try_cast({x} as double)) "
    "and abs(try_cast({x} as double)) < 9007199254740992 then try_cast(try_cast({x} as double) as bigint)::varchar end "
)
# Text and typed columns alike: typeof is known before a row is read, so a branch costs nothing.
_TYPED = {
    # A number that is whole is the id it was made of, though a column with gaps made it 5001.0; no other fraction is an id.
    "text": "{x}::varchar",
    "code": _WHOLE + "else {x}::varchar end",
    # A word for nothing would be one order, or one customer, of many.
    "id": _WHOLE
    + "when {x}::varchar in ('NULL', 'null', 'None', 'NaN', 'nan', 'N/A', '#N/A', '\\N') then null else {x}::varchar end",
    # A cast to a plain timestamp drops the offset, so it goes through the zoned one. The engine reads far more than ISO
    # 8601: 'epoch', names of zones, a time that breaks off, an offset of 25 hours (none on earth is 15).
    "timestamp": "case when typeof({x}) = 'TIMESTAMP' then {x}::timestamp when typeof({x}) = 'TIMESTAMP WITH TIME ZONE' "
    "or regexp_full_match({x}::varchar, '" + _ISO + "') "
    "then case when isfinite(try_cast({x} as timestamptz)) then make_timestamp(epoch_us(try_cast({x} as timestamptz))) end end",
    # The engine reads 1_000 as a number; a contract of decimals does not.
    "money": "case when typeof({x}) <> 'VARCHAR' or not contains({x}::varchar, '_') then try_cast({x} as decimal(18, 4)) end",
    # A cast would round 4.5 to 5: a number with a fraction is not a whole one.
    "integer": "case when typeof({x}) like '%INT%' or regexp_full_match({x}::varchar, '[+-]?[0-9]+([.]0*)?') "
    "then try_cast({x} as bigint) end",
}


def stage(warehouse: Warehouse, source: Source, shape: Shape, paths: Sequence[Path]) -> None:
    """Add the rows of files of one shape to temp table `arrivals`: contract columns typed, and what became of them.

    `_path`: the file. `_reason` NULL = a good row, '' = a blank line. `_raw`: a bad row's text. `_line`: where the
    relation knows it. rowid follows the order of paths and of the rows in them. CSV rows that do not split into the
    header's fields are left out. Raises EngineError when a file cannot be read, Refused when it lacks a column.
    """
    if missing := [name for name in source.required if name not in shape.columns]:
        raise Refused(
            f"required column {', '.join(map(repr, missing))} is missing; found {', '.join(shape.columns) or 'no column'}; "
            f"expected {', '.join(source.required)}: add it to the export, or map the file's columns (--mapping)"
        )
    if shape.form == "jsonl":
        # A key may be in a late line only: every column of the contract is looked for in all.
        shape = replace(shape, columns=tuple(column.name for column in source.columns))
    reading = reading_of(shape, frozenset(column.name for column in source.columns if column.type in ("id", "code")))
    at = {name: reading.column(number) for number, name in enumerate(shape.columns)}
    if shape.form == "csv":
        reading = replace(reading, broken=glued(reading, shape, source))
    forget_rejects(warehouse)
    _append(warehouse, source, reading, at, [[globbed(path) for path in paths]])
    note_rejects(warehouse)


def stage_mapped(warehouse: Warehouse, source: Source, shape: Shape, path: Path, name: str, mapping: str) -> int:
    """The same for one file through a mapping, a SELECT from `extract`. Returns how many rows the file itself has.

    `extract` holds the file's columns as text, `_file` (its name in the ledger) and `_line`, the physical line. A
    mapping that returns `_line` tells where each row stood; one that groups lines leaves it out. What the file's
    format does not allow ends in `rejects`, with its line.
    """
    _check_mapping(warehouse, mapping)
    if shape.form == "jsonl":
        keys = f"select distinct unnest(json_keys(raw)) as key from {LINES} where json_valid(raw) and json_type(raw) = 'OBJECT'"
        found = warehouse.rows(f"select key from ({keys}) order by key", [[globbed(path)]])
        shape = replace(shape, columns=tuple(key for (key,) in found))
    _extract(warehouse, shape, path, name)
    try:
        warehouse.run(f"create or replace temp table mapped as {mapping}")
    except EngineError as error:
        raise Refused(
            f"its mapping failed: {error}; a mapping reads the table extract, which is the file: "
            f"{', '.join([*shape.columns, '_file', '_line'])}"
        ) from error
    columns = [row[0] for row in warehouse.rows("describe mapped")]
    if missing := [column for column in source.required if column not in columns]:
        raise Refused(
            f"its mapping returns no {', '.join(map(repr, missing))}; it returns {', '.join(columns)}; "
            f"expected at least {', '.join(source.required)}"
        )
    relation = f"(select *, {literal(str(path))} as _path from mapped)"
    line = "_line::bigint" if "_line" in columns else "null::bigint"
    at = {column: f"nullif({identifier(column)}::varchar, '')" for column in columns}
    _append(warehouse, source, Reading(relation, str, line=line), at, [])
    return int(
        warehouse.value(
            "select (select count(*) from extract) + (select count(*) from rejects where _path = ?)", [str(path)]
        )
    )


def _check_mapping(warehouse: Warehouse, mapping: str) -> None:
    try:
        kinds = warehouse.statements(mapping)
    except EngineError as error:
        raise Refused(f"its mapping cannot be read: {error}") from error
    if kinds != ["select"]:
        raise Refused(f"its mapping has to be one SELECT; found {', '.join(kinds) or 'no statement'}")


def _extract(warehouse: Warehouse, shape: Shape, path: Path, name: str) -> None:
    """The relation `extract` of one file; the rows that cannot be read go to `rejects`."""
    reading = reading_of(shape)
    columns = [
        f"nullif({reading.column(i)}::varchar, '') as {identifier(column)}" for i, column in enumerate(shape.columns)
    ]
    forget_rejects(warehouse)
    warehouse.run(
        f"create or replace temp table whole as select {', '.join([*columns, '? as _file'])}, row_number() over () as _place, "
        f"{reading.broken} as _broken, {reading.raw or 'null'} as _text from {reading.relation}",
        [name, [globbed(path)]],
    )
    note_rejects(warehouse)
    warehouse.run(
        "insert into rejects select ?, _place, _broken, _text, false from whole where _broken <> ''",
        [str(path)],
    )
    line = "_place"
    if shape.form == "csv":
        # Line breaks inside quotes and rows that do not split make lines and rows differ.
        split_lines(warehouse, shape, str(path))
        line = "(select line from whole_rows where is_whole and whole_rows.place = _place)"
        is_agreed = warehouse.value(
            "select (select count(*) from whole) = count(*) filter (where is_whole) "
            "and (select count(*) from rejects where _path = ?) = count(*) filter (where not is_whole) "
            "and (select coalesce(sum(quotes), 0) % 2 = 0 from lines) from whole_rows",
            [str(path)],
        )
        if is_agreed:
            warehouse.run(
                "update rejects set position = numbered.line, raw = numbered.raw from (select r.rowid as row, w.line, w.raw "
                "from (select rowid, row_number() over (order by position) as place from rejects where _path = ?) as r "
                "inner join whole_rows as w on not w.is_whole and w.place = r.place) as numbered where rejects.rowid = numbered.row",
                [str(path)],
            )
        else:  # the engine can show another row's text
            line = "null::bigint"
            warehouse.run(f"update rejects set position = null, raw = {literal(UNKNOWN)} where _path = ?", [str(path)])
    warehouse.run(
        f"create or replace temp view extract as select * exclude (_place, _broken, _text), {line} as _line from whole "
        "where _broken is null"
    )


def _append(warehouse: Warehouse, source: Source, reading: Reading, at: dict[str, str], params: list[object]) -> None:
    known = [column for column in source.columns if column.name in at]
    raws = [f"{at[column.name]} as raw_{column.name}" for column in known]
    raws += [f"{reading.broken} as _broken", f"{reading.line} as _line", f"{reading.raw or 'null'} as _text", "_path"]
    typed = [
        f"{_TYPED[column.type].format(x=f'raw_{column.name}')} as {identifier(column.name)}"
        if column.name in at
        else f"null::{DUCK_TYPES[column.type]} as {identifier(column.name)}"
        for column in source.columns
    ]
    faults = ["_broken is not null", *(f"({rule.check}) is false" for rule in source.rules)]
    faults += [fault for column in known if (fault := _fault(column))]
    shown = ", ".join(f"{identifier(column.name)} := raw_{column.name}" for column in known)
    names = ", ".join(identifier(column.name) for column in source.columns)
    is_first = not warehouse.rows("select 1 from duckdb_tables() where table_name = 'arrivals' and temporary")
    warehouse.run(
        f"""{"create temp table arrivals as" if is_first else "insert into arrivals"}
        with extracted as (select {", ".join(raws)} from {reading.relation}),
        typed as (select *, {", ".join(typed)} from extracted),
        judged as (select *, {" or ".join(f"coalesce({fault}, false)" for fault in faults)} as _is_bad from typed)
        select {names}, _path, _line,
            case when _is_bad then coalesce(_broken, concat_ws('; ', {", ".join(_reasons(source, known))})) end as _reason,
            case when _is_bad then coalesce(_text, to_json(struct_pack({shown}))::varchar) end as _raw
        from judged""",
        params or None,
    )


def _fault(column: Column) -> str:
    name = identifier(column.name)
    if column.required:
        return f"{name} is null or trim({name}) = ''" if column.type in ("id", "code") else f"{name} is null"
    return f"raw_{column.name} is not null and {name} is null" if column.type in _SAID else ""


def _reasons(source: Source, known: Sequence[Column]) -> list[str]:
    said = []
    for column in known:
        name, raw = identifier(column.name), f"raw_{column.name}"
        if column.required:
            empty = f"{raw} is null" + (f" or trim({raw}::varchar) = ''" if column.type in ("id", "code") else "")
            said.append(f"case when {empty} then {literal(f'{column.name}: required, but empty')} end")
        if column.type in _SAID:
            wrong = literal(f"' is not {_SAID[column.type]}")
            found = literal(f"{column.name}: '")
            said.append(
                f"case when {raw} is not null and {name} is null then {found} || left({raw}::varchar, 60) || {wrong} end"
            )
    return [*said, *(f"case when ({rule.check}) is false then {_filled(rule.reason)} end" for rule in source.rules)]


def _filled(reason: str) -> str:
    """A rule's reason as SQL, with the values of the columns it names in braces."""
    parts = re.split(r"\{(\w+)\}", reason)
    said = [
        f"coalesce({identifier(part)}::varchar, 'empty')" if i % 2 else literal(part) for i, part in enumerate(parts)
    ]
    return "concat(" + ", ".join(said) + ")"
