"""Files as they come: what of each is loaded, refused or put in quarantine, exactly, and what is said about it.

None is ever loaded wrong: of every file that loads, each row in the records equals the row that was meant.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from examples import GOOD, as_csv, as_jsonl, as_text_parquet, as_tsv, row, zipped, zstandard

from tests.acceptance.nights import csv_text, deliver, drafted, load_only

COLUMNS = list(GOOD["orders"])


def good(name: str, count: int = 3, **changes: str | None) -> list[dict[str, str | None]]:
    return [row("orders", f"{name}-{n}", **changes) for n in range(1, count + 1)]


@dataclass(frozen=True)
class Case:
    """A file; which of its rows load (by number, in `rows`); words of what is said; how many are in quarantine."""

    ending: str
    content: bytes
    rows: Sequence[dict[str, str | None]] = ()  # what must be in the records, no more and no less
    assumed: Sequence[str] = ()
    refused: Sequence[str] = ()
    quarantined: Sequence[str] = ()  # one text per row: words of its reason, in order of lines
    lines: Sequence[int] | None = None  # where they stand


def body(rows: Sequence[dict[str, str | None]]) -> bytes:
    """Rows as CSV without the header."""
    return as_csv(rows).split(b"\n", 1)[1]


HEADER = as_csv(good("h", 1)).split(b"\n", 1)[0] + b"\n"
CASES: dict[str, Case] = {}


def case(name: str, ending: str, content: bytes, **expected: Any) -> None:
    assert name not in CASES
    CASES[name] = Case(ending, content, **expected)


def single_quoted(rows: Sequence[dict[str, str | None]], header: bool) -> bytes:
    text = csv_text(rows, quotechar="'", quoting=1)
    return (text if header else HEADER.decode() + text.split("\n", 1)[1]).encode()


def escaped(rows: Sequence[dict[str, str | None]]) -> bytes:
    return csv_text(rows, doublequote=False, escapechar="\\", quoting=1).encode()


def flipped(content: bytes, at: int) -> bytes:
    at %= len(content)
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


def stored(content: bytes) -> bytes:
    """gzip without compression: a flipped byte changes the text and nothing else."""
    return gzip.compress(content, 0, mtime=0)


# ---- the packing ----------------------------------------------------------------------------------

G = {
    n: good(n)
    for n in ("gz", "two_members", "padded_gz", "flip", "tail", "zst", "trunc", "crc", "size", "glued", "plain")
}
case("gz", "csv.gz", zipped(as_csv(G["gz"])), rows=G["gz"])
case(
    "two_members",
    "csv.gz",
    zipped(as_csv(G["two_members"][:2])) + zipped(body(G["two_members"][2:])),
    rows=G["two_members"],
)
case("padded_gz", "csv.gz", zipped(as_csv(G["padded_gz"])) + b"\0" * 512, refused=["damaged"])
case("flip", "csv.gz", flipped(stored(as_csv(G["flip"])), 400), refused=["damaged", "deliver it again"])
case("flip_jsonl", "jsonl.gz", flipped(stored(as_jsonl(G["flip"])), 60), refused=["damaged"])
case("flip_late", "csv.gz", flipped(zipped(as_csv(good("flip_late", 400))), -900), refused=["damaged"])
case("crc", "csv.gz", flipped(zipped(as_csv(G["crc"])), -8), refused=["damaged"])
case("size", "csv.gz", flipped(zipped(as_csv(G["size"])), -2), refused=["damaged"])
case("tail", "csv.gz", zipped(as_csv(G["tail"])) + b"garbage after the end", refused=["damaged"])
case("trunc", "csv.gz", zipped(as_csv(G["trunc"]))[:-9], refused=["breaks off"])
case("trunc_crc", "csv.gz", zipped(as_csv(G["trunc"]))[:-3], refused=["breaks off"])
case("second_trunc", "csv.gz", zipped(as_csv(G["trunc"])) + zipped(body(good("st")))[:-5], refused=["breaks off"])
case("zst", "csv.zst", zstandard(as_csv(G["zst"])), rows=G["zst"])
case("zst_trunc", "csv.zst", zstandard(as_csv(good("zt", 500)))[:-7], refused=["unpacked"])
case("gz_in_csv", "csv", zipped(as_csv(G["plain"])), refused=["binary"])
case("csv_in_gz", "csv.gz", as_csv(G["plain"]), refused=["damaged"])
case("zlib_in_gz", "csv.gz", zlib.compress(as_csv(G["plain"])), refused=["damaged"])
case(
    "bomb",
    "csv.gz",
    zipped(as_csv(good("bomb", 1)) + b"\n" * (300 << 20)),
    refused=["unpacks to more than", "max_expansion"],
)
case(
    "bomb_zst",
    "csv.zst",
    zstandard(as_csv(good("bz", 1)) + b"\n" * (300 << 20)),
    refused=["unpacks to more than", "max_expansion"],
)

# ---- the encoding ---------------------------------------------------------------------------------

UMLAUT = good("utf8", 2, category="Pflege für Haut 日本 😀")
case("utf8", "csv", as_csv(UMLAUT), rows=UMLAUT)
case("bom", "csv", b"\xef\xbb\xbf" + as_csv(good("bom")), rows=good("bom"))
case("bom_tsv", "tsv", b"\xef\xbb\xbf" + as_tsv(good("bom_tsv")), rows=good("bom_tsv"))
case("bom_jsonl", "jsonl", b"\xef\xbb\xbf" + as_jsonl(good("bom_jsonl")), rows=good("bom_jsonl"))
case("bom_gz", "csv.gz", zipped(b"\xef\xbb\xbf" + as_csv(good("bom_gz"))), rows=good("bom_gz"))
case(
    "bom_inside",
    "csv",
    as_csv(good("bi", 2)) + b"\xef\xbb\xbf" + body(good("bi2", 1)),
    rows=good("bi", 2),
    quarantined=["byte-order mark"],
    lines=[4],
)
case(
    "glued",
    "csv",
    as_csv(good("glued", 2)) + b"\xef\xbb\xbf" + as_csv(good("glued2", 2)),
    rows=[*good("glued", 2), *good("glued2", 2)],
    quarantined=["byte-order mark"],
    lines=[4],
)
case("utf16", "csv", as_csv(good("u16")).decode().encode("utf-16"), refused=["UTF-16", "FF FE"])
case("utf16_be", "csv", b"\xfe\xff" + as_csv(good("u16")).decode().encode("utf-16-be"), refused=["UTF-16", "FE FF"])
case("utf16_no_mark", "csv", as_csv(good("u16")).decode().encode("utf-16-le"), refused=["UTF-16"])
case("utf16_jsonl", "jsonl", as_jsonl(good("u16")).decode().encode("utf-16"), refused=["UTF-16"])
case("utf16_gz", "csv.gz", zipped(as_csv(good("u16")).decode().encode("utf-16")), refused=["UTF-16"])
case("utf32", "csv", as_csv(good("u32")).decode().encode("utf-32"), refused=["UTF-32"])
case("latin1", "csv", as_csv(good("latin", category="beauté")).decode().encode("latin-1"), refused=["UTF-8", "0xe9"])
case(
    "latin1_late",
    "csv",
    as_csv(good("ll", 9000)) + body(good("lz", 1, category="beauté")).decode().encode("latin-1"),
    refused=["UTF-8"],
)
case("cp1252", "csv", as_csv(good("cp", category="caf\u201d")).decode().encode("cp1252"), refused=["UTF-8"])
case("ebcdic", "csv", as_csv(good("eb")).decode().encode("cp500"), refused=["UTF-8"])
case("nul", "csv", as_csv(good("nul")).replace(b"VND", b"V\0D"), refused=["binary"])
case(
    "nul_late",
    "csv",
    as_csv(good("nl", 9000)) + body(good("nm", 1)).replace(b"VND", b"V\0D"),
    refused=["NUL byte at offset"],
)
case("nul_in_jsonl", "jsonl", as_jsonl(good("nj", 4500)) + b'{"order_id": "a\0b"}\n', refused=["NUL"])

# ---- the header -----------------------------------------------------------------------------------

case("only_header", "csv", HEADER, rows=[])
case("only_header_no_end", "csv", HEADER.rstrip(b"\n"), rows=[])
case("empty", "csv", b"", refused=["empty"])
case("only_bom", "csv", b"\xef\xbb\xbf", refused=["no header row"])
case("only_newlines", "csv", b"\n\n\n", refused=["no header row"])
case("no_header", "csv", body(good("nh")), refused=["order_id"])
case(
    "missing",
    "csv",
    as_csv([{k: v for k, v in r.items() if k != "market"} for r in good("mi")]),
    refused=["'market' is missing"],
)
case("twice", "csv", as_csv(good("tw")).replace(b"seller_id", b"market", 1), refused=["more than once"])
case("twice_in_letters", "csv", as_csv(good("tl")).replace(b"seller_id", b"MARKET", 1), refused=["more than once"])
case("upper", "csv", HEADER.upper() + body(good("upper")), rows=good("upper"), assumed=["in other letters"])
case("blank_names", "csv", HEADER.replace(b",", b" , ") + body(good("blank")), rows=good("blank"), assumed=["blanks"])
case("quoted_names", "csv", csv_text(good("qn"), quoting=1).encode(), rows=good("qn"))
case("extra_column", "csv", as_csv([r | {"ballast": "x"} for r in good("ex")]), rows=good("ex"))
case("other_order", "csv", as_csv([dict(reversed(r.items())) for r in good("oo")]), rows=good("oo"))
case("unnamed_index", "csv", as_csv([{"": str(n)} | r for n, r in enumerate(good("ui"))]), rows=good("ui"))
case(
    "preamble",
    "csv",
    b"Orders export\nfrom 2026-06-01 to 2026-06-30\n\n" + as_csv(good("pre")),
    rows=good("pre"),
    assumed=["header is in line 4"],
)
case(
    "preamble_bad_row",
    "csv",
    b"# made by shop 3.1\n" + as_csv(good("pb", 1)) + b"x,y\n" + body(good("pb2", 1)),
    rows=[*good("pb", 1), *good("pb2", 1)],
    assumed=["header is in line 2"],
    quarantined=["too few fields"],
    lines=[4],
)
case(
    "sep_line",
    "csv",
    b"sep=;\n" + csv_text(good("sep"), delimiter=";").encode(),
    rows=good("sep"),
    assumed=["header is in line 2", "semicolons"],
)
case(
    "group_header",
    "csv",
    b"Order,,,,,,,,,,Times,,,\n" + as_csv(good("gh")),
    rows=good("gh"),
    assumed=["header is in line 2"],
)
case(
    "header_again",
    "csv",
    as_csv(good("ha", 2)) + as_csv(good("ha2", 1)),
    rows=[*good("ha", 2), *good("ha2", 1)],
    quarantined=["header again"],
    lines=[4],
)
case(
    "units_row",
    "csv",
    HEADER + b"text,text,text,text,text,text,text,text,VND,pieces,time,time,time,time\n" + body(good("ur")),
    rows=good("ur"),
    quarantined=["updated_at"],
    lines=[2],
)
case("deep_preamble", "csv", b"note\n" * 40 + as_csv(good("dp")), refused=["no header row"])
case("login_page", "csv", b"<!DOCTYPE html>\n<html>please log in</html>\n", refused=["order_id"])

# ---- delimiters, quotes, escapes, line ends -------------------------------------------------------

for name, delimiter, words in (("semicolon", ";", "semicolons"), ("bar", "|", "bars"), ("tab", "\t", "tabs")):
    case(name, "csv", csv_text(good(name), delimiter=delimiter).encode(), rows=good(name), assumed=[words])
case("comma_tsv", "tsv", as_csv(good("comma_tsv")), rows=good("comma_tsv"), assumed=["commas"])
case(
    "semicolon_bad",
    "csv",
    csv_text(good("sb", 1), delimiter=";").encode()
    + b"1;2;3\n"
    + csv_text(good("sb2", 1), delimiter=";").split("\n", 1)[1].encode(),
    rows=[*good("sb", 1), *good("sb2", 1)],
    assumed=["semicolons"],
    quarantined=["too few fields"],
    lines=[3],
)
case(
    "decimal_comma",
    "csv",
    csv_text(good("dc", 2, order_value="12,50"), delimiter=";").encode(),
    assumed=["semicolons"],
    quarantined=["order_value", "order_value"],
)
SINGLE = good("single", category="home, garden")
case("single", "csv", single_quoted(SINGLE, header=True), rows=SINGLE, assumed=["single quotes"])
case(
    "single_values",
    "csv",
    single_quoted(good("sv", category="home, garden"), header=False),
    rows=good("sv", category="home, garden"),
    assumed=["single quotes"],
)
case("apostrophes", "csv", as_csv(good("ap", category="'tis men's")), rows=good("ap", category="'tis men's"))
BACK = good("back", category='19" screen, flat')
case("backslash", "csv", escaped(BACK), rows=BACK, assumed=["backslash"])
DIRS = good("dirs", category="C:\\dir\\")
case("backslash_text", "csv", csv_text(DIRS, quoting=1).encode(), rows=DIRS)
DOUBLED = good("doubled", category='a "quoted, one"')
case("doubled", "csv", as_csv(DOUBLED), rows=DOUBLED)
BREAKS = good("breaks", category="two\nlines")
case("breaks", "csv", as_csv(BREAKS), rows=BREAKS)
case(
    "break_then_bad",
    "csv",
    as_csv(good("bb", 1, category="two\nlines")) + b"1,2\n",
    rows=good("bb", 1, category="two\nlines"),
    quarantined=["too few fields"],
    lines=[4],
)
case("crlf", "csv", as_csv(good("crlf")).replace(b"\n", b"\r\n"), rows=good("crlf"))
case("cr", "csv", as_csv(good("cr")).replace(b"\n", b"\r"), rows=good("cr"), assumed=["carriage return"])
case(
    "cr_bad",
    "csv",
    (as_csv(good("cb", 2)) + b"1,2\n").replace(b"\n", b"\r"),
    rows=good("cb", 2),
    assumed=["carriage return"],
    quarantined=["too few fields"],
    lines=[4],
)
case("no_last_end", "csv", as_csv(good("ne")).rstrip(b"\n"), rows=good("ne"), assumed=["no end"])
case("many_ends", "csv", as_csv(good("me")) + b"\n" * 40, rows=good("me"))
case(
    "empty_rows",
    "csv",
    as_csv(good("er", 1)) + b"\n\n" + body(good("er2", 1)) + b"\n\n",
    rows=[*good("er", 1), *good("er2", 1)],
)
case(
    "mixed_ends",
    "csv",
    as_csv(good("mx", 1)) + body(good("mx2", 1)).replace(b"\n", b"\r\n"),
    refused=["line ends are mixed"],
)
case(
    "blank_rows",
    "csv",
    as_csv(good("br", 1)) + b"  \n" + body(good("br2", 1)),
    rows=[*good("br", 1), *good("br2", 1)],
    quarantined=["too few fields"],
    lines=[3],
)
case(
    "empty_fields",
    "csv",
    as_csv(good("ef", 1)) + b"," * 13 + b"\n",
    rows=good("ef", 1),
    quarantined=["order_id: required"],
    lines=[3],
)
case(
    "ragged",
    "csv",
    as_csv(good("ra", 1)) + b"1,2,3\n" + body(good("ra2", 1)).rstrip(b"\n") + b",more\n" + body(good("ra3", 1)),
    rows=[*good("ra", 1), *good("ra3", 1)],
    quarantined=["too few", "too many"],
    lines=[3, 4],
)
case(
    "footer",
    "csv",
    as_csv(good("fo", 2)) + b"Total,,,,,,,,500001.00,6,,,,\n",
    rows=good("fo", 2),
    quarantined=["required"],
    lines=[4],
)
case(
    "footer_words",
    "csv",
    as_csv(good("fw", 2)) + b"2 rows exported\n",
    rows=good("fw", 2),
    quarantined=["too few fields"],
    lines=[4],
)
case("open_quote", "csv", as_csv(good("oq", 2)) + b'oq-9,"c1,s1\n', rows=good("oq", 2), quarantined=["quote"])
case(
    "cut_off",
    "csv",
    as_csv(good("co", 3))[:-30],
    rows=good("co", 2),
    assumed=["no end"],
    quarantined=["too few fields"],
    lines=[4],
)
case("formula", "csv", as_csv(good("fm", category="=1+1")), rows=good("fm", category="=1+1"))
case("long_line", "csv", as_csv(good("lo", 1)) + b"x" * (100 << 20) + b"\n", refused=["line 3 is longer than 16 MB"])
case(
    "long_line_gz",
    "csv.gz",
    gzip.compress(as_csv(good("lg", 1)) + bytes(range(32, 127)) * 700000, 1),
    refused=["line 3 is longer than 16 MB"],
)
case("long_comment", "csv", as_csv(good("lc", 1, category="y" * 300_000)), rows=good("lc", 1, category="y" * 300_000))

# ---- JSON and Parquet -----------------------------------------------------------------------------

case("json_array", "jsonl", json.dumps(good("ja")).encode(), refused=["JSON object"])
case(
    "json_blank",
    "jsonl",
    b"\n" + as_jsonl(good("jb", 1)) + b"\n\n" + as_jsonl(good("jb2", 1)),
    rows=[*good("jb", 1), *good("jb2", 1)],
)
case(
    "json_cut", "jsonl", as_jsonl(good("jc", 3))[:-40], rows=good("jc", 2), quarantined=["not a JSON object"], lines=[3]
)
case(
    "json_words",
    "jsonl",
    as_jsonl(good("jw", 1)) + b"3 rows\n",
    rows=good("jw", 1),
    quarantined=["not a JSON object"],
    lines=[2],
)
case("parquet", "parquet", as_text_parquet(good("pq")), rows=good("pq"))
case("parquet_cut", "parquet", as_text_parquet(good("pq"))[:-10], refused=["Parquet"])
case("parquet_head", "parquet", b"PAR2" + as_text_parquet(good("pq"))[4:-4] + b"PAR2", refused=["Parquet"])
case("csv_as_parquet", "parquet", as_csv(good("pq")), refused=["Parquet"])

# ---- what was once loaded wrong, or not at all ------------------------------------------------------


def parquet_of(rows: Sequence[dict[str, str | None]], **columns: pa.Array) -> bytes:
    """Text columns, but for those given, which may be new."""
    sink = io.BytesIO()
    pq.write_table(pa.table({n: pa.array([r[n] for r in rows], pa.string()) for n in rows[0]} | columns), sink)
    return sink.getvalue()


def json_of(rows: Sequence[dict[str, str | None]], **more: object) -> bytes:
    return b"".join(json.dumps(r | more).encode() + b"\n" for r in rows)


case(
    "quoted_preamble",
    "csv",
    b'"Report\nof all, orders"\n' + as_csv(good("qp")),
    refused=["above the header in line 3", "inside quotes"],
)
case("preamble_inch", "csv", b'Report 5" screens\n' + as_csv(good("pi")), rows=good("pi"), assumed=["line 2"])
SEPARATED = good("us", 2, category="a\u2028b\x0cc\x85d")
case("unicode_ends", "csv", "note \u2028 x\n".encode() + as_csv(SEPARATED), rows=SEPARATED, assumed=["line 2"])
case(
    "unseen_names",
    "csv",
    HEADER.replace(b"item_count", b"\xe2\x80\x8bitem_count") + body(good("un")),
    rows=good("un"),
    assumed=["item_count"],
)
case("two_marks", "csv", b"\xef\xbb\xbf" * 2 + as_csv(good("tm")), rows=good("tm"), assumed=["order_id"])
case(
    "blank_key",
    "csv",
    as_csv([*good("bk", 1), row("orders", "  ")]),
    rows=good("bk", 1),
    quarantined=["order_id: required"],
)
SWALLOWED = as_csv(good("sw", 4, category="fine")).replace(b"fine", b'"fine', 1)
case(
    "swallowed_rows",
    "csv",
    SWALLOWED[: SWALLOWED.index(b"sw-3")] + SWALLOWED[SWALLOWED.index(b"sw-3") :].replace(b"fine,", b'fine",', 1),
    rows=good("sw", 4, category="fine")[3:],
    quarantined=["holds whole rows"],
    lines=[2],
)
TIMES = (
    "2026-06-04T10:", "2026-06-04T1", "2026-06-0", "2026-06-04T\r10:00:00Z", "2026-06-04T10:00:00+25:00",
    "2026-06-04T10:00:00+07:75", "2026-6-4 10:00", "0000-00-00 00:00:00", "2026-06-04T10:00:00[Europe/Berlin]",
)  # fmt: skip
for number, text in enumerate(TIMES):
    rows = [*good(f"ht{number}", 1), row("orders", f"ht{number}-bad", delivered_at=text)]
    case(f"half_time_{number}", "jsonl", json_of(rows), rows=rows[:1], quarantined=["delivered_at"], lines=[2])
for name, text in (
    ("space", "2026-06-04 10:00:00"),
    ("minute", "2026-06-04T10:00Z"),
    ("hours", "2026-06-04T17:00+07"),
    ("nano", "2026-06-04T10:00:00.000000000Z"),
):
    case(f"time_{name}", "csv", as_csv(good(f"t{name}", 2, delivered_at=text)), rows=good(f"t{name}", 2))
FRACTIONS = good("fr", 2, customer_id="5001")
case("float_ids", "parquet", parquet_of(FRACTIONS, customer_id=pa.array([5001.0, 5001.0])), rows=FRACTIONS)
case(
    "half_ids",
    "parquet",
    parquet_of(good("hi", 2), customer_id=pa.array([5001.0, 5001.5])),
    rows=good("hi", 1, customer_id="5001"),
    quarantined=["customer_id"],
)
case("float_ids_json", "jsonl", json_of(good("fj", 2), customer_id=5001.0), rows=good("fj", 2, customer_id="5001"))
case(
    "text_like_a_float", "jsonl", json_of(good("tf", 2), customer_id="5001.0"), rows=good("tf", 2, customer_id="5001.0")
)
case(
    "blob_texts",
    "parquet",
    parquet_of(good("bt", 2), category=pa.array(["Pflege für".encode()] * 2, pa.binary())),
    rows=good("bt", 2, category="Pflege für"),
)
case(
    "blob_no_text",
    "parquet",
    parquet_of(good("bn", 2), category=pa.array([b"\xff\xfe"] * 2, pa.binary())),
    refused=["cannot be read"],
)
case(
    "parquet_struct",
    "parquet",
    parquet_of(good("ps", 2), customer_id=pa.array([{"id": "c1"}] * 2)),
    refused=["customer_id (struct", "flatten"],
)
case("parquet_twice", "parquet", parquet_of(good("pt", 2), MARKET=pa.array(["US", "US"])), refused=["more than once"])
case(
    "parquet_upper",
    "parquet",
    parquet_of([{k.upper(): v for k, v in r.items()} for r in good("pu", 2)]),
    rows=good("pu", 2),
    assumed=["other letters"],
)
case(
    "parquet_path",
    "parquet",
    parquet_of(good("pp", 2), filename=pa.array(["x", "y"]), _path=pa.array(["x", "y"])),
    rows=good("pp", 2),
)
LATE = [row("orders", f"lk-{n}") for n in range(1100)]
case(
    "late_key",
    "jsonl",
    json_of([{k: v for k, v in r.items() if k != "cancelled_at"} for r in LATE])
    + json_of(good("lk2", 1, cancelled_at="2026-06-03T10:00:00Z")),
    rows=[*LATE, *good("lk2", 1, cancelled_at="2026-06-03T10:00:00Z")],
)
case(
    "json_nested",
    "jsonl",
    json_of(good("jn", 1)) + json_of(good("jn2", 1), customer_id={"id": "c1"}),
    rows=good("jn", 1),
    quarantined=["customer_id: an object or a list"],
    lines=[2],
)
case("json_nested_elsewhere", "jsonl", json_of(good("je", 2), basket={"lines": [1, 2]}), rows=good("je", 2))
case(
    "json_name_twice",
    "jsonl",
    json_of(good("jt", 2)).replace(b"}", b', "market": "US"}', 1),
    rows=good("jt", 2)[1:],
    quarantined=["more than once"],
    lines=[1],
)
case(
    "json_odd_names",
    "jsonl",
    json_of(good("jo", 2), **{'we"ird $.x': 1, "a.b": 2, "": 3, "x/y~z": 4}),
    rows=good("jo", 2),
)
case(
    "json_deep",
    "jsonl",
    json_of(good("jd", 1)) + b'{"order_id":' + b"[" * 20000 + b"]" * 20000 + b"}\n",
    rows=good("jd", 1),
    quarantined=["order_id"],
    lines=[2],
)


def checked_pages(rows: Sequence[dict[str, str | None]]) -> bytes:
    sink = io.BytesIO()
    table = pa.table({n: pa.array([r[n] for r in rows], pa.string()) for n in rows[0]})
    pq.write_table(table, sink, compression="none", use_dictionary=False, write_page_checksum=True)
    return sink.getvalue()


PAGES = checked_pages(good("pg", 3))
case("pages", "parquet", PAGES, rows=good("pg", 3))
case(
    "pages_flip",
    "parquet",
    flipped(PAGES, PAGES.index(b"\t\x00\x00\x00" + b"250000.50") + 5),
    refused=["damaged", "deliver it again"],
)
case(
    "fixed_bytes",
    "parquet",
    parquet_of(good("fb", 2), customer_id=pa.array([b"ab", b"cd"], pa.binary(2))),
    refused=["customer_id (fixed_size_binary[2]) holds bytes"],
)
case(
    "mixed_above",
    "csv",
    b"Orders export\r\n" + as_csv(good("ma")),
    refused=["line ends are mixed", "CR LF and LF"],
)
case("mixed_inside", "csv", as_csv(good("mi2", category="two\r\nlines")), rows=good("mi2", category="two\r\nlines"))
case(
    "backslash_path",
    "csv",
    HEADER + b"".join(escaped(good(f"bp{n}", 1, category='5" screen')).split(b"\n", 1)[1] for n in range(3))
    + body(good("bp3", 12000)) + as_csv(good("bp4", 1, category="C:\\dir")).split(b"\n", 1)[1],
    refused=["backslash", "in doubt"],
)  # fmt: skip
for name, text in (("inside", 'c"1'), ("before", "'c1")):
    case(
        f"quote_{name}",
        "csv",
        as_csv(good(f"q{name}", 2)) + body(good(f"r{name}", 1)).replace(b",c1,", f",{text},".encode()),
        rows=good(f"q{name}", 2),
        quarantined=["customer_id"],
        lines=[4],
    )
for number, text in enumerate(("NULL", "\\N", "None", "#N/A")):
    case(
        f"no_id_{number}",
        "jsonl",
        json_of(good(f"ni{number}", 2)) + json_of(good(f"nj{number}", 1, customer_id=text)),
        rows=good(f"ni{number}", 2),
        quarantined=["customer_id"],
        lines=[3],
    )
case(
    "tail_open",
    "csv",
    as_csv(good("to", 2)) + b"'",
    rows=good("to", 2),
    assumed=["no end"],
    quarantined=["too few fields"],
    lines=[4],
)
case(
    "code_in_quotes",
    "csv",
    as_csv(good("cq", 2)) + body(good("cr2", 1, market="'VN'")),
    rows=good("cq", 2),
    quarantined=["market"],
    lines=[4],
)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """All of them in one night. By case: its line of the ledger, its records, its quarantine."""
    root = tmp_path_factory.mktemp("ugly")
    for name, c in CASES.items():
        deliver(root / "landing", f"orders/{name}.{c.ending}", c.content)
    outcome = load_only(root / "landing", root / "out")["orders"]
    assert outcome.rows_read == outcome.rows_accepted + outcome.rows_superseded + outcome.rows_quarantined
    found: dict[str, dict[str, Any]] = {name: {"records": [], "quarantine": []} for name in CASES}
    for line in drafted(root / "out", "from ledger.ingest_files"):
        found[_case(line["file"])]["ledger"] = line
    for record in drafted(root / "out", "from records.orders order by order_id"):
        found[_case(record["_file"])]["records"].append(record)
    for refusal in drafted(root / "out", "from ledger.quarantine order by file, line"):
        found[_case(refusal["file"])]["quarantine"].append(refusal)
    return found


def _case(file: str) -> str:
    return file.removeprefix("orders/").split(".")[0]


def as_loaded(record: dict[str, Any]) -> dict[str, str | None]:
    """A record as text, to be compared with the row that was meant."""
    said = {}
    for name in COLUMNS:
        value = record[name]
        said[name] = (
            value
            if value is None or isinstance(value, str)
            else f"{value:%Y-%m-%dT%H:%M:%SZ}"
            if name.endswith("_at")
            else f"{value:.2f}"
            if name == "order_value"
            else str(value)
        )
    return said


def test_there_are_enough() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", CASES)
def test_an_ugly_file(night: dict[str, dict[str, Any]], name: str) -> None:
    expected, found = CASES[name], night[name]
    ledger = found["ledger"]
    meant = sorted(expected.rows, key=lambda r: str(r["order_id"]))
    assert [as_loaded(record) for record in found["records"]] == meant
    if expected.refused:
        assert all(words in ledger["refused_reason"] for words in expected.refused), ledger["refused_reason"]
        assert (ledger["rows_read"], found["quarantine"]) == (0, [])
        return
    assert ledger["refused_reason"] is None
    assert len(found["quarantine"]) == len(expected.quarantined), found["quarantine"]
    for refusal, words in zip(found["quarantine"], expected.quarantined, strict=True):
        assert words in refusal["reason"], refusal
    if expected.lines is not None:
        assert [refusal["line"] for refusal in found["quarantine"]] == list(expected.lines)
    assert len(ledger["assumed"]) == len(expected.assumed), ledger["assumed"]
    for words in expected.assumed:
        assert any(words in said for said in ledger["assumed"]), ledger["assumed"]
    assert ledger["rows_read"] == len(expected.rows) + len(expected.quarantined)


def test_zstd_frames_with_a_checksum_are_verified(tmp_path: Path) -> None:
    """Arrow writes none; the command-line tool does. A frame by hand: magic, descriptor with the checksum flag, one raw block."""
    content = as_csv(good("zc"))
    frame = bytes.fromhex("28b52ffd") + bytes([0x64]) + (len(content) - 256).to_bytes(2, "little")
    frame += (len(content) << 3 | 1).to_bytes(3, "little") + content
    deliver(tmp_path / "landing", "orders/a.csv.zst", frame + b"\0\0\0\0")
    outcome = load_only(tmp_path / "landing", tmp_path / "out")["orders"]
    assert "unpacked" in outcome.refused["orders/a.csv.zst"]
    assert pa.decompress(zstandard(content), len(content), codec="zstd", asbytes=True) == content
