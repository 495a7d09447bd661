"""How a delimited file was written: where its header is, and which delimiter, quotes, escapes and line ends it has.

The contract's way (RFC 4180) is tried first; another is assumed only where it explains the file and that one does
not, and what is assumed is said in the ledger.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from transforms.landing.files import Refused, Shape

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
PREAMBLE_LINES = 20
SAMPLE_ROWS = 200


@dataclass(frozen=True)
class Known:
    """What the contract says of a source's columns: all, the required, and those that hold no free text."""

    names: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()


def shape_of_text(head: str, delimiter: str, known: Known) -> Shape:
    """The shape of a delimited file from its first megabyte. Raises Refused where there is no header to be found."""
    assumed: list[str] = []
    newline = ""
    if "\n" not in head and "\r" in head.rstrip("\r"):
        newline, head = r"\r", head.replace("\r", "\n")
        assumed.append("lines end in a carriage return alone")
    # Not splitlines, which takes a form feed or a separator of Unicode for the end of a line.
    lines = head.replace("\r\n", "\n").split("\n")
    place, found, quote, cells = _header(lines, delimiter, known)
    if found != delimiter:
        assumed.append(f"fields are separated by {DELIMITERS[found]}")
    if place:
        _refuse_broken_preamble(lines[:place], found, quote)
        assumed.append(f"the header is in line {place + 1}; what is above it was passed over")
    if unseen := [cell for cell in cells if _seen(cell) != cell]:
        assumed.append(f"letters that cannot be seen do not belong to the name of {_seen(unseen[0])}")
        cells = [_seen(cell) for cell in cells]
    is_padded = bool(cells) and any(cell != cell.strip() for cell in cells[1:])
    if is_padded:
        assumed.append("blanks around fields do not belong to them")
    columns = _named([cell.strip() for cell in cells], known, assumed)
    sample = lines[place + 1 : place + 1 + SAMPLE_ROWS]
    if quote == '"' and _is_single_quoted(sample, found, columns, known):
        quote = "'"
    if quote == "'":
        assumed.append("fields are quoted with single quotes")
    escape = quote
    if _escapes_with_backslash(lines[place + 1 :], found, quote, len(columns)):
        escape = "\\"
        assumed.append("a quote inside a field is escaped with a backslash")
    return Shape("csv", found, columns, (), quote, escape, place, newline, is_padded, quote == "'", tuple(assumed))


def _header(lines: Sequence[str], delimiter: str, known: Known) -> tuple[int, str, str, list[str]]:
    """Line, delimiter, quote and cells of the first line that names every required column; else of line 1 as it is."""
    required = {name.lower() for name in known.required}
    ways = [(delimiter, '"'), *((d, q) for q in ('"', "'") for d in DELIMITERS if (d, q) != (delimiter, '"'))]
    if required:
        for place, line in enumerate(lines[: PREAMBLE_LINES + 1]):
            for d, quote in ways:
                cells = _cells(line, d, quote)
                if required <= {_seen(cell).strip().lower() for cell in cells}:
                    return place, d, quote, cells
    first = lines[0] if lines else ""
    if required and first and not any(name in first.lower() for name in required):
        raise Refused(
            f"it has no header row: none of its first {PREAMBLE_LINES} lines names the required columns; expected "
            f"{', '.join(known.required)}: export it with its column names, or map it (--mapping)"
        )
    others = [d for d in DELIMITERS if d in first]
    if not required and delimiter not in first and len(others) == 1:
        delimiter = others[0]
    if '"' in first:  # a name can hold a line break
        return 0, delimiter, '"', next(csv.reader(_with_ends(lines), delimiter=delimiter), [])
    return 0, delimiter, '"', _cells(first, delimiter, '"')


def _refuse_broken_preamble(above: Sequence[str], delimiter: str, quote: str) -> None:
    """The engine passes over records, not lines: where a quote above the header runs over lines, it would pass over rows."""
    if len(list(csv.reader(_with_ends(above), delimiter=delimiter, quotechar=quote))) != len(above):
        raise Refused(
            f"what stands above the header in line {len(above) + 1} runs over several lines inside quotes: export the rows without it"
        )


