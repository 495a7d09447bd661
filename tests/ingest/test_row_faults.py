"""A row that breaks the contract goes to quarantine with its place, a reason that names the fault, and its text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from examples import FORMATS, GOOD, KEY, REQUIRED, as_csv, as_jsonl, as_text_parquet, row, zipped

from tests.acceptance.nights import alone, csv_text, deliver, draft, drafted, load_only


@dataclass(frozen=True)
class Fault:
    """A field of a source with a value that cannot be what it should be."""

    source: str
    column: str
    value: str | None
    also: tuple[tuple[str, str | None], ...] = ()

    @property
    def row(self) -> dict[str, str | None]:
        return row(self.source, self.key) | dict(self.also) | {self.column: self.value}

    @property
    def key(self) -> str:
        return f"bad {self.source} {self.column} {self.value} {self.also}".replace("'", "")

    def __str__(self) -> str:
        return f"{self.source}.{self.column}={self.value}" + "".join(f",{k}={v}" for k, v in self.also)


NUMBERS = [
    "$19.99",
    "1,234.50",
    "1.234,56",
    "12,5O",
    "abc",
    "--7",
    "NaN",
    "Infinity",
    "-inf",
    "0x1F",
    "1_000",
    "12 34",
    "true",
]
TIMES = [
    "yesterday", "now", "today", "epoch", "infinity", "-infinity", "11/23/2026 8:15", "31/12/2026 10:00", "23.11.2026",
    "2026-02-30", "2026-02-30T08:00:00Z", "2026-13-45T99:00:00Z", "2026-06-01T25:00:00Z", "2026-06-01T08:61:00Z",
    "1764000000", "2026", "Mon, 01 Jun 2026 08:00:00 GMT", "2026-06-01T08:00:00 Mars/Phobos",
    "2026-06-01T08:00:00 America/New_York", "2026-06-01T08:00:00 (BC)",
    "2026-06", "2026-06-01T", "2026-06-01T08:00:00Zulu",
]  # fmt: skip


def scale(survey: str, low: str | None, high: str | None, score: str | None) -> Fault:
    return Fault("surveys", "score", score, (("survey_type", survey), ("scale_min", low), ("scale_max", high)))


SCORES = [
    *(scale("nps", "0", "10", score) for score in ("11", "-1", "100")),
    *(scale("csat", "1", "5", score) for score in ("0", "6")),
    *(scale("csat", "1", "7", score) for score in ("0", "8")),
    *(scale("ces", "1", "7", score) for score in ("0", "8")),
]
SCALES = [
    *(scale("nps", low, high, "3") for low, high in (("1", "10"), ("0", "5"), ("1", "5"), ("1", "7"), ("10", "0"))),
    *(scale("csat", low, high, "3") for low, high in (("0", "10"), ("1", "10"), ("0", "5"), ("1", "4"))),
    *(scale("ces", low, high, "3") for low, high in (("1", "5"), ("0", "10"), ("0", "7"))),
    # also without an answer: the scale is the row's own
    scale("nps", "1", "5", None),
]
FAULTS = [
    *(Fault("orders", "order_value", value) for value in NUMBERS),
    *(
        Fault("orders", "item_count", value)
        for value in ("4.5", "three", "1,5", "NaN", "1e400", "99999999999999999999", "4.00004")
    ),
    *(Fault("returns", "approved_amount", value) for value in ("$19.99", "1,234.50", "n/a")),
    *(Fault("refunds", "amount", value) for value in ("$19.99", "1,234.50", "-", "NaN")),
    *(Fault("surveys", column, value) for column in ("scale_min", "scale_max") for value in ("one", "0.5")),
    *(Fault("surveys", "score", value) for value in ("9.5", "nine", "9/10", "9.00001")),
    *SCORES,
    *(Fault("orders", "ordered_at", value) for value in TIMES),
    *(Fault("orders", "cancelled_at", value) for value in ("yesterday", "infinity", "2026-02-30T08:00:00Z", "n/a")),
    *(Fault("returns", "expired_at", value) for value in ("11/23/2026 8:15", "epoch")),
    *(Fault("refunds", "credited_at", value) for value in ("2026-02-30", "tomorrow")),
    *(Fault("contacts", "resolved_at", value) for value in ("31/12/2026 10:00", "2026-13-01T00:00:00Z")),
    *(Fault("surveys", "responded_at", value) for value in ("infinity", "8:15")),
    *(Fault("surveys", "updated_at", value) for value in ("yesterday", "infinity")),
    *(
        Fault(source, column, None)
        for source, columns in REQUIRED.items()
        for column in columns
        if column != KEY[source]
    ),
]
SKIPPED = (("approved_at", None), ("first_scan_at", None), ("received_at", None))
BACKWARDS = [
    # steps of the return way; each two seconds or more before the one it follows
    Fault("returns", "approved_at", "2026-06-05T07:59:58Z"),
    Fault("returns", "first_scan_at", "2026-06-05T08:59:58Z"),
    Fault("returns", "received_at", "2026-06-07T08:59:58Z"),
    Fault("returns", "inspected_at", "2026-06-09T08:59:58Z"),
    Fault("returns", "rejected_at", "2026-06-05T07:00:00Z"),
    Fault("returns", "cancelled_at", "2026-06-05T07:00:00Z"),
    Fault("returns", "expired_at", "2026-06-05T07:00:00Z"),
    # a step that was left out does not hide that time ran backwards
    Fault("returns", "received_at", "2026-06-05T08:30:00Z", (("first_scan_at", None), ("inspected_at", None))),
    Fault("returns", "inspected_at", "2026-06-05T07:30:00Z", SKIPPED),
    Fault("refunds", "credited_at", "2026-06-10T09:59:58Z"),
]  # fmt: skip
WRITERS = {"csv": as_csv, "csv.gz": lambda rows: zipped(as_csv(rows)), "jsonl": as_jsonl, "parquet": as_text_parquet}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every fault in every format, each file beginning and ending with a good row."""
    root = tmp_path_factory.mktemp("faults")
    for source in GOOD:
        bad = [fault.row for fault in FAULTS + SCALES + BACKWARDS if fault.source == source]
        for form, write in WRITERS.items():
            rows = [row(source, f"good 1 {form}"), *bad, row(source, f"good 2 {form}")]
            deliver(root / "landing", f"{source}/{form.replace('.', '_')}.{form}", write(rows))
    load_only(root / "landing", root / "out")
    return root / "out"


