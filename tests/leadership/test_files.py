"""The six files: the same numbers in each, nothing from outside taken for code, and all or nothing."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from marts_in_small import CUSTOMER, EVIL, FORMULA, MARKUP, WEEK
from reading import Page, printed_text, rows_of

from transforms.leadership import files, swap
from transforms.leadership.charts import Chart
from transforms.leadership.files import MissingPart, Receipt, write_weekly
from transforms.leadership.findings import Findings
from transforms.leadership.frames import Frames
from transforms.leadership.html import render_html
from transforms.leadership.payload import build_payload
from transforms.leadership.pdf import render_pdf
from transforms.leadership.scorecard import scorecard_lines

NAMES = {"brief.html", "brief.pdf", "kpis.xlsx", "kpis.json", "kpis.parquet", "receipt.json"}


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "brief.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def printed(folder: Path) -> str:
    return printed_text((folder / "brief.pdf").read_bytes())


@pytest.fixture(scope="module")
def book(folder: Path) -> Iterator[Any]:
    from openpyxl import load_workbook

    workbook = load_workbook(folder / "kpis.xlsx")
    yield workbook
    workbook.close()


def test_all_files_are_there_and_the_receipt_tells_them(folder: Path, receipt: Receipt) -> None:
    assert {path.name for path in folder.iterdir()} == NAMES
    written = json.loads((folder / "receipt.json").read_text())
    assert {file["name"] for file in written["files"]} == NAMES - {"receipt.json"}
    for file in written["files"]:
        content = (folder / file["name"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(content), sha256(content).hexdigest())
    assert (written["week"], written["as_of"]) == (receipt.week, receipt.as_of) == ("2026-W47", "2026-11-24T02:00:00Z")


def test_numbers_are_equal_in_every_file(folder: Path, page: Page, printed: str, book: Any) -> None:
    payload = json.loads((folder / "kpis.json").read_text(encoding="utf-8"))
    sheet = rows_of(book, "Scorecard")
    assert len(sheet) == len(payload["scorecard"])
    for row, cells in zip(payload["scorecard"], sheet, strict=True):
        for name in ("value", "ci_low", "ci_high", "n", "prior_value", "prior_year_value", "target", "final_value"):
            # a spreadsheet keeps 15 to 17 digits
            assert cells[name] == (row[name] if row[name] is None else pytest.approx(row[name], rel=1e-14)), (row, name)
    for line in scorecard_lines(payload):
        for words in (line["value"], line["interval"], line["n"], line["prior_year"]):
            assert words in page.text
            assert words in printed
    cells_read = [cell.value for row in book["Scorecard"].iter_rows(min_row=2) for cell in row]
    assert any(isinstance(value, float) for value in cells_read)


def test_parquet_holds_every_row_of_the_week(folder: Path, fetch: Any, receipt: Receipt) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "kpis.parquet")
    published = fetch("select * from kpi_weekly where week = ?", [WEEK])
    assert table.num_rows == len(published) == receipt.rows["kpis.parquet"]
    assert table.column_names == list(published.columns)
    assert (table.schema.field("week").type, table.schema.field("n").type) == (pa.date32(), pa.int64())
    want = published.set_index(["kpi", "dimension", "dimension_value", "statistic"])["value"]
    for row in table.to_pylist():
        if row["status"] not in ("suppressed", "withheld"):
            assert row["value"] == want[row["kpi"], row["dimension"], row["dimension_value"], row["statistic"]]


def test_a_withheld_kpi_shows_its_reason_everywhere(page: Page, printed: str, book: Any) -> None:
    assert "withheld, scores outside their scale" in page.text
    assert "scores outside their scale" in printed
    row = next(row for row in rows_of(book, "Scorecard") if row["kpi"] == "csat")
    assert row["value"] is None
    assert row["note"].startswith("scores outside their scale")


def test_a_provisional_value_is_marked_and_not_set_beside_earlier_ones(page: Page, printed: str) -> None:
    for text in (page.text, printed):
        assert "provisional" in text
        assert "not compared" in text
        assert "latest final week" in text


def test_small_figures_leave_no_file(folder: Path, book: Any) -> None:
    import pyarrow.parquet as pq

    small = [row for row in rows_of(book, "Segments") if row["dimension_value"] == "tiny"]
    assert {row["status"] for row in small} == {"suppressed", "withheld"}
    for row in small + [
        r for r in pq.read_table(folder / "kpis.parquet").to_pylist() if r["dimension_value"] == "tiny"
    ]:
        for name in ("value", "ci_low", "ci_high", "numerator", "denominator", "prior_value"):
            assert row[name] is None, name


def test_the_page_loads_and_runs_nothing(folder: Path, page: Page) -> None:
    tags = [tag for tag, _ in page.tags]
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(tags)
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "href", "xlink:href")]
    text = (folder / "brief.html").read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/)", text)


def test_the_page_can_be_read_without_seeing_it(page: Page) -> None:
    assert ("html", {"lang": "en"}) in page.tags
    charts = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert charts
    assert all(chart.get("role") == "img" and chart.get("aria-label") for chart in charts)
    assert all(attributes.get("scope") for tag, attributes in page.tags if tag == "th")
    assert "viewport" in [attributes.get("name") for tag, attributes in page.tags if tag == "meta"]


def test_text_from_outside_stays_text(page: Page, printed: str, book: Any) -> None:
    assert EVIL in page.text
    assert MARKUP in page.text
    assert FORMULA in page.text
    assert "#panic[boom]" in printed
    assert "<script>" in printed.replace(" ", "")
    values = {row["dimension_value"] for row in rows_of(book, "Segments")}
    assert {FORMULA, EVIL, MARKUP} <= values
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            assert not [cell.coordinate for cell in row if cell.data_type == "f"], sheet.title


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r="])
def test_nothing_from_outside_is_a_formula(payload: dict[str, Any], frames: Frames, start: str) -> None:
    """In cells, headings and titles of charts, whatever a text begins with; sheets have names of our own."""
    import zipfile

    from openpyxl import load_workbook

    from transforms.leadership.xlsx import render_xlsx

    text = f"{start}cmd|' /C calc'!A0"
    rows = frames.week_rows.assign(dimension_value=frames.week_rows["dimension_value"].replace("VN", text))
    labels = {"series": [{**payload["series"][0], "kpi": text, "label": text}, *payload["series"][1:]],
              "scorecard": [{**payload["scorecard"][0], "label": text, "note": text}, *payload["scorecard"][1:]]}  # fmt: skip
    content = render_xlsx(payload | labels, replace(frames, week_rows=rows)).content
    workbook = load_workbook(io.BytesIO(content))
    cells = [cell for sheet in workbook for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert "f" not in {cell.data_type for cell in cells}
    assert len([cell for cell in cells if "cmd|' /C calc'!A0" in str(cell.value)]) >= 4
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        charts = [book.read(name).decode() for name in book.namelist() if name.startswith("xl/charts/chart")]
        names = [name for name in book.namelist() if "externalLink" in name]
    references = {ref.split("!")[0] for chart in charts for ref in re.findall(r"<c:f>(.*?)</c:f>", chart)}
    assert references == {"'Chart data'"}
    assert not names


def test_customers_and_raw_rows_appear_nowhere(folder: Path, printed: str) -> None:
    import zipfile

    assert CUSTOMER not in printed
    for path in folder.iterdir():
        assert CUSTOMER.encode() not in path.read_bytes()
    with zipfile.ZipFile(folder / "kpis.xlsx") as workbook:
        assert not [name for name in workbook.namelist() if CUSTOMER.encode() in workbook.read(name)]


def test_the_workbook_is_ready_to_use(book: Any, receipt: Receipt) -> None:
    tabs = [
        "Brief", "Scorecard", "Charts", "Signals", "Causes", "Recommendations", "Actions", "Themes", "Quotes", "New words",
        "Drivers", "Escalations", "Refund stages", "Groups", "Avoidable contacts", "Restated", "Weekly", "Monthly", "Segments", "Data quality",
        "Definitions", "Chart data",
    ]  # fmt: skip
    assert book.sheetnames == tabs
    assert len(book["Charts"]._charts) == 9
    for name in tabs:
        if name != "Charts":
            assert book[name].freeze_panes == "B2"
            assert book[name].auto_filter.ref
            is_empty = receipt.rows[name] == 0  # then a sentence stands below the heading
            assert receipt.rows[name] == book[name].max_row - 1 - is_empty
    formats = {
        row[4].value: row[5].number_format for row in book["Scorecard"].iter_rows(min_row=2) if row[5].value is not None
    }
    assert formats == {"points": "0.0", "share": "0.0%", "per_1k": "0.0", "hours": "0.0"}
    assert len({row["period"] for row in rows_of(book, "Weekly")}) == 53
    assert {row["dimension"] for row in rows_of(book, "Segments")} == {"market", "category"}


def test_a_missing_week_is_an_empty_cell_of_the_chart_data(book: Any) -> None:
    row = next(row for row in rows_of(book, "Chart data") if row["period"] == "2026-W45")
    assert row["nps_final"] is None
    assert row["nps_not_final"] is None
    assert row["return_rate_not_final"] is not None


def test_the_print_is_short_tagged_and_dated_by_its_as_of_time(folder: Path, payload: dict[str, Any]) -> None:
    from pypdf import PdfReader

    reader = PdfReader(folder / "brief.pdf")
    assert len(reader.pages) <= 12
    assert reader.pages[0].mediabox.width == pytest.approx(595, abs=1)
    root: Any = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert reader.metadata
    assert reader.metadata.creation_date
    assert reader.metadata.creation_date.date() == datetime.fromisoformat(payload["as_of"]).date()
    resources: list[Any] = [sheet["/Resources"] for sheet in reader.pages]
    fonts = {str(font.get_object()["/BaseFont"]) for found in resources for font in found["/Font"].values()}
    assert {name.split("+")[1].split("-")[0] for name in fonts} <= {"LibertinusSerif", "DejaVuSansMono"}


def test_the_print_can_be_letter_size(payload: dict[str, Any], charts: list[Chart]) -> None:
    from pypdf import PdfReader

    content = render_pdf(payload, charts, "us-letter")
    assert PdfReader(io.BytesIO(content)).pages[0].mediabox.width == pytest.approx(612, abs=1)


def test_a_name_in_a_script_without_a_font_does_not_stop_the_print(payload: dict[str, Any]) -> None:
    row = payload["scorecard"][0] | {"note": "ตลาด 市場 سوق"}
    content = render_pdf(payload | {"scorecard": [row, *payload["scorecard"][1:]]}, [])
    assert content.startswith(b"%PDF")


def test_the_same_marts_give_the_same_bytes(fetch: Any, folder: Path, tmp_path: Path) -> None:
    write_weekly(fetch, tmp_path, "2026-W47")
    for name in NAMES:
        assert (tmp_path / "weekly" / "2026-W47" / name).read_bytes() == (folder / name).read_bytes(), name


def test_published_figures_are_those_shown_and_none_is_lost(fetch: Any, tmp_path: Path) -> None:
    first, second = datetime(2026, 11, 24, 7, tzinfo=UTC), datetime(2026, 11, 24, 9, tzinfo=UTC)
    for moment in (first, second):
        receipt = write_weekly(fetch, tmp_path, published_at=moment)
    folder = tmp_path / "weekly" / "2026-W47"
    book = json.loads((folder / "published.json").read_text(encoding="utf-8"))
    figures = book["figures"]
    moments = ["2026-11-24T07:00:00Z", "2026-11-24T09:00:00Z"]
    assert [(i["issue"], i["published_at"]) for i in book["issues"]] == [(1, moments[0]), (2, moments[1])]
    assert {(figure["first"], figure["last"]) for figure in figures} == {(1, 2)}
    assert receipt.issue == 2
    assert "published.json" in {file.name for file in receipt.files}
    payload = json.loads((folder / "kpis.json").read_text(encoding="utf-8"))
    found = {(f["week"], f["kpi"], f["statistic"], f["dimension"], f["dimension_value"]): f["value"] for f in figures}
    for row in payload["scorecard"]:
        key = (payload["monday"], row["kpi"], row["statistic"], "all", "all")
        assert found.get(key) == row["value"]
    assert not [f for f in figures if f["dimension_value"] == "tiny"]
    assert len(found) == len(figures)


def test_an_earlier_folder_is_replaced_whole(fetch: Any, tmp_path: Path) -> None:
    earlier = tmp_path / "weekly" / "2026-W47"
    earlier.mkdir(parents=True)
    (earlier / "stale.txt").write_text("old")
    write_weekly(fetch, tmp_path)
    assert {path.name for path in earlier.iterdir()} == NAMES
    assert [path.name for path in earlier.parent.iterdir()] == ["2026-W47"]


@pytest.mark.parametrize("part", ["brief.pdf", "kpis.json"])
def test_a_missing_part_publishes_nothing(
    fetch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    earlier = tmp_path / "weekly" / "2026-W47"
    earlier.mkdir(parents=True)
    (earlier / "kept.txt").write_text("old")
    parts = {name: b"x" for name in files.PARTS if name != part}
    monkeypatch.setattr(files, "render", lambda *_: (parts, {}))
    with pytest.raises(MissingPart, match=f"2026-W47: no {part}, expected 5 files; nothing was published"):
        write_weekly(fetch, tmp_path)
    assert [path.name for path in earlier.iterdir()] == ["kept.txt"]


def test_a_fault_while_writing_leaves_the_earlier_folder(
    fetch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = tmp_path / "weekly" / "2026-W47"
    earlier.mkdir(parents=True)
    (earlier / "kept.txt").write_text("old")
    monkeypatch.setattr(files, "render", lambda *_: (dict.fromkeys(files.PARTS, b"x"), {}))

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        write_weekly(fetch, tmp_path)
    assert [path.name for path in earlier.parent.iterdir()] == ["2026-W47"]
    assert [path.name for path in earlier.iterdir()] == ["kept.txt"]


@pytest.mark.parametrize("can_exchange", [True, False])
def test_folders_change_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool) -> None:
    if not can_exchange:
        monkeypatch.setattr(swap, "_exchange", lambda *_: False)
    fresh, place = tmp_path / ".new", tmp_path / "place"
    for folder, text in ((fresh, "new"), (place, "old")):
        folder.mkdir()
        (folder / "file").write_text(text)
    swap.put_folder(fresh, place)
    assert (place / "file").read_text() == "new"
    assert (fresh / "file").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


def test_what_killed_runs_left_is_swept(tmp_path: Path) -> None:
    import os

    fresh, dead, other = tmp_path / ".2026-W47-a", tmp_path / ".2026-W47-b", tmp_path / ".2026-W46-c"
    for folder in (fresh, dead, other):
        folder.mkdir()
    for folder in (dead, other):
        os.utime(folder, (1, 1))
    swap.sweep(tmp_path, ".2026-W47-", fresh)
    assert {path.name for path in tmp_path.iterdir()} == {fresh.name, other.name}


def test_an_empty_house_is_a_page_too(frames: Frames, payload: dict[str, Any]) -> None:
    """No checks, no files, no quarantine: said in words, not left blank."""
    bare = replace(
        frames,
        sources=frames.sources[:0],
        checks=frames.checks[:0],
        quarantine=frames.quarantine[:0],
        refused=frames.refused[:0],
    )
    text = Page(render_html(build_payload(bare, WEEK, Findings()), [])).text
    for sentence in (
        "No checks were recorded.",
        "No files were taken in.",
        "No row is in quarantine.",
        "No file was refused.",
    ):
        assert sentence in text


def test_the_command_line_loads_no_heavy_library() -> None:
    import subprocess
    import sys

    heavy = "{'altair', 'vl_convert', 'typst', 'xlsxwriter', 'pandas', 'pyarrow', 'jinja2', 'duckdb'}"
    code = f"import sys, flows.cli; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
