"""A look at every byte of a new file before it is loaded: is it whole, is it text, does it fit."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transforms.landing.files import Refused, Shape, packing
from transforms.landing.lines import MAX_LINE_BYTES

CHUNK = 1 << 20
SMALL = 64 << 20  # below this size no expansion is worth asking about


@dataclass(frozen=True)
class Limits:
    """How much a file may hold once it is unpacked: bytes, and times its own size (asked beyond 64 MB only)."""

    bytes: int = 64 << 30
    ratio: float = 200.0


def check_stream(path: Path, limits: Limits, shape: Shape) -> int:
    """Read a text file to its end, a megabyte at a time. Raises Refused with what is wrong and what to do.

    Returns how many double quotes it has; where they do not come in pairs, a row is open at the end.

    Checks what the engine does not: the checksum and the end of a packed stream, its size against the limits, bytes
    that are no text, lines longer than a reader's buffer, and in delimited text that all rows end alike. Nothing is
    written, and no more than a chunk is kept.
    """
    packed, size = packing(path), path.stat().st_size
    unpacked, open_line, line, quotes = 0, 0, 1, 0
    ends = LineEnds(shape) if shape.form == "csv" else None
    for chunk in chunks(path):
        if (at := chunk.find(b"\0")) >= 0:
            raise Refused(f"it holds a NUL byte at offset {unpacked + at}; expected UTF-8 text: export it again")
        unpacked += len(chunk)
        if packed and (unpacked > limits.bytes or (unpacked > SMALL and unpacked > limits.ratio * size)):
            raise Refused(
                f"it unpacks to more than {unpacked >> 20:,} MB from {size:,} bytes; expected at most {limits.bytes >> 20:,} MB "
                f"and {limits.ratio:g} times its size: deliver it in parts, or raise max_unpacked and max_expansion"
            )
        first = chunk.find(b"\n")
        open_line += len(chunk) if first < 0 else first
        if open_line > MAX_LINE_BYTES:
            raise Refused(
                f"line {line} is longer than {MAX_LINE_BYTES >> 20} MB; expected one record in a line: check the export's line ends"
            )
        if first >= 0:
            open_line = len(chunk) - chunk.rfind(b"\n") - 1
        line += chunk.count(b"\n")
        quotes += chunk.count(b'"')
        if ends:
            ends.see(chunk)
    if ends and len(ends.kinds) > 1:
        raise Refused(
            f"its line ends are mixed ({' and '.join(sorted(ends.kinds))}); expected one kind, outside of quotes: export it again"
        )
    return quotes


def check_pages(path: Path) -> None:
    """Verify the checksums of a Parquet file's pages where it has any, which the engine does not. Raises Refused."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        if not _has_checksums(path, file.metadata):
            return
        try:
            for group in range(file.num_row_groups):
                for column in dict.fromkeys(name.split(".")[0] for name in file.schema.names):
                    file.read_row_group(group, columns=[column])
        except (OSError, pa.ArrowException) as error:
            raise Refused(f"it is damaged: a page of it cannot be verified ({error}); deliver it again") from error


def _has_checksums(path: Path, metadata: Any) -> bool:
    """Whether the first page of a Parquet file has a checksum: the fourth number of its header (Thrift's compact protocol)."""
    if not metadata.num_row_groups or not metadata.num_columns:
        return False
    column = metadata.row_group(0).column(0)
    with path.open("rb") as file:
        file.seek(column.dictionary_page_offset or column.data_page_offset)
        header, at = file.read(64), 0
    for _ in range(3):  # kind, size unpacked, size: each a field of type i32 that follows the one before
        if header[at : at + 1] != b"\x15":
            return False
        at += 1
        while at < len(header) and header[at] & 0x80:
            at += 1
        at += 1
    return header[at : at + 1] == b"\x15"