def place(fault: Fault, form: str) -> int:
    """Its line in a text file with a header, its record in the other formats."""
    of_source = [other for other in FAULTS + SCALES + BACKWARDS if other.source == fault.source]
    return of_source.index(fault) + (3 if form.startswith("csv") else 2)


@pytest.fixture(scope="module")
def quarantine(out: Path) -> dict[tuple[str, int], dict[str, Any]]:
    return {(r["file"], r["line"]): r for r in drafted(out, "from ledger.quarantine")}


@pytest.fixture(scope="module")
def keys(out: Path) -> dict[str, set[str]]:
    return {
        source: {r["k"] for r in drafted(out, f"select {KEY[source]} as k from records.{source}")} for source in GOOD
    }


def found(quarantine: dict[tuple[str, int], dict[str, Any]], fault: Fault, form: str) -> dict[str, Any]:
    at = (f"{fault.source}/{form.replace('.', '_')}.{form}", place(fault, form))
    assert at in quarantine, f"{fault}: accepted, or quarantined at another line than {at[1]}"
    return quarantine[at]


@pytest.mark.parametrize("form", list(WRITERS))
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_bad_value_is_quarantined(quarantine: Any, keys: Any, fault: Fault, form: str) -> None:
    """Also in an optional column: the row is not kept with a null. The reason names the column and shows the value."""
    assert fault.key not in keys[fault.source]
    row = found(quarantine, fault, form)
    assert fault.column in row["reason"]
    if fault.value is not None and fault not in SCORES:
        # a JSON number may be shown as a number is written
        shown = fault.value if form != "jsonl" or fault.value.count("e") else fault.value.split(".")[0]
        assert shown in row["reason"]
    assert fault.value is None or row["raw"]


