"""Files of a landing folder: their form, delimiter and columns; which are new; which cannot be read at all."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from transforms.landing.files import ENDINGS, Refused, Shape, arrived, shape_of

CSV = "order_id,market\no1,VN\n"


def packed(content: bytes, ending: str) -> bytes:
    if ending.endswith(".gz"):
        return gzip.compress(content)
    return bytes(pa.compress(content, codec="zstd", asbytes=True)) if ending.endswith(".zst") else content


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(packed(data, name))
    return path


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".csv.zst", ".CSV", ".tsv", ".tsv.gz", ".tsv.zst"])
def test_delimited_text(tmp_path: Path, ending: str) -> None:
    delimiter = "\t" if "tsv" in ending else ","
    path = write(tmp_path, f"orders{ending}", CSV.replace(",", delimiter))
    assert shape_of(path) == Shape("csv", delimiter, ("order_id", "market"))


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".ndjson.gz", ".ndjson.zst"])
def test_json_lines(tmp_path: Path, ending: str) -> None:
    """Keys of all first records; a broken line is a row's fault, not the file's."""
    lines = [json.dumps({"order_id": "o1"}), "{broken", json.dumps([1]), json.dumps({"market": "VN", "order_id": "o2"})]
    assert shape_of(write(tmp_path, f"orders{ending}", "\n".join(lines))) == Shape("jsonl", "", ("market", "order_id"))


def test_json_lines_without_an_object_have_no_columns(tmp_path: Path) -> None:
    assert shape_of(write(tmp_path, "orders.jsonl", "1\n[2]\n")).columns == ()


def test_parquet(tmp_path: Path) -> None:
    """Types belong to the shape: files that convert differently are not read together."""
    frame = pd.DataFrame({"order_id": ["o1"], "item_count": [2]})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.astype({"item_count": str}).to_parquet(tmp_path / "b.parquet")
    first, second = shape_of(tmp_path / "a.parquet"), shape_of(tmp_path / "b.parquet")
    assert (first.form, first.columns) == ("parquet", ("order_id", "item_count"))
    assert first.typed[1] == "int64"
    assert first != second


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("\ufefforder_id,market\n", ("order_id", "market")),
        (" order_id , market \r\n", ("order_id", "market")),
        ('"order_id","the, market"\n', ("order_id", "the, market")),
        ('"order\nid",market\n', ("order\nid", "market")),
        ("order_id", ("order_id",)),
        ("order_id,,\n", ("order_id", "", "")),
        ("market,order_id\n", ("market", "order_id")),
    ],
    ids=["mark", "blanks", "quoted", "line break", "no rows", "nameless", "any order"],
)
def test_headers(tmp_path: Path, header: str, columns: tuple[str, ...]) -> None:
    assert shape_of(write(tmp_path, "orders.csv", header)).columns == columns


REFUSED = {
    "unknown ending": ("orders.xlsx", CSV, "its name ends in none of"),
    "no ending": ("orders", CSV, "rename the file"),
    "empty": ("orders.csv", b"", "the file is empty"),
    "no header": ("orders.csv", "\n\n", "no header row"),
    "only commas": ("orders.csv", ",,\n", "no header row"),
    "twice": ("orders.csv", "market,order_id,market\n", "column 'market' stands in the header more than once"),
    "binary": ("orders.csv", b"order_id\0market\n", "binary data"),
    "Latin-1": ("orders.csv", "straße,markt\n".encode("latin-1"), "not UTF-8: byte 0xdf at offset 4"),
    "UTF-16": ("orders.csv", CSV.encode("utf-16"), "expected UTF-8|not UTF-8"),
    "no Parquet": ("orders.parquet", CSV, "cannot be read as Parquet"),
    "huge field": ("orders.csv", "a" * 200_000 + ",b\n", "its header row cannot be read"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_file_is_refused_with_what_was_found(tmp_path: Path, fault: str) -> None:
    name, content, said = REFUSED[fault]
    with pytest.raises(Refused, match=said):
        shape_of(write(tmp_path, name, content))


@pytest.mark.parametrize("ending", [".csv.gz", ".jsonl.gz", ".csv.zst"])
def test_a_file_that_cannot_be_unpacked_is_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"orders{ending}"
    path.write_bytes(b"this was never packed")
    with pytest.raises(Refused, match="cannot be unpacked as"):
        shape_of(path)


def test_a_transfer_that_broke_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv.gz"
    whole = gzip.compress("".join(f"o{n},VN\n" for n in range(9000)).encode())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Refused, match="deliver it again"):
        shape_of(path)


def test_every_ending_is_tried() -> None:
    assert {".csv", ".tsv.gz", ".jsonl.zst", ".ndjson", ".parquet"} <= ENDINGS.keys()


# ---- what arrived ---------------------------------------------------------------------------------


def test_files_come_in_order_of_name_with_their_folder(tmp_path: Path) -> None:
    for name in ("orders/2026-11-02.csv", "orders/2026-11-01.csv", "orders/late/a.csv", "shop/answers.csv"):
        write(tmp_path, name, CSV)
    found = arrived(tmp_path, {"orders": "orders", "surveys": "shop"}, [])
    assert [(d.source, d.name) for d in found] == [
        ("orders", "orders/2026-11-01.csv"),
        ("orders", "orders/2026-11-02.csv"),
        ("orders", "orders/late/a.csv"),
        ("surveys", "shop/answers.csv"),
    ]


def test_hidden_files_and_missing_folders_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "orders/.a.csv.part", CSV)
    write(tmp_path, "orders/.uploading/b.csv", CSV)
    assert arrived(tmp_path, {"orders": "orders", "returns": "returns"}, []) == []


def test_what_was_seen_is_known_by_its_content(tmp_path: Path) -> None:
    """The same file is old, the same name with other content is new, for each source on its own."""
    path = write(tmp_path, "orders/a.csv", CSV)
    (first,) = arrived(tmp_path, {"orders": "orders"}, [])
    seen = [(first.source, first.name, first.sha256)]
    assert arrived(tmp_path, {"orders": "orders"}, seen) == []
    assert [d.source for d in arrived(tmp_path, {"orders": "orders", "returns": "orders"}, seen)] == ["returns"]
    path.write_text(CSV + "o2,TH\n", encoding="utf-8")
    assert [d.name for d in arrived(tmp_path, {"orders": "orders"}, seen)] == ["orders/a.csv"]
