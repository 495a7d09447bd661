"""A file's physical lines, and the rows in them that the reader could not split."""

from __future__ import annotations

from pathlib import Path

from transforms.landing.files import Shape
from transforms.warehouse import EngineError, OutOfRoom, Warehouse, literal

MAX_LINE_BYTES = 16 << 20
# The engine would take sixteen lines' worth for each file it reads at a time; two are enough.
BUFFER_BYTES = 2 * MAX_LINE_BYTES
UNKNOWN = "(its text is not known: quotes do not pair)"
# A reader that no text splits: one column, a whole physical line in it.
LINES = (
    "read_csv(?, auto_detect = false, header = false, columns = {'raw': 'VARCHAR'}, delim = '\x01\x02\x03', quote = '', "
    f"escape = '', null_padding = true, strict_mode = false, filename = '_path', max_line_size = {MAX_LINE_BYTES}, buffer_size = {BUFFER_BYTES})"
)


def globbed(path: object) -> str:
    """The path as a pattern that matches this file only, whatever its name holds."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in str(path))


def forget_rejects(warehouse: Warehouse) -> None:
    """Before a read: drop what the CSV reader said of the one before."""
    for table in ("reject_errors", "reject_scans"):
        warehouse.run(f"drop table if exists {table}")


def note_rejects(warehouse: Warehouse) -> None:
    """Keep, in temp table `rejects`, the rows the CSV reader could not split in the read just done."""
    warehouse.run(
        "create temp table if not exists rejects (_path varchar, position bigint, reason varchar, raw varchar, is_encoding boolean)"
    )
    if warehouse.rows("select 1 from duckdb_tables() where table_name = 'reject_errors' and temporary"):
        warehouse.run("""
            insert into rejects
            select file_path, line_byte_position, any_value(case error_type
                when 'MISSING COLUMNS' then 'too few fields: ' || error_message
                when 'TOO MANY COLUMNS' then 'too many fields: ' || error_message
                else lower(error_type) || ': ' || error_message end),
                any_value(left(csv_line, 100000)), bool_or(error_type = 'INVALID ENCODING')
            from reject_errors
            inner join reject_scans using (scan_id, file_id)
            group by file_path, line_byte_position""")


def split_lines(warehouse: Warehouse, shape: Shape, path: str) -> None:
    """Temp table `whole_rows` (line, raw, is_whole, place) of one CSV file: its records, by physical line; and `lines` (line, raw, quotes).

    An odd number of quotes leaves a record open for the next line. `is_whole`: it has as many fields as the header;
    `place` counts the whole ones and the others, each in order. Both are empty when the lines cannot be read at all.
    """
    from transforms.landing.streams import returns_inside

    quote, delimiter = literal(shape.quote), literal(shape.delimiter)
    # An escaped quote opens and closes nothing.
    text = (
        "coalesce(raw, '')"
        if shape.escape == shape.quote
        else f"replace(replace(coalesce(raw, ''), {literal(shape.escape * 2)}, ''), {literal(shape.escape + shape.quote)}, '')"
    )
    quoted = literal(f"{shape.quote}[^{shape.quote}]*{shape.quote}")
    unquoted = f"regexp_replace({text}, {quoted}, '', 'g')"
    commas = f"length({unquoted}) - length(replace({unquoted}, {delimiter}, ''))"
    newline = f", new_line = {literal(shape.newline)})" if shape.newline else ")"
    try:
        warehouse.run(
            f"create or replace temp table read_lines as select raw from {LINES.removesuffix(')')}{newline}",
            [[globbed(path)]],
        )
    except OutOfRoom:
        raise
    except EngineError:
        warehouse.run("create or replace temp table read_lines as select null::varchar as raw limit 0")
    warehouse.run(
        f"""create or replace temp table lines as
        with ended as (select raw, rowid - min(rowid) over () + 1 as ending from read_lines),
        placed as (select *, ending - coalesce(sum(is_inside::integer) over (order by ending rows between unbounded preceding and 1 preceding), 0) as line
            from (select *, ending in (select unnest(?::bigint[])) as is_inside from ended)),
        joined as (select line, string_agg(coalesce(raw, ''), chr(13) order by ending) as raw from placed group by line)
        select line, raw,
            case when line > {shape.skip} then length({text}) - length(replace({text}, {quote}, '')) else 0 end as quotes
        from joined""",
        [[] if shape.newline else returns_inside(Path(path))],
    )
    warehouse.run(
        f"""create or replace temp table whole_rows as
        with opened as (
            select *, sum(quotes) over (order by line rows between unbounded preceding and 1 preceding) as before from lines
        ),
        -- Not a count with a filter, over which the engine goes again for every line.
        numbered as (
            select *, sum(case when coalesce(before, 0) % 2 = 0 then 1 else 0 end) over (order by line) as record from opened
        ),
        records as (
            select min(line) as line, string_agg(raw, chr(10) order by line) as raw from numbered group by record
        ),
        counted as (select *, {commas} + 1 as fields from records where raw <> '' and line > {shape.skip})
        select line, raw, fields = ? as is_whole, row_number() over (partition by fields = ? order by line) as place
        from counted
        where line > (select min(line) from counted)""",
        [len(shape.columns), len(shape.columns)],
    )