@pytest.mark.parametrize("fault", SCORES, ids=str)
def test_a_score_outside_its_scale_is_shown(quarantine: Any, fault: Fault) -> None:
    assert str(fault.value) in found(quarantine, fault, "csv")["reason"]


@pytest.mark.parametrize("form", list(WRITERS))
@pytest.mark.parametrize("fault", SCALES, ids=str)
def test_a_scale_of_another_survey_is_quarantined(quarantine: Any, keys: Any, fault: Fault, form: str) -> None:
    """It is never rescaled; the reason names the scale."""
    assert fault.key not in keys["surveys"]
    assert "scale" in found(quarantine, fault, form)["reason"]


@pytest.mark.parametrize("fault", BACKWARDS, ids=str)
def test_time_that_runs_backwards_is_quarantined(quarantine: Any, keys: Any, fault: Fault) -> None:
    assert fault.key not in keys[fault.source]
    assert fault.column in found(quarantine, fault, "csv")["reason"]


@pytest.mark.parametrize("form", list(WRITERS))
def test_good_rows_of_the_same_file_are_loaded(keys: Any, form: str) -> None:
    for source in GOOD:
        assert {f"good 1 {form}", f"good 2 {form}"} <= keys[source]


def test_nothing_else_is_quarantined(quarantine: Any) -> None:
    places = {
        (f"{fault.source}/{form.replace('.', '_')}.{form}", place(fault, form))
        for fault in FAULTS + SCALES + BACKWARDS
        for form in WRITERS
    }
    assert set(quarantine) - places == set()


def test_every_file_adds_up(out: Path) -> None:
    for r in drafted(out, "from ledger.ingest_files"):
        assert r["rows_read"] == r["rows_accepted"] + r["rows_superseded"] + r["rows_quarantined"]
        assert r["rows_in_file"] == r["rows_read"]
        assert r["rows_quarantined"] == len(drafted(out, f"from ledger.quarantine where file = '{r['file']}'"))


ONE_SECOND = {
    "approved": {"approved_at": "2026-06-05T07:59:59Z"},
    "scanned": {"first_scan_at": "2026-06-05T08:59:59Z"},
    "received": {"received_at": "2026-06-07T08:59:59Z"},
    "inspected": {"inspected_at": "2026-06-09T08:59:59Z"},
    "rejected": {"rejected_at": "2026-06-05T07:59:59Z"},
    "steps left out": {"approved_at": None, "first_scan_at": None, "received_at": None},
}


def test_what_time_allows(tmp_path: Path) -> None:
    """One second of disagreement is let pass; so is a refund issued before the goods are received."""
    landing = tmp_path / "landing"
    deliver(landing, "returns/a.csv", as_csv([row("returns", name, **changes) for name, changes in ONE_SECOND.items()]))
    early = row("refunds", "early", return_id="approved", issued_at="2026-06-05T10:00:00Z")
    level = row("refunds", "level", credited_at="2026-06-10T09:59:59Z")
    deliver(landing, "refunds/a.csv", as_csv([early, level]))
    load_only(landing, tmp_path / "out")
    assert drafted(tmp_path / "out", "from ledger.quarantine") == []


