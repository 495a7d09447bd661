"""One source's new files into its records: the latest state of each key, the ledger and the quarantine."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from transforms.landing import unended
from transforms.landing.batch import Batch, Mapping
from transforms.landing.files import Delivery, Refused, arrived
from transforms.landing.quarantine import collect
from transforms.landing.staging import DUCK_TYPES
from transforms.landing.streams import Limits
from transforms.models import Source, sources
from transforms.touched import forget_facts, note_arrivals
from transforms.warehouse import Warehouse, identifier, literal


@dataclass
class Outcome:
    """What became of one source's new files. rows_read = accepted + superseded + quarantined."""

    source: str
    files: int = 0
    rows_read: int = 0
    rows_accepted: int = 0
    rows_superseded: int = 0
    rows_quarantined: int = 0
    refused: dict[str, str] = field(default_factory=dict)


def read_mappings(folder: Path | None) -> dict[str, Mapping]:
    """`<folder>/<source>.sql` of every source that has one. Raises Refused for a file that names no source."""
    if folder is None:
        return {}
    if not folder.is_dir():
        raise Refused(f"{folder}: no such mapping folder; expected one with <source>.sql files")
    known = [source.id for source in sources()]
    found = {}
    for path in sorted(folder.glob("*.sql")):
        if path.stem not in known:
            raise Refused(f"{path}: {path.stem!r} is no source; expected one of {', '.join(known)}")
        select = path.read_text(encoding="utf-8")
        first = select.split("\n", 1)[0].strip()
        own = first.removeprefix("-- from:").strip().strip("/") if first.startswith("-- from:") else path.stem
        found[path.stem] = Mapping(own, select.strip().rstrip(";"))
    return found


def create_tables(warehouse: Warehouse) -> None:
    """The records of every source and the ledger, where they do not exist yet."""
    warehouse.run("create schema if not exists records")
    warehouse.run("create schema if not exists ledger")
    for source in sources():
        columns = ", ".join(f"{identifier(c.name)} {DUCK_TYPES[c.type]}" for c in source.columns)
        warehouse.run(f"create table if not exists records.{source.id} ({columns}, _file varchar)")
    unended.create_table(warehouse)
    # How the files of a source were last read: by another mapping, or another contract, they would give other rows.
    warehouse.run("create table if not exists ledger.readings (source varchar, reading varchar)")
    warehouse.run(
        "create table if not exists ledger.ingest_files (file varchar, source varchar, sha256 varchar, rows_read bigint, "
        "rows_accepted bigint, rows_superseded bigint, rows_quarantined bigint, rows_in_file bigint, refused_reason varchar, "
        "columns_ignored varchar[], columns_missing varchar[], ingested_at timestamptz, run_id varchar)"
    )
    for column in ("assumed varchar[]", "columns varchar[]"):
        warehouse.run(f"alter table ledger.ingest_files add column if not exists {column}")
    warehouse.run(
        "create table if not exists ledger.quarantine (source varchar, file varchar, line bigint, reason varchar, raw varchar, "
        "customer_id varchar, fields varchar[], run_id varchar)"
    )
    warehouse.run(
        "create table if not exists ledger.unlisted_codes (source varchar, column_name varchar, code varchar, rows bigint, "
        "run_id varchar)"
    )


def new_files(warehouse: Warehouse, landing: Path, mappings: dict[str, Mapping]) -> dict[str, list[Delivery]]:
    """The files of each source whose content is not what was last loaded under their name.

    All files of a source whose mapping or contract has changed since are new. A refused one is tried again: it costs
    little. The refusal of one that is gone, or is as it was before, is taken back.
    """
    folders = {source.id: mappings[source.id].folder if source.id in mappings else source.id for source in sources()}
    # By the order of entries: the clock may have been set back.
    seen = warehouse.rows(
        "select source, file, sha256 from ledger.ingest_files where refused_reason is null "
        "qualify row_number() over (partition by source, file order by rowid desc) = 1"
    )
    changed = {source.id for source in sources() if _is_read_otherwise(warehouse, source, mappings.get(source.id))}
    seen = [row for row in seen if row[0] not in changed]
    by_source: dict[str, list[Delivery]] = {source.id: [] for source in sources()}
    for delivery in arrived(landing, folders, seen):
        by_source[delivery.source].append(delivery)
    refused = warehouse.rows("select source, file from ledger.ingest_files where refused_reason is not null")
    there = {(delivery.source, delivery.name) for found in by_source.values() for delivery in found}
    for source, file in set(refused) - there:
        _take_back_refusal(warehouse, source, file)
    return by_source


