"""The latest state of a key wins, whatever the order of arrival; a file delivered again heals what it had broken."""

from __future__ import annotations

import gzip
import os
import random
import shutil
from itertools import permutations
from pathlib import Path

import pytest
from examples import FORMATS, as_csv, as_jsonl, as_text_parquet, row

from tests.acceptance.nights import csv_text, deliver, drafted, load_only

EARLY, MIDDLE, LATE = "2026-06-05T10:00:00Z", "2026-06-06T10:00:00Z", "2026-06-07T10:00:00Z"


def state(category: str, updated_at: str, key: str = "o1") -> dict[str, str | None]:
    return row("orders", key, category=category, updated_at=updated_at)


def kept(out: Path, key: str = "o1") -> str:
    rows = drafted(out, f"select category from records.orders where order_id = '{key}'")
    assert len(rows) == 1
    return str(rows[0]["category"])


STATES = [state("first", EARLY), state("second", MIDDLE), state("third", LATE)]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_the_latest_state_wins_in_any_order_of_files(tmp_path: Path, order: tuple[int, ...]) -> None:
    """In one night; the name of a file says nothing about its rows."""
    for name, number in zip("abc", order, strict=True):
        deliver(tmp_path / "landing", f"orders/{name}.csv", as_csv([STATES[number]]))
    outcome = load_only(tmp_path / "landing", tmp_path / "out")["orders"]
    assert kept(tmp_path / "out") == "third"
    assert (outcome.rows_read, outcome.rows_accepted, outcome.rows_superseded, outcome.rows_quarantined) == (3, 1, 2, 0)
    ledger = drafted(tmp_path / "out", "select rows_accepted from ledger.ingest_files order by file")
    assert [r["rows_accepted"] for r in ledger] == [int(number == 2) for number in order]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_the_latest_state_wins_in_any_order_of_nights(tmp_path: Path, order: tuple[int, ...]) -> None:
    for night, number in enumerate(order):
        deliver(tmp_path / "landing", f"orders/{number}.csv", as_csv([STATES[number]]))
        load_only(tmp_path / "landing", tmp_path / "out")
        assert kept(tmp_path / "out") == ["first", "second", "third"][max(order[: night + 1])]


def test_rows_of_one_file(tmp_path: Path) -> None:
    """Within a file too; and a row that is there twice is superseded once."""
    deliver(tmp_path / "landing", "orders/a.csv", as_csv([*STATES[::-1], STATES[2]]))
    outcome = load_only(tmp_path / "landing", tmp_path / "out")["orders"]
    assert kept(tmp_path / "out") == "third"
    assert (outcome.rows_read, outcome.rows_accepted, outcome.rows_superseded) == (4, 1, 3)


def test_a_tie_goes_to_the_file_last_in_order_of_name(tmp_path: Path) -> None:
    deliver(tmp_path / "landing", "orders/orders_2026-06-08.csv", as_csv([state("later file", EARLY)]))
    deliver(tmp_path / "landing", "orders/orders_2026-06-07.csv", as_csv([state("earlier file", EARLY)]))
    load_only(tmp_path / "landing", tmp_path / "out")
    assert kept(tmp_path / "out") == "later file"


@pytest.mark.parametrize(("first", "second"), [("csv", "jsonl"), ("jsonl", "csv")])
def test_a_tie_across_formats(tmp_path: Path, first: str, second: str) -> None:
    """Files of different formats are read apart; their order of name still decides."""
    write = {"csv": as_csv, "jsonl": as_jsonl}
    deliver(tmp_path / "landing", f"orders/a.{first}", write[first]([state("a", EARLY)]))
    deliver(tmp_path / "landing", f"orders/b.{second}", write[second]([state("b", EARLY)]))
    load_only(tmp_path / "landing", tmp_path / "out")
    assert kept(tmp_path / "out") == "b"


