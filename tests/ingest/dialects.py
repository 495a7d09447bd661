"""Known rows written in random ugly ways: what the file says, which rows were spoilt, and whether the way itself is plain."""

from __future__ import annotations

import gzip
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from examples import GOOD, KEY, NUMBERS, row

Fields = Mapping[str, str | None]

WORDS = (
    "late", "very easy", "19\" screen", "it's fine", "a, b and c", "a;b", "tab\there", "x|y", "C:\\dir\\", "back\\\"slash",
    "two\nlines", "two\r\nlines", "für Haut 日本 😀", "\"all quoted\"", "'single' ones", "=1+1", "#5", " padded ", "100%", "\"", "\"\"",
    "NULL", "a\u2028b", "e\u0301", "<b>", "\\n", "\\", "--", "order_id", "1,234.50", "{\"a\": 1}", "x" * 300, "-", "",
)  # fmt: skip
PREAMBLES = (
    "Orders export", "from 2026-06-01 to 2026-06-30, all markets", "# made by shop 3.1", "", "sep=;", "Report 5\" screens",
    "a;b;c", "----", "generated,2026-06-01T08:00:00Z",
)  # fmt: skip
FOOTERS = ("3 rows", "Total,,,17", "-- end --", "EOF", "(3 rows affected)", "\x1a", "# done", ";;;", "Sum;9")


@dataclass
class Written:
    """A file; the rows that were meant, by key; the keys that a fault touched; in words how it was written."""

    source: str
    ending: str
    content: bytes
    meant: dict[str, Fields]
    spoilt: set[str] = field(default_factory=set)
    how: list[str] = field(default_factory=list)

    @property
    def is_plain(self) -> bool:
        """Whether nothing was done to it that the product does not say it reads."""
        return not self.spoilt and not any(word.startswith("!") for word in self.how)


def known_rows(chance: random.Random, source: str, name: str, count: int) -> list[dict[str, str | None]]:
    """Good rows under keys of their own, with ugly text where text may be, and gaps."""
    text = {"surveys": "comment", "orders": "category", "returns": "carrier"}.get(source)
    rows = []
    for n in range(count):
        made = row(source, f"{name}-{n:03}")
        if text:
            made[text] = chance.choice(WORDS) + chance.choice(("", "", " ", ",")) + chance.choice(WORDS) or None
        for place, value in made.items():
            if value and place.endswith("_at"):
                made[place] = f"{value[:17]}{chance.randrange(60):02}Z" if place == "updated_at" else value
        rows.append(made)
    return rows


