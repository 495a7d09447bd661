"""Extracts of another shape: a SELECT turns them into the contract, and what it cannot read is said."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from examples import as_csv, as_text_parquet, as_typed_parquet, row, zipped

from tests.acceptance.nights import REPOSITORY, deliver, drafted, load_only, publish, published
from transforms.models import kpis

LINES = [
    {"invoice": "i1", "shop": "VN", "who": "c1", "day": "2026-06-01", "price": "10.00"},
    {"invoice": "i1", "shop": "VN", "who": "c1", "day": "2026-06-01", "price": "5.50"},
    {"invoice": "i2", "shop": "TH", "who": "c2", "day": "2026-06-02", "price": "1.00"},
    {"invoice": "i3", "shop": "", "who": "c3", "day": "2026-06-03", "price": "1.00"},
    {"invoice": "i3", "shop": "", "who": "c3", "day": "2026-06-03", "price": "2.00"},
]
GROUPED = """-- from: sales/
select invoice as order_id, any_value(who) as customer_id, any_value(shop) as market,
    cast(sum(cast(price as decimal(18, 2))) as varchar) as order_value,
    any_value(day) as ordered_at, any_value(day) as updated_at
from extract group by invoice
"""
PLAIN = """select invoice as order_id, who as customer_id, shop as market, day as ordered_at, day as updated_at{more}
from extract"""


def mapped(root: Path, files: dict[str, object], **mappings: str) -> dict[str, Any]:
    """Deliver files, write the mappings, load. Returns the outcome of each source."""
    for name, content in files.items():
        deliver(root / "landing", name, content)  # type: ignore[arg-type]
    (root / "mapping").mkdir(exist_ok=True)
    for source, select in mappings.items():
        (root / "mapping" / f"{source}.sql").write_text(select, encoding="utf-8")
    outcomes: dict[str, Any] = load_only(root / "landing", root / "out", mapping=root / "mapping")
    return outcomes


def test_a_changed_mapping_reads_its_files_again(tmp_path: Path) -> None:
    """What the old one gave is gone, also a row the new one leaves out; what came from a file that is gone stays."""
    more = [{"invoice": "i9", "shop": "TH", "who": "c9", "day": "2026-06-01", "price": "1.00"}]
    files: dict[str, object] = {"orders/a.csv": LINES[::2], "orders/gone.csv": more}
    mapped(tmp_path, files, orders=PLAIN.format(more=""))
    (tmp_path / "landing/orders/gone.csv").unlink()
    assert mapped(tmp_path, {}, orders=PLAIN.format(more=""))["orders"].files == 0
    other = PLAIN.replace("shop as market", "'ID' as market").format(more="") + " where invoice <> 'i2'"
    outcome = mapped(tmp_path, {}, orders=other)["orders"]
    assert (outcome.files, outcome.rows_read, outcome.rows_accepted) == (1, 2, 2)
    orders = drafted(tmp_path / "out", "select order_id, market, _file from records.orders order by order_id")
    assert [tuple(o.values()) for o in orders] == [
        ("i1", "ID", "orders/a.csv"),
        ("i3", "ID", "orders/a.csv"),
        ("i9", "TH", "orders/gone.csv"),
    ]
    ledger = drafted(tmp_path / "out", "select file, rows_read from ledger.ingest_files order by file")
    assert [tuple(entry.values()) for entry in ledger] == [("orders/a.csv", 2), ("orders/gone.csv", 1)]
    assert drafted(tmp_path / "out", "select file from ledger.quarantine") == []
    assert mapped(tmp_path, {}, orders=other)["orders"].files == 0
    for _ in range(2):  # one that cannot be read takes nothing away, and is tried again
        assert list(mapped(tmp_path, {}, orders="select nothing from extract")["orders"].refused) == ["orders/a.csv"]
        assert drafted(tmp_path / "out", "select count(*) as n from records.orders") == [{"n": 3}]


def test_a_mapping_may_group_lines(tmp_path: Path) -> None:
    """The ledger counts the rows the mapping returns, and the file's own beside them; a grouped row has no line."""
    outcome = mapped(tmp_path, {"sales/a.csv": LINES}, orders=GROUPED)["orders"]
    assert (outcome.rows_read, outcome.rows_accepted, outcome.rows_quarantined) == (3, 2, 1)
    (ledger,) = drafted(tmp_path / "out", "from ledger.ingest_files")
    assert (ledger["file"], ledger["source"]) == ("sales/a.csv", "orders")
    counts = ("rows_read", "rows_accepted", "rows_superseded", "rows_quarantined", "rows_in_file")
    assert [ledger[c] for c in counts] == [3, 2, 0, 1, 5]
    (bad,) = drafted(tmp_path / "out", "from ledger.quarantine")
    assert (bad["source"], bad["file"], bad["line"]) == ("orders", "sales/a.csv", None)
    assert "market" in bad["reason"]
    assert "i3" in bad["raw"]
    orders = drafted(tmp_path / "out", "select order_id, market, order_value from records.orders order by order_id")
    assert [(r["order_id"], r["market"], float(r["order_value"])) for r in orders] == [
        ("i1", "VN", 15.5),
        ("i2", "TH", 1.0),
    ]