def test_a_tie_across_shapes(tmp_path: Path) -> None:
    """Files whose columns differ are read apart as well."""
    plain = as_csv([state("b", EARLY)])
    more = as_csv([state("a", EARLY) | {"note": "x"}])
    deliver(tmp_path / "landing", "orders/b.csv", plain)
    deliver(tmp_path / "landing", "orders/a.csv", more)
    deliver(tmp_path / "landing", "orders/c.csv", as_csv([state("c", EARLY) | {"note": "x"}]))
    load_only(tmp_path / "landing", tmp_path / "out")
    assert kept(tmp_path / "out") == "c"


def test_a_tie_is_not_decided_by_the_night(tmp_path: Path) -> None:
    """The file that is last in order of name, whether it comes first or last; only its own new content is later."""
    deliver(tmp_path / "landing", "orders/z.csv", as_csv([state("z", EARLY)]))
    load_only(tmp_path / "landing", tmp_path / "out")
    deliver(tmp_path / "landing", "orders/a.csv", as_csv([state("a", EARLY)]))
    outcome = load_only(tmp_path / "landing", tmp_path / "out")["orders"]
    assert (outcome.rows_accepted, outcome.rows_superseded) == (0, 1)
    assert kept(tmp_path / "out") == "z"
    deliver(tmp_path / "landing", "orders/z.csv", as_csv([state("z again", EARLY)]))
    load_only(tmp_path / "landing", tmp_path / "out")
    assert kept(tmp_path / "out") == "z again"


@pytest.mark.parametrize("seed", range(6))
def test_ties_fall_alike_in_any_split_into_nights(tmp_path: Path, seed: int) -> None:
    """Files of several formats full of ties, in random lots of nights, some more than once: the records of one night."""
    chance = random.Random(seed)
    write = {"csv": as_csv, "jsonl": as_jsonl, "parquet": as_text_parquet}
    files = {
        f"orders/{chance.choice('abc')}{n}{chance.choice(['', '-x', '_x', '/x'])}.{ending}": write[ending](
            [
                state(f"file {n} row {at}", chance.choice([EARLY, MIDDLE]), f"o{chance.randint(1, 5)}")
                for at in range(chance.randint(1, 8))
            ]
        )
        for n in range(9)
        for ending in [chance.choice(list(write))]
    }
    for name, content in files.items():
        deliver(tmp_path / "at_once", name, content)
    load_only(tmp_path / "at_once", tmp_path / "expected")
    arriving = [*files, *chance.sample(list(files), 4)]
    chance.shuffle(arriving)
    nights = chance.randint(2, 4)
    for night in range(nights):
        shutil.rmtree(tmp_path / "landing", ignore_errors=True)  # a file that came once may be gone, and come again
        (tmp_path / "landing").mkdir()
        for name in arriving[night::nights]:
            deliver(tmp_path / "landing", name, files[name])
        load_only(tmp_path / "landing", tmp_path / "out")
    records = "from records.orders order by order_id"
    assert drafted(tmp_path / "out", records) == drafted(tmp_path / "expected", records)


def test_a_tie_within_a_mapped_file_goes_to_the_row_further_down(tmp_path: Path) -> None:
    """Whatever the order in which the mapping returns its rows."""
    deliver(tmp_path / "landing", "orders/a.csv", as_csv([state("above", EARLY), state("below", EARLY)]))
    deliver(tmp_path / "mapping", "orders.sql", "select * exclude (_file) from extract order by _line desc")
    load_only(tmp_path / "landing", tmp_path / "out", mapping=tmp_path / "mapping")
    assert kept(tmp_path / "out") == "below"


def test_nothing_is_deleted_by_absence(tmp_path: Path) -> None:
    """A file replaced by one with other rows: what it said before stays."""
    deliver(tmp_path / "landing", "orders/a.csv", as_csv([state("first", EARLY, "o1"), state("first", EARLY, "o2")]))
    load_only(tmp_path / "landing", tmp_path / "out")
    deliver(tmp_path / "landing", "orders/a.csv", as_csv([state("second", MIDDLE, "o2")]))
    load_only(tmp_path / "landing", tmp_path / "out")
    assert kept(tmp_path / "out", "o1") == "first"
    assert kept(tmp_path / "out", "o2") == "second"