class LineEnds:
    """Which kinds of line end stand outside of quotes: the engine can pass over all rows of a file that mixes them."""

    def __init__(self, shape: Shape) -> None:
        self.kinds: set[str] = set()
        self.quote = shape.quote.encode()
        self.is_escaped = shape.escape == "\\"
        self.is_inside = self.is_open = False
        self.left = b""

    def see(self, chunk: bytes) -> None:
        """The next bytes of the file."""
        if self.is_escaped:
            chunk = self._without_escapes(self.left + chunk)
        if self.is_open:  # the last chunk ended in a carriage return
            chunk, self.is_open = b"\r" + chunk, False
        if b"\r" not in chunk and (self.kinds == {"LF"} or b"\n" not in chunk):
            self.is_inside ^= chunk.count(self.quote) % 2 == 1
            return
        if chunk.endswith(b"\r"):
            chunk, self.is_open = chunk[:-1], True
        pieces = chunk.split(self.quote)
        outside = b" ".join(pieces[self.is_inside :: 2])
        self.is_inside ^= len(pieces) % 2 == 0
        pairs, feeds = outside.count(b"\r\n"), outside.count(b"\n")
        found = {"CR LF": pairs, "LF": feeds - pairs, "CR": outside.count(b"\r") - pairs}
        self.kinds |= {kind for kind, times in found.items() if times}

    def _without_escapes(self, chunk: bytes) -> bytes:
        """Raises Refused for a backslash before another letter, which the engine would drop: a path, or an escape of its own."""
        is_cut = (len(chunk) - len(chunk.rstrip(b"\\"))) % 2
        chunk, self.left = (chunk[:-1], b"\\") if is_cut else (chunk, b"")
        chunk = chunk.replace(b"\\\\", b"").replace(b"\\" + self.quote, b"")
        if (at := chunk.find(b"\\")) >= 0:
            raise Refused(
                f"a backslash escapes its quotes, and stands before {chunk[at + 1 : at + 2]!r} as well: what it means there is in doubt; "
                "double quotes inside of fields (RFC 4180)"
            )
        return chunk


def returns_inside(path: Path) -> list[int]:
    """Of a file whose lines end in a line feed: which of its ends, from 1, are a carriage return inside of a line, that the engine takes for one."""
    import numpy as np

    found: list[int] = []
    seen = 0
    for chunk in chunks(path):
        read = np.frombuffer(chunk, np.uint8)
        ends = np.flatnonzero((read == ord("\n")) | (read == ord("\r")))
        is_return = read[ends] == ord("\r")
        if not seen and len(ends) and is_return[0]:
            return []  # its lines end in both
        found += (np.flatnonzero(is_return) + seen + 1).tolist()
        seen += len(ends)
    return found


def chunks(path: Path) -> Iterator[bytes]:
    """The unpacked bytes of a text file, a megabyte or less at a time. Raises Refused where it is damaged."""
    packed = packing(path)
    return _gunzipped(path) if packed == "gzip" else _read(path, packed)


def _read(path: Path, packed: str | None) -> Iterator[bytes]:
    """The chunks of a file as it is, or unpacked by Arrow, which verifies the checksum of a zstd frame that has one."""
    import pyarrow as pa

    try:
        with pa.input_stream(str(path), compression=packed) as stream:
            while chunk := stream.read(CHUNK):
                yield chunk
    except (OSError, pa.ArrowException) as error:
        raise Refused(f"it cannot be unpacked as {packed or 'plain text'} ({error}): deliver it again") from error


def _gunzipped(path: Path) -> Iterator[bytes]:
    """The chunks of a gzip file of one or more members, each with its checksum and length verified."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        with path.open("rb") as file:
            while packed := file.read(CHUNK):
                while packed:
                    if unpacker.eof:
                        unpacker = zlib.decompressobj(wbits=31)
                    yield unpacker.decompress(packed, CHUNK)
                    packed = unpacker.unconsumed_tail or unpacker.unused_data
    except zlib.error as error:
        raise Refused(f"it is damaged: it cannot be unpacked as gzip ({error}); deliver it again") from error
    if not unpacker.eof:
        raise Refused("it breaks off: its gzip stream has no end; deliver it again")