def test_without_a_first_line_it_reads_the_folder_of_its_source(tmp_path: Path) -> None:
    outcome = mapped(tmp_path, {"orders/a.csv": LINES[2:3]}, orders=PLAIN.format(more=""))["orders"]
    assert outcome.rows_accepted == 1


def test_one_file_for_two_sources(tmp_path: Path) -> None:
    returns = """-- from: sales/
    select invoice || '-r' as return_id, invoice as order_id, day as requested_at, day as updated_at
    from extract where price = '1.00'"""
    outcomes = mapped(tmp_path, {"sales/a.csv": LINES[:3]}, orders=GROUPED, returns=returns)
    assert (outcomes["orders"].rows_accepted, outcomes["returns"].rows_accepted) == (2, 1)
    ledger = drafted(
        tmp_path / "out", "select source, rows_read, rows_in_file from ledger.ingest_files order by source"
    )
    assert [tuple(r.values()) for r in ledger] == [("orders", 2, 3), ("returns", 1, 3)]


def test_a_source_without_a_mapping_keeps_the_contract(tmp_path: Path) -> None:
    files: dict[str, object] = {"sales/a.csv": LINES[:3], "surveys/a.csv": [row("surveys", "a1")]}
    outcomes = mapped(tmp_path, files, orders=GROUPED)
    assert outcomes["surveys"].rows_accepted == 1


def test_its_columns_are_text_with_the_file_and_the_line(tmp_path: Path) -> None:
    """Nothing is guessed: a number with leading zeros stays as it is. `_line` is the line in the file."""
    select = """select '00' || _line || code as order_id, _file as customer_id, typeof(code) as market,
        '2026-06-01' as ordered_at, '2026-06-01' as updated_at from extract"""
    mapped(tmp_path, {"orders/a.csv": "code,text\n007,x\n1e3,y\n"}, orders=select)
    rows = drafted(tmp_path / "out", "select order_id, customer_id, market from records.orders order by order_id")
    assert [tuple(r.values()) for r in rows] == [
        ("002007", "orders/a.csv", "VARCHAR"),
        ("0031e3", "orders/a.csv", "VARCHAR"),
    ]


def test_the_line_is_the_physical_one(tmp_path: Path) -> None:
    """Line breaks within quotes move it on, as they do for a file without a mapping."""
    content = 'id,text\n1,"two\nlines"\n2,x\n3,"a\n\nb"\n4,y\n'
    select = """select id as order_id, _line as seller_id, id as customer_id, 'VN' as market,
        '2026-06-01' as ordered_at, case id when '4' then 'bad' else '2026-06-01' end as updated_at,
        _line from extract"""
    mapped(tmp_path, {"orders/a.csv": content}, orders=select)
    rows = drafted(tmp_path / "out", "select order_id, seller_id from records.orders order by order_id")
    assert [tuple(r.values()) for r in rows] == [("1", "2"), ("2", "4"), ("3", "5")]
    assert [r["line"] for r in drafted(tmp_path / "out", "from ledger.quarantine")] == [8]