def test_a_file_that_was_removed_changes_nothing(tmp_path: Path) -> None:
    path = deliver(tmp_path / "landing", "orders/a.csv", as_csv([state("first", EARLY)]))
    load_only(tmp_path / "landing", tmp_path / "out")
    path.unlink()
    load_only(tmp_path / "landing", tmp_path / "out")
    assert kept(tmp_path / "out") == "first"


def test_the_same_file_again_is_not_read_again(tmp_path: Path) -> None:
    deliver(tmp_path / "landing", "orders/a.csv", as_csv(STATES))
    load_only(tmp_path / "landing", tmp_path / "out")
    before = drafted(tmp_path / "out", "from ledger.ingest_files")
    deliver(tmp_path / "landing", "orders/a.csv", as_csv(STATES))
    assert load_only(tmp_path / "landing", tmp_path / "out")["orders"].rows_read == 0
    assert drafted(tmp_path / "out", "from ledger.ingest_files") == before


def test_a_corrected_file_heals_the_quarantine(tmp_path: Path) -> None:
    """The same name with the row set right: the row is loaded, and nothing is left in quarantine."""
    bad = [state("good", EARLY, "o1"), state("bad", EARLY, "o2") | {"order_value": "$19.99"}]
    deliver(tmp_path / "landing", "orders/a.csv", as_csv(bad))
    load_only(tmp_path / "landing", tmp_path / "out")
    assert len(drafted(tmp_path / "out", "from ledger.quarantine")) == 1
    deliver(tmp_path / "landing", "orders/a.csv", as_csv([bad[0], bad[1] | {"order_value": "19.99"}]))
    load_only(tmp_path / "landing", tmp_path / "out")
    assert drafted(tmp_path / "out", "from ledger.quarantine") == []
    assert kept(tmp_path / "out", "o2") == "bad"
    rows = drafted(
        tmp_path / "out", "select file, rows_read, rows_quarantined from ledger.ingest_files order by ingested_at"
    )
    assert rows[-1] == {"file": "orders/a.csv", "rows_read": 2, "rows_quarantined": 0}


def test_a_row_still_bad_in_the_corrected_file_is_in_quarantine_once(tmp_path: Path) -> None:
    bad = [state("a", EARLY, "o1") | {"item_count": "4.5"}, state("b", EARLY, "o2") | {"order_value": "$19.99"}]
    deliver(tmp_path / "landing", "orders/a.csv", as_csv(bad))
    load_only(tmp_path / "landing", tmp_path / "out")
    deliver(tmp_path / "landing", "orders/a.csv", as_csv([bad[0] | {"item_count": "4"}, bad[1]]))
    load_only(tmp_path / "landing", tmp_path / "out")
    (left,) = drafted(tmp_path / "out", "select line, reason from ledger.quarantine")
    assert left["line"] == 3
    assert "$19.99" in left["reason"]


def test_quarantine_of_other_files_stays(tmp_path: Path) -> None:
    for name in "ab":
        deliver(tmp_path / "landing", f"orders/{name}.csv", as_csv([state(name, EARLY, name) | {"item_count": "4.5"}]))
    load_only(tmp_path / "landing", tmp_path / "out")
    deliver(tmp_path / "landing", "orders/a.csv", as_csv([state("a", EARLY, "a")]))
    load_only(tmp_path / "landing", tmp_path / "out")
    assert drafted(tmp_path / "out", "select file from ledger.quarantine") == [{"file": "orders/b.csv"}]


