"""Where a bad row stood in its file, what it said, and why it was not loaded."""

from __future__ import annotations

import re

from transforms.landing.files import Shape
from transforms.landing.lines import split_lines
from transforms.models import Source
from transforms.warehouse import Warehouse, identifier, literal


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
                f"create or replace temp table located as select line, _reason as reason, _raw as raw, coalesce({customer}, {in_json}) as customer_id from "
                f"(select *, {line} as line from arrivals where _path = ?) where _reason <> ''",
                [path],
            )
            if shape is None:
                warehouse.run(
                    "insert into located select position, reason, raw, null from rejects where _path = ?", [path]
                )
        fields = list(shape.columns) if shape is not None and shape.form == "csv" else None
        warehouse.run(
            "insert into refusals select ?, line, reason, raw, customer_id, ? from located", [names[path], fields]
        )


def _locate_csv(warehouse: Warehouse, source: Source, shape: Shape, path: str, customer: str) -> None:
    """Temp table `located` (line, reason, raw, customer_id) of one CSV file.

    Its records are put to the loaded rows and the rejected ones, each in order; where the counts do not agree the
    lines stay NULL. A quote that stays open does that: the engine then shows another row's text for what it turned
    away, so the first of them has the text of all records that did not load.
    """
    split_lines(warehouse, shape, path)
    # Of a row that does not split, the customer's id is the field where the header has it, if it is there.
    cut_out = _field(shape, "customer_id") if "customer_id" in shape.columns else "null"
    key = identifier(source.key)
    warehouse.run(
        f"""create or replace temp table located as
        with loaded as (
            select rowid - min(rowid) over () + 1 as place, _reason, _raw, {key} as key, {customer} as customer_id
            from arrivals where _path = $path
        ),
        turned_away as (
            select *, row_number() over (order by position) as place from rejects where _path = $path
        ),
        agreed as (
            select (select count(*) from loaded) = count(*) filter (where is_whole)
                and (select count(*) from turned_away) = count(*) filter (where not is_whole) as is_agreed
            from whole_rows
        ),
        apart as (
            select string_agg(raw, chr(10) order by line) as raw
            from whole_rows, agreed
            where not is_agreed
                and (not is_whole or coalesce({_field(shape, source.key)} not in (select key from loaded where _reason is null), true))
        ),
        refused as (
            select 2 as rank, loaded.place, case when is_agreed then line end as line, _reason as reason,
                coalesce(case when is_agreed then whole_rows.raw end, _raw) as raw, customer_id
            from loaded cross join agreed left join whole_rows on is_whole and whole_rows.place = loaded.place
            where _reason <> ''
            union all
            select rank, place, line, reason, raw, {cut_out} as customer_id from (
                select 1 as rank, turned_away.place, case when is_agreed then line end as line, reason,
                    case when is_agreed then whole_rows.raw else turned_away.raw end as raw
                from turned_away cross join agreed
                left join whole_rows on not is_whole and whole_rows.place = turned_away.place
            )
        )
        select line, reason, case when row_number() over (order by rank, place) = 1 then coalesce(apart.raw, refused.raw) else refused.raw end as raw,
            customer_id
        from refused cross join apart""",
        {"path": path},
    )


def _field(shape: Shape, column: str) -> str:
    """A column's field of a row's text `raw`, as SQL; NULL where it is not there."""
    q = shape.quote
    field = f"({q}(?:[^{q}]|{q}{q})*{q}|[^{re.escape(shape.delimiter)}{q}]*)"
    cut = f"^(?:{field}{re.escape(shape.delimiter)}){{{shape.columns.index(column)}}}{field}"
    return f"nullif(trim(regexp_extract(raw, {literal(cut)}, 2), {literal(q)}), '')"