@pytest.mark.parametrize("form", ["csv", "csv.gz", "jsonl", "parquet", "typed"])
def test_every_format_can_be_mapped(tmp_path: Path, form: str) -> None:
    """Parquet's typed columns reach the mapping as text too."""
    good = [row("orders", "o1")]
    content = {
        "csv": as_csv(good),
        "csv.gz": zipped(as_csv(good)),
        "jsonl": json.dumps(good[0]).encode() + b"\n",
        "parquet": as_text_parquet(good),
        "typed": as_typed_parquet(good),
    }[form]
    ending = "parquet" if form == "typed" else form
    select = """select lower(order_id) as order_id, customer_id, market, order_value, ordered_at, updated_at,
        left(item_count, 1) as item_count from extract"""
    outcome = mapped(tmp_path, {f"orders/a.{ending}": content}, orders=select)["orders"]
    assert (outcome.rows_accepted, outcome.refused) == (1, {})
    (found,) = drafted(
        tmp_path / "out", "select order_value, item_count, cast(ordered_at as varchar) as t from records.orders"
    )
    assert (float(found["order_value"]), found["item_count"], found["t"][:19]) == (250000.5, 3, "2026-06-01 08:15:30")


def test_a_mapping_may_return_typed_columns(tmp_path: Path) -> None:
    select = """select invoice as order_id, who as customer_id, shop as market,
        cast(price as decimal(18, 2)) as order_value, cast(2 as integer) as item_count,
        cast(day as timestamp) as ordered_at,
        cast(day || 'T10:00:00+07:00' as timestamptz) as updated_at from extract"""
    outcome = mapped(tmp_path, {"orders/a.csv": LINES[2:3]}, orders=select)["orders"]
    assert (outcome.rows_accepted, outcome.rows_quarantined) == (1, 0), drafted(
        tmp_path / "out", "from ledger.quarantine"
    )
    (found,) = drafted(
        tmp_path / "out", "select order_value, item_count, cast(updated_at as varchar) as t from records.orders"
    )
    assert (float(found["order_value"]), found["item_count"], found["t"][:19]) == (1.0, 2, "2026-06-02 03:00:00")


def test_columns_of_no_contract_are_ignored(tmp_path: Path) -> None:
    outcome = mapped(tmp_path, {"orders/a.csv": LINES[2:3]}, orders=PLAIN.format(more=", price as paid"))["orders"]
    assert (outcome.rows_accepted, outcome.refused) == (1, {})


def test_a_line_the_reader_cannot_split_is_not_lost(tmp_path: Path) -> None:
    """It cannot reach the mapping, so it is in quarantine itself, and every line of the file is accounted for."""
    content = as_csv(LINES[:3]).decode().splitlines()
    content.insert(2, "i9,VN")
    outcome = mapped(tmp_path, {"orders/a.csv": "\n".join(content) + "\n"}, orders=PLAIN.format(more=""))["orders"]
    assert outcome.rows_quarantined == 1
    assert outcome.rows_read == outcome.rows_accepted + outcome.rows_superseded + outcome.rows_quarantined
    (bad,) = drafted(tmp_path / "out", "from ledger.quarantine")
    assert bad["raw"] == "i9,VN"
    assert drafted(tmp_path / "out", "select rows_in_file from ledger.ingest_files") == [{"rows_in_file": 4}]


def test_the_text_of_no_other_row_where_quotes_of_a_mapped_file_do_not_pair(tmp_path: Path) -> None:
    """Which row the engine turned away is then not known, and neither is any line."""
    content = as_csv([line | {"invoice": f"i{n}"} for n in range(6) for line in LINES[:1]]).decode().splitlines()
    content.insert(2, 'i8,VN,"c1,2026-06-01,10.00')
    content[4] = content[4].replace("c1", 'c"1')
    outcome = mapped(tmp_path, {"orders/a.csv": "\n".join(content) + "\n"}, orders=PLAIN.format(more=""))["orders"]
    assert outcome.rows_quarantined >= 1
    bad = drafted(tmp_path / "out", "from ledger.quarantine")
    assert {(r["line"], r["raw"]) for r in bad} == {(None, "(its text is not known: quotes do not pair)")}


