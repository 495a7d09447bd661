"""The files of a landing folder: which there are, whether they were seen before, and what columns they hold."""

from __future__ import annotations

import codecs
import errno
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transforms.landing.dialect import Known

ENDINGS = {
    **{f".csv{packed}": ("csv", ",") for packed in ("", ".gz", ".zst")},
    **{f".tsv{packed}": ("csv", "\t") for packed in ("", ".gz", ".zst")},
    **{f".{kind}{packed}": ("jsonl", "") for kind in ("jsonl", "ndjson") for packed in ("", ".gz", ".zst")},
    ".parquet": ("parquet", ""),
}
HEAD_BYTES = 1 << 20


class Refused(Exception):
    """A file that is not loaded at all. The message says what was found, what was expected, and what to do."""


Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Delivery:
    """A file that arrived. `name` is its path under the landing root, as the ledger and the quarantine say it.

    `stamp`: size, time of change and place on its disk when its hash was taken; None where it could not be read.
    """

    source: str
    name: str
    path: Path
    sha256: str
    stamp: Stamp | None = None

    @property
    def has_changed(self) -> bool:
        """Whether it was written to since; one that is gone was not."""
        try:
            return _stamp(self.path.stat()) != self.stamp
        except OSError:
            return False


@dataclass(frozen=True)
class Shape:
    """How a file is read: its form ('csv', 'jsonl', 'parquet'), delimiter and columns in the file's order.

    Files of one shape are read together. `typed` holds the types of Parquet columns, which decide how they convert.
    Of delimited text: quote, escape, lines above the header, line end ('' = LF or CRLF), blanks around fields,
    whether there is any quote in it, and in words what of it was assumed.
    """

    form: str
    delimiter: str
    columns: tuple[str, ...]
    typed: tuple[str, ...] = ()
    quote: str = '"'
    escape: str = '"'
    skip: int = 0
    newline: str = ""
    is_padded: bool = False
    is_quoted: bool = False
    assumed: tuple[str, ...] = ()


def require_landing(landing: Path) -> None:
    """Raises FileNotFoundError where there is no landing folder, which a share that is mounted a moment later mends."""
    if not landing.is_dir():
        said = "no such landing folder; expected one with a folder for each source: mount it, or set landing"
        raise FileNotFoundError(errno.ENOENT, said, str(landing))


def arrived(landing: Path, folders: Mapping[str, str], seen: Iterable[tuple[str, str, str]]) -> list[Delivery]:
    """Files under `<landing>/<folder>` of each source, in order of name, less those `seen` as (source, file, sha256)."""
    known = set(seen)
    found = [
        (source, path.relative_to(landing).as_posix().encode(errors="backslashreplace").decode(), path)
        for source, folder in folders.items()
        for path in sorted((landing / folder).rglob("*"))
        # A link that leads to no file is refused: to pass over it would lose what is meant by it.
        if (path.is_file() or path.is_symlink())
        and not any(part.startswith(".") for part in path.relative_to(landing).parts)
    ]
    with ThreadPoolExecutor(2) as pool:
        hashes = list(pool.map(_sha256, (path for _, _, path in found)))
    deliveries = [Delivery(*file, *hashed) for file, hashed in zip(found, hashes, strict=True)]
    return [d for d in deliveries if (d.source, d.name, d.sha256) not in known]


def shape_of(path: Path, known: Known | None = None) -> Shape:
    """Read a file's header. Raises Refused when it cannot be read, is of no known format or is empty.

    known: the contract's columns, which tell a header from what may stand above it; none with a mapping.
    """
    from transforms.landing.dialect import Known, shape_of_text

    form, delimiter = ENDINGS[_ending(path)]
    if path.stat().st_size == 0:
        raise Refused("the file is empty, without a header row; expected at least the header: deliver it again")
    if form == "parquet":
        return _parquet_shape(path, known or Known())
    head = _head(path)
    if form == "jsonl":
        return Shape(form, "", _json_keys(head))
    return shape_of_text(head, delimiter, known or Known())