def test_folders_within_a_source_and_files_of_one_name_in_two_sources(tmp_path: Path) -> None:
    """A file is known by its source and name: `a.csv` of orders is not `a.csv` of surveys."""
    deliver(tmp_path / "landing", "orders/a.csv", as_csv([row("orders", "o1")]))
    deliver(tmp_path / "landing", "surveys/a.csv", as_csv([row("surveys", "a1", score="11")]))
    load_only(tmp_path / "landing", tmp_path / "out")
    deliver(tmp_path / "landing", "orders/a.csv", as_csv([row("orders", "o2")]))
    load_only(tmp_path / "landing", tmp_path / "out")
    assert drafted(tmp_path / "out", "select file from ledger.quarantine") == [{"file": "surveys/a.csv"}]
    assert len(drafted(tmp_path / "out", "from records.orders")) == 2


def test_a_file_that_comes_back_to_an_earlier_content_was_delivered_last(tmp_path: Path) -> None:
    """A correction that is taken back: the row of the first content wins the tie, and its faults are faults again."""
    first = as_csv([state("first", EARLY), state("faulty", EARLY, "o2") | {"ordered_at": "yesterday"}])
    second = as_csv([state("second", EARLY), state("healed", EARLY, "o2")])
    for night, (content, category, faults) in enumerate(
        [(first, "first", 1), (second, "second", 0), (first, "first", 1)]
    ):
        deliver(tmp_path / "landing", "orders/a.csv", content)
        outcome = load_only(tmp_path / "landing", tmp_path / "out")["orders"]
        assert (outcome.files, outcome.rows_read, outcome.rows_quarantined) == (1, 2, faults), f"night {night + 1}"
        assert kept(tmp_path / "out") == category
        assert len(drafted(tmp_path / "out", "from ledger.quarantine")) == faults
    assert load_only(tmp_path / "landing", tmp_path / "out")["orders"].files == 0
    entries = drafted(tmp_path / "out", "select rows_read, rows_accepted, rows_quarantined from ledger.ingest_files")
    assert [tuple(entry.values()) for entry in entries] == [(2, 2, 0), (2, 1, 1)]


def test_a_refusal_is_taken_back_with_its_file(tmp_path: Path) -> None:
    """A file that is broken on the way and restored, and one that is moved away: neither stays among the refused."""
    refused = "select file from ledger.ingest_files where refused_reason is not null order by file"
    deliver(tmp_path / "landing", "orders/a.csv", as_csv([state("first", EARLY)]))
    load_only(tmp_path / "landing", tmp_path / "out")
    deliver(tmp_path / "landing", "orders/a.csv", b"\0\1\2")
    deliver(tmp_path / "landing", "orders/b.csv", b"\0\1\2")
    load_only(tmp_path / "landing", tmp_path / "out")
    assert [r["file"] for r in drafted(tmp_path / "out", refused)] == ["orders/a.csv", "orders/b.csv"]
    deliver(tmp_path / "landing", "orders/a.csv", as_csv([state("first", EARLY)]))
    (tmp_path / "landing" / "orders" / "b.csv").unlink()
    load_only(tmp_path / "landing", tmp_path / "out")
    assert drafted(tmp_path / "out", refused) == []
    assert kept(tmp_path / "out") == "first"