class TestRagged:
    """Rows with too few or too many fields, and lines that are no JSON."""

    @pytest.mark.parametrize("form", ["csv", "tsv", "csv.gz"])
    @pytest.mark.parametrize("kind", ["too few", "too many", "one field"])
    def test_fields(self, tmp_path: Path, form: str, kind: str) -> None:
        separator = "\t" if form == "tsv" else ","
        lines = (
            FORMATS[form.removesuffix(".gz")]([row("orders", f"o{n}", category="a b") for n in range(4)])
            .decode()
            .splitlines()
        )
        fields = lines[2].split(separator)
        few = separator.join(fields[:5])
        lines[2] = {"too few": few, "too many": lines[2] + separator + "x", "one field": fields[0]}[kind]
        content = ("\n".join(lines) + "\n").encode()
        deliver(tmp_path / "landing", f"orders/a.{form}", zipped(content) if form.endswith("gz") else content)
        load_only(tmp_path / "landing", tmp_path / "out")
        (bad,) = drafted(tmp_path / "out", "from ledger.quarantine")
        assert (bad["source"], bad["file"], bad["line"]) == ("orders", f"orders/a.{form}", 3)
        assert "field" in bad["reason"] or "column" in bad["reason"]
        assert bad["raw"] == lines[2]
        loaded = drafted(tmp_path / "out", "select order_id from records.orders order by all")
        assert [r["order_id"] for r in loaded] == ["o0", "o2", "o3"]

    def test_lines_are_physical_ones_after_a_comment_with_line_breaks(self, tmp_path: Path) -> None:
        rows = [row("surveys", f"a{n}", comment='one\ntwo\n\nthree, "four"') for n in range(3)]
        rows += [row("surveys", "bad", score="11"), row("surveys", "last")]
        content = as_csv(rows)
        deliver(tmp_path / "landing", "surveys/a.csv", content)
        deliver(tmp_path / "landing", "surveys/b.csv", content.replace(b"\n", b"\r\n"))
        load_only(tmp_path / "landing", tmp_path / "out")
        expected = content[: content.index(b"bad")].count(b"\n") + 1
        bad = drafted(tmp_path / "out", "select file, line from ledger.quarantine order by file")
        assert bad == [{"file": "surveys/a.csv", "line": expected}, {"file": "surveys/b.csv", "line": expected}]

    @pytest.mark.parametrize("ending", ["csv", "csv.gz"])
    def test_a_carriage_return_inside_of_a_field_ends_no_line(self, tmp_path: Path, ending: str) -> None:
        """Customers' comments have Windows line ends in files of others. The text of a bad row has them as they came."""
        rows = [row("surveys", f"a{n}", comment="one\r\ntwo\rthree") for n in range(3)]
        content = as_csv([*rows, row("surveys", "bad", comment="one\r\ntwo", score="11")])
        deliver(tmp_path / "landing", f"surveys/a.{ending}", zipped(content) if ending == "csv.gz" else content)
        load_only(tmp_path / "landing", tmp_path / "out")
        (bad,) = drafted(tmp_path / "out", "select line, raw from ledger.quarantine")
        assert bad["line"] == 8
        assert bad["raw"] == content.decode()[content.index(b"bad") :].rstrip("\n")

    @pytest.mark.parametrize("place", ["closed by the next row's", "closed by a later row's", "open to the end"])
    def test_a_row_has_its_own_text_where_quotes_do_not_pair(self, tmp_path: Path, place: str) -> None:
        """Each line of what did not load stands by itself, and no line of a row that has loaded."""
        lines = as_csv([row("surveys", f"a{n}", comment=f"comment {n}") for n in range(7)]).decode().splitlines()
        lines.insert(2, lines[1].replace("a0", "b0").replace("comment 0", '"open'))
        lines[4] = lines[4].replace("comment 2", '"two')
        lines.insert(5, 'lines"' + lines[1].split("comment 0")[1])
        if place == "open to the end":
            lines = [line.replace('"two', "two").replace('lines"', "lines") for line in lines]
        if place == "closed by a later row's":
            lines[4:6] = [lines[1].replace("a0", "c0")]
            lines[6] = lines[6].replace("comment 4", '"four"')
        deliver(tmp_path / "landing", "surveys/a.csv", "\n".join(lines) + "\n")
        outcome = load_only(tmp_path / "landing", tmp_path / "out")["surveys"]
        bad = drafted(tmp_path / "out", "from ledger.quarantine order by line")
        loaded = {r["response_id"] for r in drafted(tmp_path / "out", "from records.surveys")}
        for refusal in bad:
            assert refusal["raw"] == lines[refusal["line"] - 1]
            assert refusal["raw"].split(",")[0] not in loaded
        begun = {line.split(",")[0] for line in lines[1:]} - {'lines"', "lines"}
        assert {r["raw"].split(",")[0] for r in bad} - {'lines"', "lines"} == begun - loaded
        assert outcome.rows_read == outcome.rows_accepted + len(bad)

    @pytest.mark.parametrize("dialect", ["semicolons", "bars", "single quotes", "backslashes", "open quote"])
    def test_what_is_published_of_a_row_names_no_customer(self, tmp_path: Path, dialect: str) -> None:
        """Whatever way the file is written: marts.quarantine takes rows apart as RFC 4180 says, and shows no field of others."""
        rows = [row("orders", f"o{n}", customer_id=f"customer-{n}", category="a b") for n in range(3)]
        if dialect == "backslashes":
            rows[0]["category"] = '5" pipe'
        rows.append(row("orders", "late", customer_id="customer-9", ordered_at="yesterday", category="a b"))
        ways = {
            "semicolons": {"delimiter": ";"}, "bars": {"delimiter": "|"}, "single quotes": {"quotechar": "'", "quoting": 1},
            "backslashes": {"doublequote": False, "escapechar": "\\", "quoting": 1}, "open quote": {},
        }  # fmt: skip
        content = csv_text(rows, **ways[dialect])
        if dialect == "open quote":
            content += (
                csv_text([row("orders", "open", customer_id="customer-8", category="x")])
                .split("\n", 1)[1]
                .replace(",x,", ',"x,')
            )
        deliver(tmp_path / "landing", "orders/a.csv", content)
        with alone():  # no KPI is looked at
            draft(tmp_path / "landing", tmp_path / "out", "2026-06-09")
        shown = drafted(tmp_path / "out", "select line, raw from marts.quarantine order by line")
        assert [r["line"] for r in shown] == ([5, 6] if dialect == "open quote" else [5])
        assert not any("customer-" in r["raw"] for r in shown)

    @pytest.mark.parametrize(
        "line",
        [
            '{"order_id": "o9", "customer_',
            "[1, 2]",
            '"text"',
            "17",
            "{}",
            "null",
            "not json at all",
            '{"order_id": "o9"} {}',
        ],
    )
    def test_json(self, tmp_path: Path, line: str) -> None:
        good = as_jsonl([row("orders", f"o{n}") for n in range(3)]).decode().splitlines()
        good.insert(1, line)
        deliver(tmp_path / "landing", "orders/a.jsonl", "\n".join(good) + "\n")
        load_only(tmp_path / "landing", tmp_path / "out")
        bad = drafted(tmp_path / "out", "from ledger.quarantine")
        assert [(r["file"], r["line"], r["raw"]) for r in bad] == [("orders/a.jsonl", 2, line)]
        assert bad[0]["reason"]
        loaded = drafted(tmp_path / "out", "select order_id from records.orders order by all")
        assert [r["order_id"] for r in loaded] == ["o0", "o1", "o2"]

    @pytest.mark.parametrize("value", ['{"a": 1}', "[1]", "true"])
    def test_a_json_value_of_another_type(self, tmp_path: Path, value: str) -> None:
        """A nested value is no number and no timestamp."""
        good = as_jsonl([row("orders", "o1"), row("orders", "o2", order_value="77.25")]).decode()
        deliver(tmp_path / "landing", "orders/a.jsonl", good.replace("77.25", value))
        load_only(tmp_path / "landing", tmp_path / "out")
        (bad,) = drafted(tmp_path / "out", "from ledger.quarantine")
        assert bad["line"] == 2
        assert "order_value" in bad["reason"]