def packing(path: Path) -> str | None:
    """How a text file is packed: 'gzip', 'zstd' or None."""
    return {"gz": "gzip", "zst": "zstd"}.get(_ending(path).rsplit(".", 1)[-1])


def _ending(path: Path) -> str:
    lower = path.name.lower()
    ending = next((e for e in sorted(ENDINGS, key=len, reverse=True) if lower.endswith(e)), None)
    if ending is None:
        raise Refused(
            f"its name ends in none of {', '.join(ENDINGS)}; the ending tells the format: rename the file or move it away"
        )
    return ending


def _sha256(path: Path) -> tuple[str, Stamp | None]:
    """The content's hash and stamp; '' of a file that may not be read or has gone since it was listed: reading it says so."""
    try:
        with path.open("rb") as file:
            stamp = _stamp(os.fstat(file.fileno()))
            return hashlib.file_digest(file, "sha256").hexdigest(), stamp
    except OSError:
        return "", None


def _stamp(found: os.stat_result) -> Stamp:
    return found.st_size, found.st_mtime_ns, found.st_ino


def _head(path: Path) -> str:
    from transforms.landing.streams import chunks

    head = b""
    for chunk in chunks(path):
        head += chunk
        if len(head) >= HEAD_BYTES:
            break
    if wide := _wide_encoding(head):
        raise Refused(f"it is {wide}; expected UTF-8: export it as UTF-8")
    if b"\0" in head:
        raise Refused("it holds binary data; expected UTF-8 text: check the export's format and encoding")
    if len(head) < HEAD_BYTES:
        return _utf8(head)
    return _utf8(head[: max(head.rfind(b"\n"), head.rfind(b"\r")) + 1] or head)


def _wide_encoding(head: bytes) -> str:
    """UTF-16 or UTF-32, told by the byte-order mark, or by every other byte of the beginning being 0; else ''."""
    for mark, name in ((codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF32_BE, "UTF-32"),
                       (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16")):  # fmt: skip
        if head.startswith(mark):
            return f"{name} (it begins with the byte-order mark {mark.hex(' ').upper()})"
    start = head[:64]
    for zeros, letters in ((start[1::2], start[::2]), (start[::2], start[1::2])):
        if len(start) >= 8 and not any(zeros) and all(letters):
            return "UTF-16, it seems (every other byte is 0)"
    return ""


def _utf8(head: bytes) -> str:
    try:
        return head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(
            f"it is not UTF-8: byte 0x{head[error.start]:02x} at offset {error.start}; export it as UTF-8"
        ) from error


def _json_keys(head: str) -> tuple[str, ...]:
    """Keys of the first records, in order of appearance. A line that is no object is the loader's to report."""
    keys: dict[str, None] = {}
    for line in head.split("\n", 1000)[:1000]:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            keys.update(dict.fromkeys(record))
    return tuple(sorted(keys))


def _parquet_shape(path: Path, known: Known) -> Shape:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise Refused(f"it cannot be read as Parquet ({error}): deliver it again") from error
    lower = [name.lower() for name in schema.names]
    if twice := sorted({name for name in schema.names if lower.count(name.lower()) > 1}):
        raise Refused(
            f"column {', '.join(map(repr, twice))} stands in the header more than once; every name must be unique"
        )
    contract = {name.lower(): name for name in known.names}
    columns = tuple(contract.get(name.lower(), name) for name in schema.names)
    other = [name for name, column in zip(schema.names, columns, strict=True) if name != column]
    assumed = (f"{', '.join(other[:3])} in other letters than the contract's",) if other else ()
    if nested := [f for f in schema if pa.types.is_nested(f.type) and f.name.lower() in contract]:
        said = ", ".join(f"{field.name} ({field.type})" for field in nested)
        raise Refused(f"column {said} holds more than a value; expected text, a number or a time: flatten it")
    if raw := [f for f in schema if pa.types.is_fixed_size_binary(f.type) and f.name.lower() in contract]:
        said = ", ".join(f"{field.name} ({field.type})" for field in raw)
        raise Refused(f"column {said} holds bytes, not text; expected text, a number or a time: write it as text")
    return Shape("parquet", "", columns, tuple(str(field.type) for field in schema), assumed=assumed)
