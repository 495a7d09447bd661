"""The same rows in every format, and in every way a tolerant reader must accept, give the same records."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from examples import (
    FORMATS,
    GOOD,
    KEY,
    as_csv,
    as_jsonl,
    as_naive_parquet,
    as_text_parquet,
    as_tsv,
    row,
    sparse,
    zipped,
)

from tests.acceptance.nights import csv_text, deliver, drafted, load_only


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file per format and source; the key of each row ends with the format's name."""
    root = tmp_path_factory.mktemp("formats")
    writers = FORMATS | {"naive.parquet": as_naive_parquet, "text.parquet": as_text_parquet}
    for source in GOOD:
        for form, write in writers.items():
            rows = [row(source, f"1 {form}"), sparse(source, f"2 {form}")]
            deliver(
                root / "landing", f"{source}/{source}_{form.replace('.', '_', form.count('.') - 1)}.{form}", write(rows)
            )
    load_only(root / "landing", root / "out")
    return root / "out"


def records(out: Path, source: str, suffix: str) -> list[tuple[Any, ...]]:
    """All contract columns of the rows whose key ends with the suffix, without their key."""
    rest = ", ".join(name for name in GOOD[source] if name != KEY[source])
    sql = f"select {rest} from records.{source} where {KEY[source]} like '_ {suffix}' order by {KEY[source]}"
    return [tuple(r.values()) for r in drafted(out, sql)]


@pytest.mark.parametrize("source", list(GOOD))
@pytest.mark.parametrize("form", [*FORMATS, "naive.parquet", "text.parquet"])
def test_every_format_gives_the_same_records(loaded: Path, source: str, form: str) -> None:
    found = records(loaded, source, form)
    assert len(found) == 2, drafted(loaded, f"from ledger.quarantine where source = '{source}'") + drafted(
        loaded, f"from ledger.ingest_files where refused_reason is not null and source = '{source}'"
    )
    assert found == records(loaded, source, "csv")


def test_the_values_are_those_of_the_file(loaded: Path) -> None:
    sql = "select order_value, item_count, market, cast(ordered_at as varchar) as t, cancelled_at from records.orders"
    (found,) = drafted(loaded, f"{sql} where order_id = '1 csv'")
    assert float(found["order_value"]) == 250000.5
    assert (found["item_count"], found["market"], found["cancelled_at"]) == (3, "VN", None)
    assert found["t"].startswith("2026-06-01 08:15:30")


def test_an_empty_field_is_null(loaded: Path) -> None:
    (found,) = drafted(loaded, "select * from records.orders where order_id = '2 csv'")
    assert [found[name] for name in ("seller_id", "category", "order_value", "item_count", "delivered_at")] == [
        None
    ] * 5


BOM = b"\xef\xbb\xbf"


def order(key: str, **changes: str | None) -> list[dict[str, str | None]]:
    return [row("orders", key, **changes)]