class TestTypedParquet:
    """What Parquet's own types can hold and the contract cannot."""

    def test_numbers_that_are_none(self, tmp_path: Path) -> None:
        import io

        import pyarrow as pa
        import pyarrow.parquet as pq

        good = row("orders", "x")
        columns: dict[str, Any] = {name: pa.array([value] * 4, pa.string()) for name, value in good.items()}
        columns["order_id"] = pa.array(["nan", "inf", "half", "good"])
        columns["order_value"] = pa.array([float("nan"), float("inf"), 1.5, 1.5])
        columns["item_count"] = pa.array([1.0, 1.0, 4.5, 4.0])
        sink = io.BytesIO()
        pq.write_table(pa.table(columns), sink)
        deliver(tmp_path / "landing", "orders/a.parquet", sink.getvalue())
        load_only(tmp_path / "landing", tmp_path / "out")
        assert drafted(tmp_path / "out", "select order_id from records.orders") == [{"order_id": "good"}]
        bad = drafted(tmp_path / "out", "select line, reason from ledger.quarantine order by line")
        assert [r["line"] for r in bad] == [1, 2, 3]
        assert ["order_value" in r["reason"] for r in bad] == [True, True, False]
        assert "item_count" in bad[2]["reason"]


def test_a_bad_newer_state_does_not_hide_the_good_older_one(tmp_path: Path) -> None:
    newer = row("orders", "o1", category="new", order_value="abc", updated_at="2026-06-09T10:00:00Z")
    deliver(tmp_path / "landing", "orders/a.csv", as_csv([row("orders", "o1"), newer]))
    load_only(tmp_path / "landing", tmp_path / "out")
    assert drafted(tmp_path / "out", "select category from records.orders") == [{"category": "beauty"}]