def test_a_broken_json_line_of_a_mapped_file_is_not_lost(tmp_path: Path) -> None:
    content = "\n".join([json.dumps(LINES[0]), '{"invoice": "i9", "sho', json.dumps(LINES[2])]) + "\n"
    outcome = mapped(tmp_path, {"orders/a.jsonl": content}, orders=PLAIN.format(more=""))["orders"]
    (bad,) = drafted(tmp_path / "out", "from ledger.quarantine")
    assert bad["raw"] == '{"invoice": "i9", "sho'
    assert outcome.rows_quarantined == 1
    assert drafted(tmp_path / "out", "select rows_in_file from ledger.ingest_files") == [{"rows_in_file": 3}]


def test_a_corrected_file_heals_under_a_mapping_too(tmp_path: Path) -> None:
    mapped(tmp_path, {"sales/a.csv": LINES}, orders=GROUPED)
    outcome = mapped(
        tmp_path, {"sales/a.csv": [line | {"shop": line["shop"] or "ID"} for line in LINES]}, orders=GROUPED
    )
    assert outcome["orders"].rows_quarantined == 0
    assert drafted(tmp_path / "out", "from ledger.quarantine") == []
    assert len(drafted(tmp_path / "out", "from records.orders")) == 3


# what is wrong with a mapping: its text, and words the refusal must hold
BAD_MAPPINGS = {
    "a typing error": ("selct * from extract", ["selct"]),
    "no such column": (PLAIN.format(more=", total as order_value"), ["total", "price"]),
    "no such relation": ("select * from orders_export", ["orders_export", "the table extract", "price, _file, _line"]),
    "no required column": (PLAIN.format(more="").replace("shop as market,", ""), ["market"]),
    "nothing in it": ("-- from: orders/\n", []),
    "two statements": (PLAIN.format(more="") + ";\nselect 1", []),
    "no select": ("drop table extract", []),
    "a failing cast": (PLAIN.format(more=", cast(price as integer) / cast(who as integer) as item_count"), ["c2"]),
}


@pytest.mark.parametrize("name", list(BAD_MAPPINGS))
def test_a_bad_mapping_is_refused(tmp_path: Path, name: str) -> None:
    """The file it was for is refused with the mapping's fault; nothing of it is loaded, and other sources load."""
    select, words = BAD_MAPPINGS[name]
    files: dict[str, object] = {"orders/a.csv": LINES[2:3], "surveys/a.csv": [row("surveys", "a1")]}
    outcomes = mapped(tmp_path, files, orders=select)
    assert set(outcomes["orders"].refused) == {"orders/a.csv"}
    reason = outcomes["orders"].refused["orders/a.csv"]
    assert "mapping" in reason
    for word in words:
        assert word in reason
    assert drafted(tmp_path / "out", "from records.orders") == []
    assert outcomes["surveys"].rows_accepted == 1


def test_a_corrected_mapping_is_tried_on_the_refused_files(tmp_path: Path) -> None:
    mapped(tmp_path, {"orders/a.csv": LINES[2:3]}, orders="selct")
    assert mapped(tmp_path, {}, orders=PLAIN.format(more=""))["orders"].rows_accepted == 1
    assert drafted(tmp_path / "out", "select refused_reason from ledger.ingest_files") == [{"refused_reason": None}]


def test_a_mapping_cannot_write(tmp_path: Path) -> None:
    """A mapping is a SELECT; it does not reach into the warehouse's own tables to change them."""
    files: dict[str, object] = {"orders/a.csv": [row("orders", "o1")]}
    for name, content in files.items():
        deliver(tmp_path / "landing", name, content)  # type: ignore[arg-type]
    load_only(tmp_path / "landing", tmp_path / "out")
    mapped(tmp_path, {"orders/b.csv": LINES[2:3]}, orders="select 1; delete from records.orders")
    assert len(drafted(tmp_path / "out", "from records.orders")) == 1


