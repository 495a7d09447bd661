"""A file that cannot be read, or lacks a required column, is refused whole and said; the other files load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from examples import REQUIRED, as_csv, as_jsonl, as_text_parquet, as_tsv, row, zipped, zstandard

from tests.acceptance.nights import deliver, drafted, load_only, publish, published

GOOD = [row("orders", f"o{n}") for n in range(50)]
CSV = as_csv(GOOD)


def without(*columns: str) -> list[dict[str, str | None]]:
    return [{name: value for name, value in r.items() if name not in columns} for r in GOOD]


LATIN = as_csv([row("orders", "latin", category="BEFORE")]).replace(b"BEFORE", "beauté".encode("latin-1"))
NOISE = bytes((i * i * 31 + i * 7) % 256 for i in range(5000))

# file: its content, and words its reason must hold: what was found, or what was expected
REFUSED: dict[str, tuple[bytes, list[str]]] = {
    "no_market.csv": (as_csv(without("market")), ["market"]),
    "no_key.csv": (as_csv(without("order_id")), ["order_id"]),
    "no_two.csv": (as_csv(without("ordered_at", "updated_at")), ["ordered_at", "updated_at"]),
    "no_market.tsv": (as_tsv(without("market")), ["market"]),
    "no_market.parquet": (as_text_parquet(without("market")), ["market"]),
    "no_market.csv.zst": (zstandard(as_csv(without("market"))), ["market"]),
    "no_header.csv": (CSV.split(b"\n", 1)[1], ["header"]),
    "empty.csv": (b"", ["empty"]),
    "empty.csv.gz": (zipped(b""), ["header"]),
    "empty.tsv": (b"", ["empty"]),
    "empty.parquet": (b"", []),
    "nothing.csv.gz": (b"", []),
    "truncated.csv.gz": (zipped(CSV)[:-40], []),
    "truncated.jsonl.gz": (zipped(as_jsonl(GOOD))[:-40], []),
    "truncated.csv.zst": (zstandard(CSV)[:-40], []),
    "truncated.parquet": (as_text_parquet(GOOD)[:-40], []),
    "not_zipped.csv.gz": (CSV, []),
    "latin.csv": (CSV + LATIN.split(b"\n", 1)[1], ["UTF-8"]),
    "latin.csv.gz": (zipped(CSV + LATIN.split(b"\n", 1)[1]), ["UTF-8"]),
    "utf16.csv": (CSV.decode().encode("utf-16"), []),
    "noise.csv": (NOISE, []),
    "noise.csv.gz": (NOISE, []),
    "noise.jsonl": (NOISE, []),
    "noise.parquet": (NOISE, []),
    "noise.csv.zst": (NOISE, []),
    "workbook.xlsx": (b"PK\x03\x04" + NOISE, ["csv", "parquet"]),
    "page.html": (b"<html>please log in</html>", ["csv"]),
    "archive.zip": (b"PK\x03\x04" + NOISE, ["csv"]),
    "login.csv": (b"<!DOCTYPE html>\n<html>please log in</html>\n", ["order_id"]),
    "twice.csv": (CSV.replace(b"cancelled_at", b"delivered_at", 1), ["delivered_at"]),
}


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """One published night over all of them, a good file before, between and after them."""
    root = tmp_path_factory.mktemp("refused")
    for name, (content, _) in REFUSED.items():
        deliver(root / "landing", f"orders/{name}", content)
    for name in ("aaa.csv", "mmm.csv", "zzz.jsonl"):
        rows = [row("orders", f"{name} {n}") for n in range(3)]
        deliver(root / "landing", f"orders/{name}", as_jsonl(rows) if name.endswith("jsonl") else as_csv(rows))
    deliver(root / "landing", "surveys/a.csv", as_csv([row("surveys", "a1", order_id="aaa.csv 0")]))
    return root / "out", publish(root / "landing", root / "out", "2026-07-01")


def test_the_night_ends_with_status_1(night: tuple[Path, Any]) -> None:
    _, result = night
    assert result.exit_status == 1


@pytest.mark.parametrize("name", list(REFUSED))
def test_it_is_refused_whole(night: tuple[Path, Any], name: str) -> None:
    """Not one row of it is loaded or in quarantine; the reason says what was found or expected."""
    out, result = night
    (ledger,) = published(out, f"from ingest_files where file = 'orders/{name}'")
    assert ledger["refused_reason"], ledger
    assert f"orders/{name}" in result.refused
    assert result.refused[f"orders/{name}"] == ledger["refused_reason"]
    for word in REFUSED[name][1]:
        assert word.lower() in ledger["refused_reason"].lower()
    assert (ledger["rows_accepted"] or 0, ledger["rows_quarantined"] or 0) == (0, 0)
    assert drafted(out, f"from ledger.quarantine where file = 'orders/{name}'") == []
    assert drafted(out, f"from records.orders where _file = 'orders/{name}'") == []


@pytest.mark.parametrize("name", list(REFUSED))
def test_the_reason_says_the_next_move(night: tuple[Path, Any], name: str) -> None:
    """A sentence a supplier can act on, not only the engine's own message."""
    _, result = night
    reason = result.refused.get(f"orders/{name}", "")
    moves = ("deliver", "export", "add", "rename", "write", "expected", "send", "save", "convert", "map", "must")
    assert any(move in reason.lower() for move in moves), reason
    assert "Traceback" not in reason
    assert "__" not in reason