def test_an_unknown_code_is_kept_as_unknown_and_counted(tmp_path: Path) -> None:
    """`seller_tier` has a list; `category` and `carrier` have none and take any code."""
    orders = [
        row("orders", "o1", seller_tier="platinum"),
        row("orders", "o2", seller_tier="platinum", fulfilment="drone"),
        row("orders", "o3", seller_tier=None, category="hot_air_balloons"),
    ]
    deliver(tmp_path / "landing", "orders/a.csv", as_csv(orders))
    deliver(
        tmp_path / "landing", "contacts/a.csv", as_csv([row("contacts", "t1", reason_code="complaint", channel="fax")])
    )
    deliver(
        tmp_path / "landing", "returns/a.csv", as_csv([row("returns", "r1", carrier="pigeon", reason_code="bored")])
    )
    load_only(tmp_path / "landing", tmp_path / "out")
    out = tmp_path / "out"
    assert drafted(out, "from ledger.quarantine") == []
    stored = drafted(out, "select seller_tier, fulfilment, category from records.orders order by order_id")
    assert [tuple(r.values()) for r in stored] == [
        ("unknown", "platform", "beauty"),
        ("unknown", "unknown", "beauty"),
        (None, "platform", "hot_air_balloons"),
    ]
    assert drafted(out, "select carrier, reason_code from records.returns") == [
        {"carrier": "pigeon", "reason_code": "unknown"}
    ]
    counted = drafted(out, "select source, column_name, code, rows from ledger.unlisted_codes order by all")
    assert [tuple(r.values()) for r in counted] == [
        ("contacts", "channel", "fax", 1),
        ("contacts", "reason_code", "complaint", 1),
        ("orders", "fulfilment", "drone", 1),
        ("orders", "seller_tier", "platinum", 2),
        ("returns", "reason_code", "bored", 1),
    ]