def write(chance: random.Random, name: str) -> Written:
    """One file of known rows in a random dialect, spoilt or not."""
    source = chance.choice(list(GOOD))
    rows = known_rows(chance, source, name, chance.choice((1, 2, 5, 12, 40)))
    columns = list(rows[0])
    done = Written(source, "csv", b"", {str(r[KEY[source]]): r for r in rows})
    if chance.random() < 0.4:
        chance.shuffle(columns)
        done.how.append("columns in another order")
    delimiter = chance.choices([",", ";", "\t", "|", ":", "^"], [40, 20, 15, 15, 2, 2])[0]
    done.how.append(f"{'!' if delimiter in ':^' else ''}delimiter {delimiter!r}")
    if delimiter == "\t" and chance.random() < 0.5:
        done.ending = "tsv"
    quote = chance.choices(['"', "'"], [85, 15])[0]
    escape = chance.choices([quote, "\\", "none"], [75, 17, 8])[0]
    quoting = chance.choice(("minimal", "all", "text", "sloppy" if chance.random() < 0.3 else "minimal"))
    texts = "".join(value or "" for r in rows for value in r.values())
    if escape == "\\" and quote not in texts:
        escape = quote  # nothing would tell it
    if quote == "'" and quoting in ("minimal", "sloppy"):
        quoting = "all"  # so that something does
    done.how.append(f"quote {quote} escape {escape} {quoting}")
    lines = [
        _line(
            [(None, c) for c in columns], delimiter, quote if quoting == "all" and chance.random() < 0.6 else "", escape
        )
    ]
    for r in rows:
        cells = [(c, r[c]) for c in columns]
        line, is_faithful = _row(cells, delimiter, quote, escape, quoting)
        if not is_faithful:
            done.spoilt.add(str(r[KEY[source]]))
        lines.append(line)
    if quote == "'" or escape == "\\" or delimiter in ":^":
        done.how.append("!")  # read where it alone explains the file, else in doubt
    _spoil_rows(chance, done, lines, columns, delimiter, quote)
    clean = [line for line in lines if any(key in line for key in done.meant if key not in done.spoilt)]
    if escape == "\\" and not any(f"\\{quote}" in line.replace("\\\\", "") for line in clean):
        done.how.append("!no whole row tells that a backslash escapes")
    end = chance.choices(["\n", "\r\n", "\r"], [60, 30, 10])[0]
    if end == "\r" and any("\n" in line for line in lines):
        end = "\n"
    done.how.append(f"lines end in {end!r}")
    above = [chance.choice(PREAMBLES) for _ in range(chance.choice((0, 0, 0, 1, 2, 4)))]
    if above:
        done.how.append(f"{len(above)} lines above")
        if any('"' in line for line in above):
            done.how.append("!")
    body = end.join([*above, *lines])
    if chance.random() < 0.15:
        body += end + chance.choice(FOOTERS)
        done.how.append("!footer")
    body += chance.choice((end, end, end, "", end * 3))
    if chance.random() < 0.04:
        at = [i for i, letter in enumerate(body) if letter == "\n"]
        flip = set(chance.sample(at, len(at) // 2)) if at else set()
        body = "".join("\r\n" if i in flip else letter for i, letter in enumerate(body))
        done.how.append("!mixed line ends")
        done.spoilt |= set(done.meant)
    _encode(chance, done, body)
    return done


def _row(
    cells: Sequence[tuple[str | None, str | None]], delimiter: str, quote: str, escape: str, quoting: str
) -> tuple[str, bool]:
    """A line, and whether it says what was meant when it is read in this dialect."""
    said, is_faithful = [], True
    for column, value in cells:
        text = value or ""
        needs = any(mark in text for mark in (delimiter, '"', "'", "\n", "\r")) or (escape == "\\" and "\\" in text)
        needs = needs or text != text.strip()
        if quoting == "sloppy" and needs and not text.startswith(("'", '"')):  # it would say another thing
            is_faithful = False
            said.append(text)
            continue
        wanted = quoting == "all" or (quoting == "text" and column not in NUMBERS and value)
        if not needs and not wanted:
            said.append(text)
            continue
        if escape == "none" and quote in text:
            is_faithful = False
            text = text.replace("\\", "").replace(
                quote * 2, quote
            )  # which would escape it: the file would say another thing
        said.append(_quoted(text, quote, escape))
    return delimiter.join(said), is_faithful


def _line(cells: Sequence[tuple[None, str]], delimiter: str, quote: str, escape: str) -> str:
    return delimiter.join(_quoted(cell, quote, escape) if quote else cell for _, cell in cells)


def _quoted(text: str, quote: str, escape: str) -> str:
    if escape == "\\":
        text = text.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    elif escape == quote:
        text = text.replace(quote, quote * 2)
    return f"{quote}{text}{quote}"


def _spoil_rows(
    chance: random.Random, done: Written, lines: list[str], columns: list[str], delimiter: str, quote: str
) -> None:
    """Faults of single rows: a field too few or too many, quotes that open or stand about, a header or blank row inside."""
    keys = list(done.meant)
    for n, key in enumerate(keys, start=1):
        if chance.random() < 0.06:
            kind = chance.choice(("few", "many", "open", "stray", "cut", "comma"))
            line = lines[n]
            if kind == "few":
                lines[n] = line.replace(delimiter * 2, delimiter, 1)  # not one that may stand in a text
                if lines[n] == line:
                    continue
            elif kind == "many":
                lines[n] = line + delimiter + chance.choice(("", "more"))
            elif kind == "open":
                cells = line.split(delimiter)
                at = chance.randrange(len(cells))
                cells[at] = quote + cells[at]
                lines[n] = delimiter.join(cells)
            elif kind == "stray":
                at = chance.randrange(len(line) + 1)
                lines[n] = line[:at] + quote + line[at:]
            elif kind == "cut":
                lines[n] = line[: chance.randrange(1, len(line))]
            else:
                lines[n] = delimiter.join(["x"] * (len(columns) + chance.choice((-2, 1))))
            done.spoilt.add(key)
            done.how.append(f"!{kind} {key}")
    for line in ("", "  ", lines[0], delimiter * (len(columns) - 1)):
        if chance.random() < 0.05:
            lines.insert(chance.randrange(1, len(lines) + 1), line)
            done.how.append(f"!row {line[:12]!r} between")
    if chance.random() < 0.03:
        lines[1:] = [line + delimiter for line in lines[1:]]
        done.how.append("!every row ends in a delimiter")
        done.spoilt |= set(done.meant)


def _encode(chance: random.Random, done: Written, body: str) -> None:
    encoding = chance.choices(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252"], [70, 15, 3, 2, 5, 5])[
        0
    ]
    try:
        content = body.encode(encoding)
    except UnicodeEncodeError:
        encoding, content = "utf-8", body.encode()
    done.how.append(f"{'' if encoding.startswith('utf-8') else '!'}{encoding}")
    if not encoding.startswith("utf-8"):
        done.spoilt |= set(done.meant)
        if content.isascii() and not encoding.startswith("utf-16"):  # nothing tells it from UTF-8, which it is
            done.spoilt = {key for key, r in done.meant.items() if any(not (v or "").isascii() for v in r.values())}
            done.spoilt |= {key for word in done.how if word.startswith("!") for key in word.split()[1:]}
    if chance.random() < 0.2:
        content = gzip.compress(content, 1, mtime=0)
        done.ending += ".gz"
    done.content = content