def ingest(
    warehouse: Warehouse,
    source: Source,
    deliveries: Sequence[Delivery],
    mapping: Mapping | None,
    run_id: str,
    limits: Limits | None = None,
) -> Outcome:
    """Load files of one source; one transaction, so a crash leaves nothing half done. Safe to repeat."""
    for table in ("arrivals", "rejects"):
        warehouse.run(f"drop table if exists temp.{table}")
    batch = Batch(warehouse, source, mapping, limits or Limits())
    batch.read(deliveries)
    outcome = Outcome(source.id, files=len(deliveries), refused=batch.refused)
    with warehouse.transaction():
        is_read_otherwise = _is_read_otherwise(warehouse, source, mapping)
        if is_read_otherwise:
            _forget(warehouse, source, [d for d in deliveries if d.name not in batch.refused])
            forget_facts(warehouse)
        if not (is_read_otherwise and batch.refused):  # else all are tried again, until they can be read
            _note_reading(warehouse, source, mapping)
        if batch.has_rows:
            outcome = _merge(warehouse, source, batch, run_id, outcome)
        _write_refused(warehouse, source, deliveries, batch.refused, run_id)
    warehouse.run("drop view if exists temp.extract")
    for table in ("arrivals", "rejects", "refusals", "read_lines", "lines", "whole_rows", "located", "whole", "mapped"):
        warehouse.run(f"drop table if exists temp.{table}")
    return outcome


def _reading(source: Source, mapping: Mapping | None) -> str:
    said = repr((mapping.select if mapping else "", source.columns))
    return hashlib.sha256(said.encode()).hexdigest()


def _is_read_otherwise(warehouse: Warehouse, source: Source, mapping: Mapping | None) -> bool:
    """Whether what is loaded was read by another mapping or contract. Not where that is not known."""
    then = warehouse.value("select reading from ledger.readings where source = ?", [source.id])
    return then is not None and then != _reading(source, mapping)


def _note_reading(warehouse: Warehouse, source: Source, mapping: Mapping | None) -> None:
    warehouse.run("delete from ledger.readings where source = ?", [source.id])
    warehouse.run("insert into ledger.readings values (?, ?)", [source.id, _reading(source, mapping)])


def _forget(warehouse: Warehouse, source: Source, deliveries: Sequence[Delivery]) -> None:
    """Take back what files gave that are read again. What came from files that are gone from the landing folder stays."""
    for delivery in deliveries:
        warehouse.run(f"delete from records.{source.id} where _file = ?", [delivery.name])
        warehouse.run(
            "delete from ledger.ingest_files where source = ? and file = ? and refused_reason is null",
            [source.id, delivery.name],
        )


def _merge(warehouse: Warehouse, source: Source, batch: Batch, run_id: str, outcome: Outcome) -> Outcome:
    collect(warehouse, source, batch.shapes, batch.names)
    key, records = identifier(source.key), f"records.{source.id}"
    unended.take_back(warehouse, source, batch)
    file = f"substr(_path, {batch.root_length + 1})"
    is_twice = warehouse.value(f"select count(*) > count(distinct {key}) from arrivals where _reason is null")
    is_known = warehouse.value(f"select exists (from {records})")
    # Of two states of one moment the one delivered last wins: that of the file last in order of name, within a file the
    # one further down. It is so in one night and over several, so that the night a file came in decides nothing; only
    # new content under a name is later than what came under that name before.
    place = "_line desc nulls last, rowid" if batch.mapping else "rowid"
    latest = f"qualify row_number() over (partition by {key} order by updated_at desc, _path desc, {place} desc) = 1"
    kind = "table" if is_twice or is_known else "view"
    warehouse.run(
        f"create temp {kind} winners as select rowid as row, {key}, updated_at, _path "
        f"from arrivals where _reason is null {latest if is_twice else ''}"
    )
    if is_known:
        warehouse.run(
            f"delete from winners using {records} as held where held.{key} = winners.{key} and (held.updated_at > winners.updated_at "
            f"or (held.updated_at = winners.updated_at and held._file > {file}))"
        )
        note_arrivals(warehouse, source, f"select {key} from winners")
        warehouse.run(f"delete from {records} using winners where {source.id}.{key} = winners.{key}")
    columns = ", ".join(
        f"case when {identifier(c.name)} in ({', '.join(map(literal, c.codes))}) then {identifier(c.name)} "
        f"when {identifier(c.name)} is not null then 'unknown' end"
        if c.codes
        else identifier(c.name)
        for c in source.columns
    )
    warehouse.run("create or replace temp table names (_path varchar, file varchar)")
    for path, name in batch.names.items():
        warehouse.run("insert into names values (?, ?)", [path, name])
    won = "rowid in (select row from winners)" if is_twice or is_known else "_reason is null"
    warehouse.run(f"insert into {records} select {columns}, {file} from arrivals where {won}")
    note_arrivals(warehouse, source, f"select {key} from winners")
    _note_unlisted(warehouse, source, run_id)
    outcome = _write_ledger(warehouse, source, batch, run_id, outcome)
    warehouse.run(f"drop {kind} temp.winners")
    return outcome