def test_the_other_files_load(night: tuple[Path, Any]) -> None:
    out, _ = night
    rows = published(
        out, "select file, rows_accepted, refused_reason from ingest_files where file similar to '.*/(aaa|mmm|zzz).*'"
    )
    assert {r["file"]: (r["rows_accepted"], r["refused_reason"]) for r in rows} == {
        f"orders/{name}": (3, None) for name in ("aaa.csv", "mmm.csv", "zzz.jsonl")
    }
    assert drafted(out, "select count(*) as n from records.orders") == [{"n": 9}]
    (nps,) = published(out, "from kpi_weekly where kpi = 'nps' and statistic = 'value' and dimension = 'all' and n > 0")
    assert (nps["value"], nps["n"]) == (100.0, 1)


def test_a_corrected_file_heals_its_refusal(tmp_path: Path) -> None:
    landing, out = tmp_path / "landing", tmp_path / "out"
    deliver(landing, "orders/a.csv", as_csv(without("market")))
    deliver(landing, "orders/b.csv.gz", zipped(CSV)[:-40])
    assert set(load_only(landing, out)["orders"].refused) == {"orders/a.csv", "orders/b.csv.gz"}
    deliver(landing, "orders/a.csv", CSV)
    assert set(load_only(landing, out)["orders"].refused) == {"orders/b.csv.gz"}
    deliver(landing, "orders/b.csv.gz", zipped(CSV))
    assert load_only(landing, out)["orders"].refused == {}
    ledger = drafted(out, "select file, rows_read, refused_reason from ledger.ingest_files order by file")
    assert ledger == [
        {"file": "orders/a.csv", "rows_read": 50, "refused_reason": None},
        {"file": "orders/b.csv.gz", "rows_read": 50, "refused_reason": None},
    ]


def test_a_file_that_is_still_broken_is_refused_every_night(tmp_path: Path) -> None:
    """It does not become silent: until it is corrected or taken away the night says it again."""
    deliver(tmp_path / "landing", "orders/a.csv", as_csv(without("market")))
    for _ in range(2):
        assert load_only(tmp_path / "landing", tmp_path / "out")["orders"].refused
    assert len(drafted(tmp_path / "out", "from ledger.ingest_files")) == 1


def test_a_good_file_replaced_by_a_broken_one(tmp_path: Path) -> None:
    """What it had delivered stays; the ledger says that the new version was refused."""
    deliver(tmp_path / "landing", "orders/a.csv", CSV)
    load_only(tmp_path / "landing", tmp_path / "out")
    deliver(tmp_path / "landing", "orders/a.csv", as_csv(without("market")))
    assert set(load_only(tmp_path / "landing", tmp_path / "out")["orders"].refused) == {"orders/a.csv"}
    assert drafted(tmp_path / "out", "select count(*) as n from records.orders") == [{"n": 50}]
    assert drafted(tmp_path / "out", "from ledger.ingest_files where refused_reason is not null")


@pytest.mark.parametrize("source", list(REQUIRED))
def test_every_required_column_is_required(tmp_path: Path, source: str) -> None:
    """And no other: a file of the required columns alone is loaded."""
    good = {name: value for name, value in row(source, "k").items() if name in REQUIRED[source]}
    deliver(tmp_path / "landing", f"{source}/good.csv", as_csv([good]))
    for column in REQUIRED[source]:
        lacking = {name: value for name, value in row(source, "k").items() if name != column}
        deliver(tmp_path / "landing", f"{source}/no_{column}.csv", as_csv([lacking]))
    outcome = load_only(tmp_path / "landing", tmp_path / "out")[source]
    assert set(outcome.refused) == {f"{source}/no_{column}.csv" for column in REQUIRED[source]}
    assert all(column in outcome.refused[f"{source}/no_{column}.csv"] for column in REQUIRED[source])
    assert outcome.rows_accepted == 1


def test_json_without_a_required_key_anywhere_is_refused(tmp_path: Path) -> None:
    """JSON has no header: a key that no row has is a missing column; one that some rows lack is empty there."""
    deliver(tmp_path / "landing", "orders/none.jsonl", as_jsonl(without("market")))
    deliver(tmp_path / "landing", "orders/some.jsonl", as_jsonl([GOOD[0], without("market")[1]]))
    outcome = load_only(tmp_path / "landing", tmp_path / "out")["orders"]
    assert "market" in outcome.refused["orders/none.jsonl"]
    assert (outcome.rows_accepted, outcome.rows_quarantined) == (1, 1)


def test_the_files_own_path_never_leaves_the_machine(night: tuple[Path, Any]) -> None:
    """Reasons are published: they name the file as the ledger does, not the folder it lay in."""
    out, result = night
    assert not [reason for reason in result.refused.values() if str(out.parent) in reason]