def test_a_file_that_goes_during_the_night_is_refused_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was there when the night looked; the others load, and when it is back it loads too."""
    from transforms.landing import batch

    gone = deliver(tmp_path / "landing", "orders/a.csv", as_csv([state("gone", EARLY)]))
    deliver(tmp_path / "landing", "orders/b.csv", as_csv([state("there", EARLY, "o2")]))
    content, shape_of = gone.read_bytes(), batch.shape_of

    def moved(path: Path, *arguments: object) -> object:
        gone.unlink(missing_ok=True)
        return shape_of(path, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(batch, "shape_of", moved)
        outcome = load_only(tmp_path / "landing", tmp_path / "out")["orders"]
    assert list(outcome.refused) == ["orders/a.csv"]
    assert "is gone" in outcome.refused["orders/a.csv"]
    assert outcome.rows_accepted == 1
    gone.write_bytes(content)
    assert load_only(tmp_path / "landing", tmp_path / "out")["orders"].rows_accepted == 1
    assert kept(tmp_path / "out") == "gone"


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_file_that_is_written_to_while_it_is_read_is_refused_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """What was read may be half of it; the next night reads it whole."""
    from transforms.landing import batch

    states = [state("whole", EARLY, f"o{n}") for n in range(4)]
    whole, half = FORMATS[form](states), FORMATS[form](states[:2])
    growing = deliver(tmp_path / "landing", f"orders/a.{form}", half)
    deliver(tmp_path / "landing", "orders/b.csv", as_csv([state("there", EARLY, "o9")]))
    stage = batch.stage

    def written_to(*arguments: object) -> None:
        stage(*arguments)  # type: ignore[arg-type]
        growing.write_bytes(whole)

    with monkeypatch.context() as patch:
        patch.setattr(batch, "stage", written_to)
        outcome = load_only(tmp_path / "landing", tmp_path / "out")["orders"]
    assert list(outcome.refused) == [f"orders/a.{form}"]
    assert "written to while it was read" in outcome.refused[f"orders/a.{form}"]
    assert outcome.rows_accepted == 1
    assert load_only(tmp_path / "landing", tmp_path / "out")["orders"].rows_accepted == 4


def test_a_file_that_may_not_be_read_is_refused_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(as_csv([state("barred", EARLY)]))
    barred = deliver(tmp_path / "landing", "orders/a.csv.gz", packed)
    deliver(tmp_path / "landing", "orders/b.csv", as_csv([state("there", EARLY, "o2")]))
    opened = Path.open

    def checked(path: Path, *arguments: object, **keywords: object) -> object:
        if path == barred:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **keywords)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", checked)
    outcome = load_only(tmp_path / "landing", tmp_path / "out")["orders"]
    assert "read permission" in outcome.refused["orders/a.csv.gz"]
    assert outcome.rows_accepted == 1


NAMES = [
    "a b",
    "it's",
    'q"q',
    "東京",
    "new\nline",
    "st*r[1]?",
    "semi;colon",
    "{a,b}",
    "back\\slash",
    "-x",
    "~",
    "%d",
    "😀",
]


def test_files_of_any_name(tmp_path: Path) -> None:
    """Blanks, quotes, patterns, line breaks; a folder named like a file, links, a pipe; one name that is no text."""
    orders = tmp_path / "landing" / "orders"
    for name in NAMES:
        deliver(tmp_path / "landing", f"orders/{name}.csv", as_csv([row("orders", name.replace('"', ""))]))
    deliver(tmp_path / "landing", "orders/folder.csv/a.csv", as_csv([row("orders", "folder")]))
    deliver(tmp_path, "elsewhere.csv", as_csv([row("orders", "link")]))
    (orders / "link.csv").symlink_to(tmp_path / "elsewhere.csv")
    (orders / "dead.csv").symlink_to(tmp_path / "nowhere.csv")
    (orders / "loop").symlink_to(orders)
    os.mkfifo(orders / "pipe.csv")
    Path(os.fsdecode(os.fsencode(orders) + b"/caf\xe9.csv")).write_bytes(as_csv([row("orders", "latin")]))
    outcome = load_only(tmp_path / "landing", tmp_path / "out")["orders"]
    assert outcome.refused.pop("orders/caf\\udce9.csv") == "its name is not UTF-8: rename it"
    assert sorted(outcome.refused) == ["orders/dead.csv", "orders/loop"]
    assert all("leads to no file" in said for said in outcome.refused.values())
    loaded = drafted(tmp_path / "out", "select order_id, _file from records.orders")
    assert {r["order_id"]: r["_file"] for r in loaded} == {
        **{name.replace('"', ""): f"orders/{name}.csv" for name in NAMES},
        "folder": "orders/folder.csv/a.csv",
        "link": "orders/link.csv",
    }


def test_a_late_key_reaches_a_mapping(tmp_path: Path) -> None:
    """Of JSON lines a mapping sees every key, not those of the first lines only."""
    early = [{k: v for k, v in row("orders", f"o{n}").items() if k != "category"} for n in range(1100)]
    deliver(tmp_path / "landing", "orders/a.jsonl", as_jsonl([*early, row("orders", "late", category="beauty")]))
    deliver(tmp_path / "mapping", "orders.sql", "select * exclude (_file) from extract")
    load_only(tmp_path / "landing", tmp_path / "out", mapping=tmp_path / "mapping")
    assert kept(tmp_path / "out", "late") == "beauty"


CUT = {
    "a number": ("order_value", "250000.50", "2500"),
    "a time that says later": ("updated_at", "2026-06-04T10:00:00+07:00", "2026-06-04T10:00:00"),
    "the key": ("order_id", "o2-4711", "o2-47"),
}


@pytest.mark.parametrize("name", CUT)
def test_a_row_cut_within_its_last_field_heals_when_the_whole_file_comes(tmp_path: Path, name: str) -> None:
    """It loads, since RFC 4180 lets the last line go without an end; the ledger says what was assumed. Nothing of it stays."""
    column, value, cut = CUT[name]
    rows = [row("orders", "o1"), row("orders", "o2-4711") | {column: value}, row("orders", "o3")]
    columns = [*(c for c in rows[0] if c != column), column]
    whole = csv_text(rows, columns)
    end = whole.index(value, whole.index("o2-4711") if column != "order_id" else 0) + len(cut)
    deliver(tmp_path / "landing", "orders/a.csv", whole[:end])
    first = load_only(tmp_path / "landing", tmp_path / "out")["orders"]
    assert (first.rows_accepted, first.rows_quarantined) == (2, 0)
    (said,) = drafted(tmp_path / "out", "select assumed from ledger.ingest_files")
    assert "no end" in said["assumed"][0]
    deliver(tmp_path / "landing", "orders/a.csv", whole)
    second = load_only(tmp_path / "landing", tmp_path / "out")["orders"]
    assert second.rows_read == 3
    deliver(tmp_path / "anew", "orders/a.csv", whole)
    load_only(tmp_path / "anew", tmp_path / "fresh")
    records = "from records.orders order by order_id"
    assert drafted(tmp_path / "out", records) == drafted(tmp_path / "fresh", records)
    assert len(drafted(tmp_path / "out", records)) == 3
    assert drafted(tmp_path / "out", "select assumed from ledger.ingest_files order by rowid desc limit 1") == [
        {"assumed": []}
    ]


def test_other_rows_under_the_name_of_a_file_without_an_end_take_nothing_back(tmp_path: Path) -> None:
    """A source may send what changed under one name every night, and end no file: nothing is deleted by absence."""
    for night in ("o1", "o2"):
        deliver(
            tmp_path / "landing",
            "orders/changes.csv",
            csv_text([row("orders", night), row("orders", f"{night}-last")]).rstrip(),
        )
        load_only(tmp_path / "landing", tmp_path / "out")
    found = drafted(tmp_path / "out", "select order_id from records.orders order by all")
    assert [r["order_id"] for r in found] == ["o1", "o1-last", "o2", "o2-last"]


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl"])
def test_a_file_that_cannot_have_been_cut_there_is_not_suspected(tmp_path: Path, ending: str) -> None:
    """With an end, packed with a checksum, or of objects that close."""
    rows = [row("orders", "o1"), row("orders", "o2")]
    content = {"csv": as_csv(rows), "csv.gz": gzip.compress(as_csv(rows).rstrip()), "jsonl": as_jsonl(rows).rstrip()}[
        ending
    ]
    deliver(tmp_path / "landing", f"orders/a.{ending}", content)
    load_only(tmp_path / "landing", tmp_path / "out")
    assert drafted(tmp_path / "out", "select assumed from ledger.ingest_files") == [{"assumed": []}]
