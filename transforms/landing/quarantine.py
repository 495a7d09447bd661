"""Where a bad row stood in its file, what it said, and why it was not loaded."""

from __future__ import annotations

import re

from transforms.landing.files import Shape
from transforms.landing.lines import UNKNOWN, split_lines
from transforms.models import Source
from transforms.warehouse import Warehouse, identifier, literal

UNPAIRED = "quotes do not pair, in this line or above: rows cannot be told apart, so each line of what did not load stands by itself"


def wrong_encodings(warehouse: Warehouse) -> dict[str, str]:
    """The paths of files that are not UTF-8, and the reason to refuse them."""
    wrong = warehouse.rows("select distinct _path from rejects where is_encoding")
    return {str(path): "it is not UTF-8 (invalid byte sequence): export it as UTF-8" for (path,) in wrong}


def forget(warehouse: Warehouse, path: str) -> None:
    """Take a file out of `arrivals` and `rejects`."""
    for table in ("arrivals", "rejects"):
        warehouse.run(f"delete from {table} where _path = ?", [path])


def collect(warehouse: Warehouse, source: Source, shapes: dict[str, Shape], names: dict[str, str]) -> None:
    """Fill temp table `refusals` (file, line, reason, raw, customer_id, fields) with every bad row of `arrivals` and `rejects`.

    shapes: how each path was read, none for mapped files. names: path to its name in the ledger.
    Line and raw text of CSV rows need a second look at the file, taken only where something is wrong.
    """
    warehouse.run(
        "create or replace temp table refusals (file varchar, line bigint, reason varchar, raw varchar, "
        "customer_id varchar, fields varchar[])"
    )
    customer = "customer_id" if any(column.name == "customer_id" for column in source.columns) else "null::varchar"
    # A JSON line that broke off still says whose it is.
    in_json = "nullif(regexp_extract(_raw, '\"customer_id\"\\s*:\\s*\"?([^\",}]*)', 1), '')"
    bad = "select distinct _path from arrivals where _reason <> '' union select distinct _path from rejects"
    for (path,) in sorted(warehouse.rows(bad)):
        shape = shapes.get(path)
        if shape is not None and shape.form == "csv":
            _locate_csv(warehouse, source, shape, path, customer)
        else:
            line = "_line" if shape is None else "rowid - min(rowid) over () + 1"
            warehouse.run(
                f"create or replace temp table located as select line, _reason as reason, _raw as raw, coalesce({customer}, {in_json}) as customer_id, false as is_split from "
                f"(select *, {line} as line from arrivals where _path = ?) where _reason <> ''",
                [path],
            )
            if shape is None:
                warehouse.run(
                    "insert into located select position, reason, raw, null, false from rejects where _path = ?", [path]
                )
        fields = list(shape.columns) if shape is not None and _is_plain(shape) else None
        warehouse.run(
            "insert into refusals select ?, line, reason, raw, customer_id, case when is_split then ?::varchar[] end from located",
            [names[path], fields],
        )


def _locate_csv(warehouse: Warehouse, source: Source, shape: Shape, path: str, customer: str) -> None:
    """Temp table `located` (line, reason, raw, customer_id, is_split) of one CSV file.

    Its records are put to the loaded rows and the rejected ones, each in order. Where the counts do not agree, quotes
    do not pair: the engine can show another row's text for what it turned away, and what did not load is told by line.
    """
    split_lines(warehouse, shape, path)
    (_locate_rows if _agrees(warehouse, source, shape, path) else _locate_lines)(
        warehouse, source, shape, path, customer
    )


def _agrees(warehouse: Warehouse, source: Source, shape: Shape, path: str) -> bool:
    """Whether the file's records are those that were read: its quotes pair, no record holds rows, there are as many, and with quotes of the same keys."""
    as_many = warehouse.value(
        "select (select count(*) from arrivals where _path = $path) = count(*) filter (where is_whole) "
        "and (select count(*) from rejects where _path = $path) = count(*) filter (where not is_whole) "
        "and (select coalesce(sum(quotes), 0) % 2 = 0 from lines) "
        f"and not coalesce(bool_or(not is_whole and {_delimiters(shape)} >= 2 * {len(shape.columns) - 1} and contains(raw, chr(10))), false) "
        "from whole_rows",
        {"path": path},
    )
    if not (as_many and shape.is_quoted):
        return bool(as_many)
    key = identifier(source.key)
    others = warehouse.value(
        f"""select count(*) from (
            select rowid - min(rowid) over () + 1 as place, {key} as key, _reason from arrivals where _path = $path
        ) as loaded inner join whole_rows on is_whole and whole_rows.place = loaded.place
        where _reason is null and key <> trim({_field(shape, source.key)})""",
        {"path": path},
    )
    return bool(others == 0)


def _locate_rows(warehouse: Warehouse, source: Source, shape: Shape, path: str, customer: str) -> None:
    warehouse.run(
        f"""create or replace temp table located as
        with loaded as (
            select rowid - min(rowid) over () + 1 as place, _reason, {customer} as customer_id from arrivals where _path = $path
        ),
        turned_away as (
            select reason, row_number() over (order by position) as place from rejects where _path = $path
        )
        select line, _reason as reason, raw, customer_id, true as is_split
        from loaded inner join whole_rows on is_whole and whole_rows.place = loaded.place
        where _reason <> ''
        union all
        select line, reason, raw, {_customer(shape)}, true
        from turned_away inner join whole_rows on not is_whole and whole_rows.place = turned_away.place""",
        {"path": path},
    )