# what is odd: the file's ending, and its content for a key; its one row must read as the good row does
TOLERATED: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "nothing": ("csv", lambda key: as_csv(order(key))),
    "byte order mark": ("csv", lambda key: BOM + as_csv(order(key))),
    "byte order mark, gzip": ("csv.gz", lambda key: zipped(BOM + as_csv(order(key)))),
    "crlf": ("csv", lambda key: as_csv(order(key)).replace(b"\n", b"\r\n")),
    "no newline at the end": ("csv", lambda key: as_csv(order(key)).rstrip(b"\n")),
    "byte order mark and crlf": ("csv", lambda key: BOM + as_csv(order(key)).replace(b"\n", b"\r\n")),
    "columns reversed": ("csv", lambda key: csv_text(order(key), list(GOOD["orders"])[::-1]).encode()),
    "more columns": ("csv", lambda key: as_csv([order(key)[0] | {"warehouse_note": "dock 7, left", "x": ""}])),
    "every field quoted": ("csv", lambda key: csv_text(order(key), quoting=csv.QUOTE_ALL).encode()),
    "offsets": (
        "csv",
        lambda key: as_csv(
            order(key, ordered_at="2026-06-01T15:15:30+07:00", delivered_at="2026-06-04T02:00:00-08:00")
        ),
    ),
    "no offset": (
        "csv",
        lambda key: as_csv(order(key, ordered_at="2026-06-01T08:15:30", updated_at="2026-06-04T10:00:00")),
    ),
    "fractional seconds": ("csv", lambda key: as_csv(order(key, ordered_at="2026-06-01T08:15:30.000Z"))),
    "fractions and an offset": ("csv", lambda key: as_csv(order(key, ordered_at="2026-06-01T10:15:30.000000+02:00"))),
    "jsonl": ("jsonl", lambda key: as_jsonl(order(key))),
    "jsonl, byte order mark": ("jsonl", lambda key: BOM + as_jsonl(order(key))),
    "jsonl, crlf": ("jsonl", lambda key: as_jsonl(order(key)).replace(b"\n", b"\r\n")),
    "jsonl, keys reversed": ("jsonl", lambda key: as_jsonl([dict(reversed(order(key)[0].items()))])),
    "jsonl, null keys left out": ("jsonl", lambda key: as_jsonl([{k: v for k, v in order(key)[0].items() if v}])),
    "jsonl, empty text": ("jsonl", lambda key: as_jsonl(order(key, cancelled_at=""))),
    "jsonl, numbers as text": ("jsonl", lambda key: json.dumps(order(key)[0]).encode() + b"\n"),
    "jsonl, one more key": ("jsonl", lambda key: as_jsonl([order(key)[0] | {"note": "n"}])),
    "tsv, crlf": ("tsv", lambda key: as_tsv(order(key)).replace(b"\n", b"\r\n")),
    "tsv, byte order mark": ("tsv", lambda key: BOM + as_tsv(order(key))),
}


