"""Files that may have been cut within their last field: a row that loads, and is taken back when the whole file comes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from transforms.landing.files import packing
from transforms.landing.streams import CHUNK
from transforms.models import Source
from transforms.touched import note_arrivals
from transforms.warehouse import Warehouse, identifier, literal

if TYPE_CHECKING:
    from transforms.landing.batch import Batch

UNENDED = "the last line has no end, which RFC 4180 allows: if the file was cut there, deliver it again"


def is_unended(path: Path) -> bool:
    """Whether a text file that is not packed has lines, and the last of them no end. RFC 4180 allows it, so the row counts."""
    if packing(path) or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) in b"\r\n":
            return False
        file.seek(0)
        return any(b"\n" in chunk or b"\r" in chunk for chunk in iter(lambda: file.read(CHUNK), b""))


def create_table(warehouse: Warehouse) -> None:
    """`ledger.unended`: of every such file the key of its last row, its size in bytes and its hash."""
    warehouse.run(
        "create table if not exists ledger.unended (source varchar, file varchar, key varchar, size bigint, sha256 varchar)"
    )


def take_back(warehouse: Warehouse, source: Source, batch: Batch) -> None:
    """Delete the last row of files that have grown since: it comes whole now, whatever its key and its times were.

    A file that does not begin with what came under its name before is another delivery: of that all rows stay.
    """
    delivered = {delivery.name: delivery for delivery in batch.read_paths.values()}
    known = "select file, key, size, sha256 from ledger.unended where source = ?"
    for file, key, size, sha256 in warehouse.rows(known, [source.id]):
        if file in delivered:
            if _begins_with(delivered[file].path, size, sha256):
                note_arrivals(warehouse, source, f"select {literal(key)}")
                last = f"delete from records.{source.id} where {identifier(source.key)} = ? and _file = ?"
                warehouse.run(last, [key, file])
            warehouse.run("delete from ledger.unended where source = ? and file = ?", [source.id, file])
    for path, delivery in batch.read_paths.items():
        # A mapping can give rows in another order than the file has them.
        if UNENDED in batch.assumed[delivery.name] and batch.mapping is None and delivery.stamp:
            last = f"select max_by({identifier(source.key)}, rowid) from arrivals where _path = ? and _reason is null"
            row = [source.id, delivery.name, warehouse.value(last, [path]), delivery.stamp[0], delivery.sha256]
            warehouse.run("insert into ledger.unended values (?, ?, ?, ?, ?)", row)


def _begins_with(path: Path, size: int, sha256: str) -> bool:
    """Whether the first bytes of a file are a content that is known by its size and hash."""
    found, left = hashlib.sha256(), size
    with path.open("rb") as file:
        while left and (chunk := file.read(min(left, CHUNK))):
            found.update(chunk)
            left -= len(chunk)
    return not left and found.hexdigest() == sha256