def test_a_mapping_for_no_source_is_refused(tmp_path: Path) -> None:
    from transforms.landing.files import Refused

    with pytest.raises(Refused, match="invoices") as refusal:
        mapped(tmp_path, {"orders/a.csv": LINES}, invoices="select * from extract")
    assert "orders" in str(refusal.value)


def test_a_missing_mapping_folder_is_refused(tmp_path: Path) -> None:
    from transforms.landing.files import Refused

    deliver(tmp_path / "landing", "orders/a.csv", LINES)
    with pytest.raises(Refused, match="nowhere"):
        load_only(tmp_path / "landing", tmp_path / "out", mapping=tmp_path / "nowhere")


class TestShop:
    """data/examples/orders_and_surveys: the shop's files, counted again here from the files themselves."""

    folder = REPOSITORY / "data" / "examples" / "orders_and_surveys"

    @pytest.fixture(scope="class")
    def night(self, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
        out = tmp_path_factory.mktemp("shop") / "out"
        return out, publish(self.folder / "landing", out, "2026-11-23T00:00:00Z", self.folder)

    def rows(self, name: str) -> list[dict[str, str]]:
        with (self.folder / "landing" / name).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def test_the_ledger(self, night: tuple[Path, Any]) -> None:
        out, _ = night
        found = published(
            out, "select file, source, rows_read, rows_accepted, rows_quarantined, rows_in_file from ingest_files"
        )
        assert {tuple(r.values()) for r in found} == {
            ("web_shop/orders.csv", "orders", 248, 247, 1, 248),
            ("survey_tool/answers.csv", "surveys", 208, 207, 1, 208),
        }

    def test_the_quarantine(self, night: tuple[Path, Any]) -> None:
        """README: `each with its file, line and reason`."""
        out, _ = night
        found = {r["source"]: r for r in published(out, "from quarantine")}
        assert set(found) == {"orders", "surveys"}
        assert "31.11.2026 10:15" in found["orders"]["reason"]
        assert "score" in found["surveys"]["reason"]
        assert "W-4041" in found["orders"]["raw"]
        assert "A7026" in found["surveys"]["raw"]
        assert (found["orders"]["line"], found["surveys"]["line"]) == (42, 27)

    def test_nps_by_week(self, night: tuple[Path, Any]) -> None:
        out, _ = night
        expected: dict[date, Counter[str]] = {}
        for answer in self.rows("survey_tool/answers.csv"):
            if answer["Kind"] != "Recommend" or not answer["Points"] or int(answer["Points"]) > 10:
                continue
            local = datetime.strptime(answer["Answered on"], "%d.%m.%Y %H:%M").replace(tzinfo=ZoneInfo("Europe/Berlin"))
            day = local.astimezone(ZoneInfo("UTC")).date()
            week = expected.setdefault(day - timedelta(days=day.weekday()), Counter())
            points = int(answer["Points"])
            week.update(n=1, net=1 if points >= 9 else 0 if points >= 7 else -1)
        found = published(
            out, "from kpi_weekly where kpi = 'nps' and statistic = 'value' and dimension = 'all' and n > 0"
        )
        assert {r["week"]: (r["numerator"], r["n"]) for r in found} == {
            w: (c["net"], c["n"]) for w, c in expected.items()
        }
        assert all(r["value"] == pytest.approx(100 * r["numerator"] / r["n"]) for r in found)

    def test_what_has_no_source_is_withheld_with_the_reason(self, night: tuple[Path, Any]) -> None:
        out, result = night
        gone = {"returns", "refunds", "contacts"}
        without = {k.id for k in kpis() if not k.only_with and gone & set(k.sources)}
        assert len(without) > 5
        assert set(result.withheld) == without
        assert result.exit_status == 1
        assert "contacts" in result.withheld["contacts_per_1k_orders"]
        assert "returns" in result.withheld["return_rate"]
        for kpi in without:
            rows = published(out, f"from kpi_weekly where kpi = '{kpi}'")
            assert rows, f"{kpi} is not said to be withheld"
            assert {(r["value"], r["status"]) for r in rows} == {(None, "withheld")}
            assert all(r["note"] for r in rows)
        others = published(out, "select distinct kpi from kpi_weekly where value is not null")
        assert {"nps", "csat", "survey_response_rate"} <= {r["kpi"] for r in others}

    def test_the_catalogue_lists_the_withheld_too(self, night: tuple[Path, Any]) -> None:
        out, _ = night
        assert published(out, "select count(*) as n from kpi_catalogue")[0]["n"] >= 9


REAL = REPOSITORY.parent / "shared" / "real" / "online_retail_ii"


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the UCI data is not part of the repository; it is looked for in {REAL}")
class TestOnlineRetail:
    """data/examples/online_retail_ii over a year of a real shop."""

    @pytest.fixture(scope="class")
    def expected(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((REAL / "expected.json").read_text(encoding="utf-8"))
        return found

    @pytest.fixture(scope="class")
    def night(self, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
        root = tmp_path_factory.mktemp("uci")
        (root / "landing" / "invoices").mkdir(parents=True)
        (root / "landing" / "invoices" / "online_retail_ii_2009_2010.parquet").symlink_to(
            REAL / "online_retail_ii_2009_2010.parquet"
        )
        mapping = REPOSITORY / "data" / "examples" / "online_retail_ii"
        return root / "out", publish(root / "landing", root / "out", "2010-12-10T00:00:00Z", mapping)

    def test_the_ledger(self, night: tuple[Path, Any], expected: dict[str, Any]) -> None:
        out, _ = night
        found = published(
            out, "select source, rows_read, rows_accepted, rows_quarantined, rows_in_file from ingest_files"
        )
        assert {tuple(r.values()) for r in found} == {
            ("orders", expected["order_invoices"], expected["order_invoices"], 0, expected["rows"]),
            ("returns", expected["credit"]["invoices"], expected["credit"]["invoices"], 0, expected["rows"]),
        }

    def test_orders_and_returns_by_month(self, night: tuple[Path, Any], expected: dict[str, Any]) -> None:
        """By the shop's own months: the file's times are London's."""
        out, _ = night
        for table, anchor, name in (
            ("orders", "ordered_at", "order_invoices_by_month"),
            ("returns", "requested_at", "credit_invoices_by_month"),
        ):
            local = f"strftime({anchor} at time zone 'UTC' at time zone 'Europe/London', '%Y-%m')"
            found = drafted(out, f"select {local} as month, count(*) as n from records.{table} group by all")
            assert {r["month"]: r["n"] for r in found} == expected[name]

    def test_money_and_markets(self, night: tuple[Path, Any], expected: dict[str, Any]) -> None:
        out, _ = night
        (sums,) = drafted(
            out, "select count(distinct market) as markets, sum(order_value) as value from records.orders"
        )
        assert sums["markets"] == expected["countries"]
        (credited,) = drafted(out, "select sum(approved_amount) as amount from records.returns")
        # One credit note charges instead: its amount stays null, as the mapping says.
        charged = float(credited["amount"]) + expected["credit"]["amount"]
        assert 0 <= charged < 400

    def test_the_year_has_its_days(self, night: tuple[Path, Any], expected: dict[str, Any]) -> None:
        out, _ = night
        (ends,) = drafted(out, "select min(ordered_at) as first, max(ordered_at) as last from records.orders")
        assert str(ends["first"])[:19] == expected["first"]
        assert str(ends["last"])[:10] == expected["last"][:10]

    def test_only_the_return_rate_publishes(self, night: tuple[Path, Any]) -> None:
        out, result = night
        assert result.exit_status == 1
        rows = published(out, "select distinct kpi from kpi_weekly where value is not null")
        assert [r["kpi"] for r in rows] == ["return_rate"]
        sums = "sum(numerator) as returned, sum(denominator) as delivered"
        where = "kpi = 'return_rate' and statistic = 'value' and dimension = 'all'"
        (total,) = published(out, f"select {sums} from kpi_weekly where {where}")
        assert total == {"returned": 3079.0, "delivered": 20951.0}