@pytest.fixture(scope="module")
def tolerated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file per oddity, named for it, with one order whose key is that name."""
    root = tmp_path_factory.mktemp("tolerated")
    for name, (ending, content) in TOLERATED.items():
        deliver(root / "landing", f"orders/{name.replace(',', '').replace(' ', '_')}.{ending}", content(name))
    load_only(root / "landing", root / "out")
    return root / "out"


@pytest.mark.parametrize("name", list(TOLERATED))
def test_what_is_tolerated(tolerated: Path, name: str) -> None:
    columns = ", ".join(c for c in GOOD["orders"] if c != "order_id")
    found = drafted(tolerated, f"select {columns} from records.orders where order_id = '{name}'")
    assert len(found) == 1, drafted(tolerated, "select file, refused_reason from ledger.ingest_files") + drafted(
        tolerated, "from ledger.quarantine"
    )
    assert found == drafted(tolerated, f"select {columns} from records.orders where order_id = 'nothing'")


@pytest.mark.parametrize(
    ("name", "columns"), [("more_columns", ["warehouse_note", "x"]), ("jsonl_one_more_key", ["note"]), ("crlf", [])]
)
def test_ignored_columns_are_reported(tolerated: Path, name: str, columns: list[str]) -> None:
    (ledger,) = drafted(tolerated, f"select columns_ignored from ledger.ingest_files where file like 'orders/{name}.%'")
    assert sorted(ledger["columns_ignored"] or []) == columns


TEXTS = [
    "a,b",
    'she said "easy"',
    "two\nlines",
    "two\r\nlines",
    "tab\there",
    " spaces ",
    "ünïcödé 🙂 ตลาด",
    "'",
    "\\",
    "\\n",
    "NULL",
    "null",
]


@pytest.fixture(scope="module")
def comments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("comments")
    for form in ("csv", "tsv", "csv.gz", "jsonl", "parquet"):
        rows = [row("surveys", f"{form} {n}", comment=text) for n, text in enumerate(TEXTS)]
        deliver(root / "landing", f"surveys/{form.replace('.', '_')}.{form}", FORMATS[form](rows))
    quoted = as_csv([row("surveys", "quoted", comment="@", score="@")]).replace(b"@", b'""')
    deliver(root / "landing", "surveys/quoted.csv", quoted)
    load_only(root / "landing", root / "out")
    return root / "out"


@pytest.mark.parametrize("form", ["csv", "tsv", "csv.gz", "jsonl", "parquet"])
def test_text_arrives_as_it_was_written(comments: Path, form: str) -> None:
    """RFC 4180: commas, quotes and line breaks inside quotes; nothing in a text is an escape or a null."""
    rows = drafted(comments, f"select response_id, comment from records.surveys where response_id like '{form} %'")
    found = {int(r["response_id"].split()[1]): r["comment"] for r in rows}
    assert [found.get(n) for n in range(len(TEXTS))] == TEXTS


def test_a_quoted_empty_field_is_empty_too(comments: Path) -> None:
    (found,) = drafted(comments, "select comment, score from records.surveys where response_id = 'quoted'")
    assert found == {"comment": None, "score": None}


def test_a_header_alone_is_a_file_without_rows(tmp_path: Path) -> None:
    """A quiet night sends a header: nothing is refused."""
    header = csv_text([], list(GOOD["orders"]))
    deliver(tmp_path / "landing", "orders/quiet.csv", header)
    deliver(tmp_path / "landing", "orders/quiet.csv.gz", zipped(header.encode()))
    deliver(tmp_path / "landing", "orders/quiet.parquet", as_text_parquet(order("o1")))
    load_only(tmp_path / "landing", tmp_path / "out")
    rows = drafted(tmp_path / "out", "select file, rows_read, refused_reason from ledger.ingest_files order by file")
    assert rows == [
        {"file": "orders/quiet.csv", "rows_read": 0, "refused_reason": None},
        {"file": "orders/quiet.csv.gz", "rows_read": 0, "refused_reason": None},
        {"file": "orders/quiet.parquet", "rows_read": 1, "refused_reason": None},
    ]


def test_fractions_of_a_second_decide_which_state_is_latest(tmp_path: Path) -> None:
    """Also across offsets: the moment counts, not the text."""
    states = [
        row("orders", "o1", category="old", updated_at="2026-06-04T10:00:00.250Z"),
        row("orders", "o1", category="new", updated_at="2026-06-04T17:00:00.500+07:00"),
        row("orders", "o1", category="older", updated_at="2026-06-04T10:00:00Z"),
    ]
    deliver(tmp_path / "landing", "orders/a.csv", as_csv(states))
    load_only(tmp_path / "landing", tmp_path / "out")
    assert drafted(tmp_path / "out", "select category from records.orders") == [{"category": "new"}]


def test_a_gzip_file_of_several_members(tmp_path: Path) -> None:
    """What `cat a.gz b.gz` writes."""
    first, second = as_csv(order("o1")), as_csv(order("o2")).split(b"\n", 1)[1]
    deliver(tmp_path / "landing", "orders/a.csv.gz", zipped(first) + zipped(second))
    load_only(tmp_path / "landing", tmp_path / "out")
    assert [r["order_id"] for r in drafted(tmp_path / "out", "from records.orders order by order_id")] == ["o1", "o2"]


@pytest.mark.parametrize(
    "name",
    ["with space.csv", "UPPER.CSV", "orders.2026-06-01.csv", "päckchen.csv", "it's.csv", "a[1].csv", "star*.csv"],
)
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    """A name is never taken for a pattern or for SQL."""
    deliver(tmp_path / "landing", f"orders/{name}", as_csv(order("o1")))
    deliver(tmp_path / "landing", "orders/starfish.csv", as_csv(order("o2")))
    outcome = load_only(tmp_path / "landing", tmp_path / "out")["orders"]
    assert (outcome.rows_read, outcome.rows_accepted, outcome.refused) == (2, 2, {})
    names = [r["file"] for r in drafted(tmp_path / "out", "select file from ledger.ingest_files")]
    assert set(names) == {f"orders/{name}", "orders/starfish.csv"}