def _with_ends(lines: Sequence[str]) -> Iterator[str]:
    return (f"{line}\n" for line in lines)


def _cells(line: str, delimiter: str, quote: str, escape: str | None = None) -> list[str]:
    try:
        return next(
            csv.reader([line], delimiter=delimiter, quotechar=quote, escapechar=escape, doublequote=not escape), []
        )
    except csv.Error as error:
        raise Refused(f"its header row cannot be read ({error}); expected column names") from error


def _seen(cell: str) -> str:
    """Without marks of format (Unicode category Cf), such as a byte-order mark or a blank of no width."""
    return cell if cell.isascii() else "".join(letter for letter in cell if unicodedata.category(letter) != "Cf")


def _named(cells: list[str], known: Known, assumed: list[str]) -> tuple[str, ...]:
    """The columns by the contract's names, whatever their case. Raises Refused for none, and for one that is there twice."""
    if not any(cells):
        raise Refused("the file has no header row; expected column names in the first line")
    contract = {name.lower(): name for name in known.names}
    columns = [contract.get(cell.lower(), cell) for cell in cells]
    if other := [cell for cell, column in zip(cells, columns, strict=True) if cell != column]:
        assumed.append(
            f"{', '.join(other[:3])} {'are columns' if len(other) > 1 else 'is a column'} of the contract in other letters"
        )
    lower = [column.lower() for column in columns]
    if twice := sorted({column for column in columns if column and lower.count(column.lower()) > 1}):
        raise Refused(
            f"column {', '.join(map(repr, twice))} stands in the header more than once; every name must be unique"
        )
    return tuple(columns)


def _is_single_quoted(sample: Sequence[str], delimiter: str, columns: Sequence[str], known: Known) -> bool:
    """Whether single quotes hold fields: they explain more of the rows with a delimiter too many, or stand around every value of a column without text."""
    places = [i for i, column in enumerate(columns) if column in known.plain]
    marked = [line for line in sample if "'" in line]
    if not places or not marked:
        return False
    held = [line for line in marked if line.count(delimiter) >= len(columns)]
    single, double = (sum(len(_cells(line, delimiter, quote)) == len(columns) for line in held) for quote in "'\"")
    if single != double:
        return single > double
    rows = [_cells(line, delimiter, '"') for line in sample if line]
    for place in places:
        values = [row[place].strip() for row in rows if len(row) > place and row[place]]
        if values and all(len(v) > 1 and v[0] == v[-1] == "'" for v in values):
            return True
    return False


def _escapes_with_backslash(lines: Sequence[str], delimiter: str, quote: str, width: int) -> bool:
    """Whether a backslash before a quote escapes it: read so, more of the rows that have one are as wide as the header.

    Not where one stands before another letter too: then it is a letter.
    """
    if any("\\" in line.replace("\\\\", "").replace(f"\\{quote}", "") for line in lines):
        return False
    marked = list(islice((line for line in lines if f"\\{quote}" in line), SAMPLE_ROWS))
    doubled = sum(
        len(_cells(line, delimiter, quote)) == width and not _runs_on(line, delimiter, quote) for line in marked
    )
    escaped = sum(len(_cells(line, delimiter, quote, "\\")) == width for line in marked)
    return escaped > doubled


def _runs_on(line: str, delimiter: str, quote: str) -> bool:
    """Whether text follows a closing quote, which RFC 4180 does not allow."""
    return any(
        piece and not piece.startswith((delimiter, quote)) and not before.endswith(delimiter) and before
        for before, piece in _around(line, quote)
    )


def _around(line: str, quote: str) -> Iterator[tuple[str, str]]:
    """For every quote that closes a field when quotes are doubled: what is before it and after it."""
    is_inside = False
    place = 0
    while place < len(line):
        if line[place] == quote:
            if is_inside and line[place + 1 : place + 2] == quote:
                place += 1
            else:
                if is_inside:
                    yield line[:place], line[place + 1 :]
                is_inside = not is_inside
        place += 1