def _locate_lines(warehouse: Warehouse, source: Source, shape: Shape, path: str, customer: str) -> None:
    """Each line of what did not load by itself. A loaded row is known by its key, and holds as many lines as its texts have breaks."""
    texts = ", ".join(identifier(column.name) for column in source.columns if column.type in ("id", "code", "text"))
    end = "chr(13)" if shape.newline else "chr(10)"
    key, field = identifier(source.key), _field(shape, source.key)
    warehouse.run(
        f"""create or replace temp table located as
        with loaded as (
            select {key} as key, length(texts) - length(replace(texts, {end}, '')) as breaks,
                row_number() over (partition by {key} order by rowid) as nth
            from (select rowid, {key}, concat_ws('', {texts}) as texts from arrivals where _path = $path and _reason is null)
        ),
        whole as (
            select *, row_number() over (partition by key order by line) as nth
            from (select line, trim({field}) as key, length(raw) - length(replace(raw, chr(10), '')) as more from whole_rows where is_whole)
        ),
        other as (
            select key, breaks, row_number() over (partition by key, breaks order by nth) as nth from loaded anti join whole using (key, nth)
        ),
        joined as (
            select begun.line, breaks, string_agg(parts.raw, chr(10) order by parts.line) as raw
            from (select line, breaks, unnest(range(breaks + 1)) as more from lines cross join (select distinct breaks from other)) as begun
            inner join lines as parts on parts.line = begun.line + more
            group by begun.line, breaks
        ),
        counted as (
            select *, row_number() over (partition by key, breaks order by line) as nth
            from (select line, breaks, trim({field}) as key from joined)
        ),
        spans as (
            select line, line + greatest(more, breaks) as loaded_to from whole inner join loaded using (key, nth)
            union all
            select line, line + breaks from counted inner join other using (key, breaks, nth)
        ),
        followed as (
            select line, raw, quotes, trim({field}) as key, {_delimiters(shape)} = {len(shape.columns) - 1} as is_row,
                max(spans.line) over (order by line) as begun, max(loaded_to) over (order by line) as loaded_to
            from lines left join spans using (line)
            where line >= (select min(line) from whole_rows)
        ),
        -- A column that is passed over can hold breaks too: a loaded row goes on until its quotes pair, or a whole row begins.
        paired as (
            select *, bool_or(quotes_so_far % 2 = 0 or (line > loaded_to and is_row)) over (
                partition by begun order by line rows between unbounded preceding and 1 preceding) as is_over
            from (select *, sum(quotes) over (partition by begun order by line) as quotes_so_far from followed)
        ),
        said as (
            select any_value(reason) as reason, split_part(ltrim(replace(raw, chr(13), chr(10)), chr(10)), chr(10), 1) as beginning
            from rejects where _path = $path group by beginning
        ),
        judged as (
            select {key} as key, any_value(_reason) as reason from arrivals where _path = $path and _reason <> '' group by all
        )
        select line, coalesce(any_value(said.reason), any_value(judged.reason), {literal(UNPAIRED)}) as reason, raw, {_customer(shape)} as customer_id,
            any_value(is_row) as is_split
        from paired
        left join said on raw = beginning
        left join judged using (key)
        where raw <> '' and (begun is null or (line > loaded_to and (is_over or is_row)))
        group by line, raw""",
        {"path": path},
    )
    warehouse.run(
        f"""insert into located
        select null, reason, {literal(UNKNOWN)}, null, false from rejects where _path = $path and not exists (from whole_rows)
        union all
        select null, _reason, _raw, {customer}, false from arrivals where _path = $path and _reason <> '' and not exists (from whole_rows)""",
        {"path": path},
    )


def _is_plain(shape: Shape) -> bool:
    """Whether its rows can be taken apart as `marts.quarantine` does it; of others it shows no field, free text or not."""
    return shape.form == "csv" and shape.delimiter in (",", "\t") and shape.quote == shape.escape == '"'


def _customer(shape: Shape) -> str:
    """Of a row that does not split: the field where the header has the customer's id, if it is there."""
    return _field(shape, "customer_id") if "customer_id" in shape.columns else "null"


def _delimiters(shape: Shape) -> str:
    """How many delimiters a row's text `raw` has, those inside quotes among them, as SQL."""
    return f"length(raw) - length(replace(raw, {literal(shape.delimiter)}, ''))"


def _field(shape: Shape, column: str) -> str:
    """A column's field of a row's text `raw`, as SQL; NULL where it is not there."""
    q = shape.quote
    d = re.escape(shape.delimiter)
    inside = f"[^{q}]|{q}{q}" if shape.escape == q else rf"[^{q}\\]|\\."
    field = f"({q}(?:{inside})*{q}|[^{d}{q}][^{d}]*|)"  # a quote that does not begin a field is a letter of it
    cut = f"^(?:{field}{d}){{{shape.columns.index(column)}}}{field}"
    return f"nullif(trim(regexp_extract(raw, {literal(cut)}, 2), {literal(q)}), '')"