def _note_unlisted(warehouse: Warehouse, source: Source, run_id: str) -> None:
    for column in source.columns:
        if column.codes:
            name = identifier(column.name)
            warehouse.run(
                f"insert into ledger.unlisted_codes select ?, ?, left({name}, 60), count(*), ? from arrivals "
                f"where _reason is null and {name} not in ({', '.join(map(literal, column.codes))}) group by all",
                [source.id, column.name, run_id],
            )


def _write_ledger(warehouse: Warehouse, source: Source, batch: Batch, run_id: str, outcome: Outcome) -> Outcome:
    now = datetime.now(UTC)
    warehouse.run(
        "delete from ledger.quarantine where source = ? and file in (select file from names)", [source.id]
    )  # a file delivered again heals
    warehouse.run(
        "insert into ledger.quarantine select ?, file, line, reason, raw, customer_id, fields, ? from refusals",
        [source.id, run_id],
    )
    warehouse.run("create or replace temp table rows_in_file (file varchar, rows bigint)")
    for name, rows in batch.rows_in_file.items():
        warehouse.run("insert into rows_in_file values (?, ?)", [name, rows])
    warehouse.run(
        "create or replace temp table shapes (file varchar, sha256 varchar, ignored varchar[], missing varchar[], "
        "assumed varchar[], columns varchar[])"
    )
    expected = [column.name for column in source.columns]
    for path, delivery in batch.read_paths.items():
        found = batch.shapes[path].columns if path in batch.shapes else expected
        ignored, missing = [c for c in found if c not in expected], [c for c in expected if c not in found]
        read = [batch.assumed[delivery.name], batch.columns[delivery.name]]
        warehouse.run(
            "insert into shapes values (?, ?, ?, ?, ?, ?)", [delivery.name, delivery.sha256, ignored, missing, *read]
        )
    # What comes back to an earlier content is read again: it was delivered last.
    warehouse.run(
        "delete from ledger.ingest_files using shapes where source = ? and ingest_files.file = shapes.file "
        "and ingest_files.sha256 = shapes.sha256",
        [source.id],
    )
    warehouse.run(
        """insert into ledger.ingest_files
        with good as (select _path, count(*) as rows from arrivals where _reason is null group by _path),
        won as (select _path, count(*) as rows from winners group by _path),
        bad as (select file, count(*) as rows from refusals group by file)
        select file, $source, sha256, coalesce(good.rows, 0) + coalesce(bad.rows, 0), coalesce(won.rows, 0),
            coalesce(good.rows, 0) - coalesce(won.rows, 0), coalesce(bad.rows, 0),
            coalesce(rows_in_file.rows, coalesce(good.rows, 0) + coalesce(bad.rows, 0)), null, ignored, missing, $now, $run_id,
            assumed, columns
        from names
        inner join shapes using (file)
        left join good using (_path)
        left join won using (_path)
        left join bad using (file)
        left join rows_in_file using (file)
        order by file""",
        {"source": source.id, "now": now, "run_id": run_id},
    )
    totals = warehouse.rows(
        "select coalesce(sum(rows_read), 0)::bigint, coalesce(sum(rows_accepted), 0)::bigint, "
        "coalesce(sum(rows_superseded), 0)::bigint, coalesce(sum(rows_quarantined), 0)::bigint "
        "from ledger.ingest_files where source = ? and run_id = ?",
        [source.id, run_id],
    )
    outcome.rows_read, outcome.rows_accepted, outcome.rows_superseded, outcome.rows_quarantined = totals[0]
    return outcome


def _take_back_refusal(warehouse: Warehouse, source: str, file: str) -> None:
    taken_back = "delete from ledger.ingest_files where source = ? and file = ? and refused_reason is not null"
    warehouse.run(taken_back, [source, file])


def _write_refused(
    warehouse: Warehouse, source: Source, deliveries: Sequence[Delivery], refused: dict[str, str], run_id: str
) -> None:
    for delivery in deliveries:
        _take_back_refusal(warehouse, source.id, delivery.name)
        if delivery.name in refused:
            warehouse.run(
                "insert into ledger.ingest_files values (?, ?, ?, 0, 0, 0, 0, null, ?, [], [], ?, ?, [], [])",
                [delivery.name, source.id, delivery.sha256, refused[delivery.name], datetime.now(UTC), run_id],
            )
