"""Every number in page, print, workbook, JSON and mail is that of kpi_weekly: read back from where it stands.

What a reader sees is parsed as a number again and held against the published one, cell by cell: to the last digit where
a file keeps it, else to half of the last digit shown. No formatter of the product takes part.
"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from marts_in_small import CATALOGUE, WEEK
from openpyxl import load_workbook
from reading import Page, printed_text, rows_of

from transforms.leadership.mail import render_message

Row = dict[str, Any]
LABELS = {label: kpi for kpi, label, *_ in CATALOGUE}
# What the scorecard calls a statistic.
STATISTICS = {"median": "p50", "90% of cases within": "p90", "credited within 7 days": "credited_by_day_7"}
VALUE, PRIOR, PRIOR_YEAR, TARGET, STATUS = 2, 3, 4, 8, 10  # columns of the scorecard
UNKNOWN = "–"
SEGMENT = ("kpi", "dimension", "dimension_value", "statistic")
NUMBER = r"[−+]?[\d,]+(?:\.\d+)?"


class Cell(NamedTuple):
    """What stands in a cell, and small below it."""

    text: str
    note: str


class Scorecard(HTMLParser):
    """The cells of the scorecard's lines, and what charts tell to those who do not see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.lines: list[list[Cell]] = []
        self.told: list[str] = []
        self.is_inside = self.is_note = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        classes = (given.get("class") or "").split()
        if tag == "div" and "scorecard" in classes:
            self.is_inside = True
        elif tag == "svg" and not self.is_inside:
            self.told.append(given.get("aria-label") or "")
        elif self.is_inside and tag == "tr":
            self.lines.append([])
        elif self.is_inside and tag in ("th", "td"):
            self.lines[-1].append(Cell("", ""))
        elif self.is_inside and tag in ("span", "small"):
            self.is_note = tag == "small" or "note" in classes

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.is_inside = False
        elif tag in ("span", "small"):
            self.is_note = False

    def handle_data(self, data: str) -> None:
        if self.is_inside and self.lines and self.lines[-1]:
            text, note = self.lines[-1][-1]
            self.lines[-1][-1] = Cell(text, note + data) if self.is_note else Cell(text + data, note)


def read(text: str) -> tuple[float, float]:
    """A number as it is shown, in the unit of kpi_weekly, and half of its last digit."""
    found = re.fullmatch(rf"({NUMBER})\s*(%|d|h|pp)?", text.strip())
    assert found, text
    digits = found[1].replace("−", "-").replace(",", "")
    scale = {"%": 0.01, "pp": 0.01, "d": 24.0}.get(found[2], 1.0)
    return float(digits) * scale, 0.5 * 10.0 ** -len(digits.partition(".")[2]) * scale


def assert_shown(text: str, published: float | None, what: object) -> None:
    if published is None or published != published:
        assert text.strip() in (UNKNOWN, ""), what
        return
    number, half = read(text)
    assert abs(number - published) <= half * (1 + 1e-9), (what, text, published)


def assert_interval_shown(text: str, low: float | None, high: float | None, what: object) -> None:
    if not text.strip():
        assert low is None or low != low, what
        return
    first, last = text.strip().split(" to ")
    unit = re.search(r"(%| d| h)$", last)
    first = first if first == UNKNOWN or first.endswith("%") else first + (unit[1] if unit and unit[1] != "%" else "")
    assert_shown(first, low, what)
    assert_shown(last, high, what)


@pytest.fixture(scope="module")
def published(fetch: Any) -> dict[tuple[str, str, str], Row]:
    """kpi_weekly of all: by KPI, statistic and name of the week."""
    rows = fetch("select * from kpi_weekly where dimension = 'all'", []).to_dict("records")
    return {(row["kpi"], row["statistic"], f"{row['week']:%G-W%V}"): row for row in rows}


@pytest.fixture(scope="module")
def told(folder: Path) -> Row:
    return dict(json.loads((folder / "kpis.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def scorecard(folder: Path) -> Scorecard:
    return Scorecard((folder / "brief.html").read_text(encoding="utf-8"))


def lines_of(scorecard: Scorecard) -> list[tuple[str, str, str, list[Cell]]]:
    """KPI, statistic and week of each line, from its own words."""
    found, kpi, statistic = [], "", ""
    for line in scorecard.lines[1:]:
        label, detail = line[0].text.strip(), line[0].note.strip()
        if label:
            kpi, statistic = LABELS[label], "value"
        week = re.fullmatch(r"latest final week, (\d{4}-W\d\d)", detail)
        if not week:
            statistic = next((name for words, name in STATISTICS.items() if detail.startswith(words)), "value")
        found.append((kpi, statistic, week[1] if week else "2026-W47", line))
    return found


def test_the_page(scorecard: Scorecard, published: dict[tuple[str, str, str], Row]) -> None:
    lines = lines_of(scorecard)
    assert {(kpi, statistic) for kpi, statistic, _, _ in lines} >= {
        (kpi, statistic) for kpi, *_, statistics in CATALOGUE for statistic in statistics if statistic != "p25"
    }
    assert len({week for _, _, week, _ in lines}) > 1
    for kpi, statistic, week, cells in lines:
        row, what = published[kpi, statistic, week], (kpi, statistic, week)
        assert_shown(cells[VALUE].text, row["value"], what)
        assert_interval_shown(cells[VALUE].note, row["ci_low"], row["ci_high"], what)
        is_compared = row["status"] != "provisional"
        assert_shown(cells[PRIOR].text, row["prior_value"] if is_compared else None, what)
        assert_shown(cells[PRIOR_YEAR].text, row["prior_year_value"] if is_compared else None, what)
        assert_shown(cells[TARGET].text, row["target"], what)
        assert_shown(re.match(rf"{NUMBER}|{UNKNOWN}", cells[STATUS].note.strip())[0], row["n"], what)  # type: ignore[index]


def test_the_charts_as_they_are_told(scorecard: Scorecard, published: dict[tuple[str, str, str], Row]) -> None:
    """The words of a chart, which are drawn from the same rows."""
    compared = 0
    for words in scorecard.told:
        found = re.match(r"(.+), last 6 weeks: (.*)", words)
        if not found or found[1] not in LABELS:
            continue
        kpi = LABELS[found[1]]
        statistic = "p50" if kpi == "refund_cycle_time" else "value"
        for week, text in re.findall(rf"(\d{{4}}-W\d\d) ({NUMBER}[%]?(?: [dh])?|{UNKNOWN})", found[2]):
            row = published.get((kpi, statistic, week), {"value": None})
            assert_shown(text, row["value"], (kpi, week))
            compared += 1
    assert compared == 6 * len(CATALOGUE)


def test_the_print(folder: Path, scorecard: Scorecard) -> None:
    """Line by line what the page's cells say, in their order: so the print's numbers are the page's."""
    printed = re.sub(r"\s", "", printed_text((folder / "brief.pdf").read_bytes()))
    at = printed.index("Scorecard,week")
    for kpi, statistic, week, cells in lines_of(scorecard):
        figures = "".join(cell.text + cell.note for cell in cells[VALUE : TARGET + 1])
        said = re.sub(r"\s", "", figures)
        assert said in printed[at:], (kpi, statistic, week, said)
        at = printed.index(said, at)


@pytest.fixture(scope="module")
def sheets(folder: Path) -> dict[str, list[Row]]:
    """The rows of the workbook's tabs of figures, read once."""
    book = load_workbook(folder / "kpis.xlsx", read_only=True)
    rows = {tab: rows_of(book, tab) for tab in ("Scorecard", "Weekly", "Monthly", "Segments")}
    book.close()
    return rows


@pytest.fixture(scope="module")
def by_month(fetch: Any) -> dict[tuple[str, str, str], Row]:
    """kpi_monthly of all: by KPI, statistic and name of the month."""
    rows = fetch("select * from kpi_monthly", []).to_dict("records")
    return {(r["kpi"], r["statistic"], f"{r['month']:%Y-%m}"): r for r in rows}


@pytest.fixture(scope="module")
def segments(fetch: Any) -> dict[tuple[str, ...], Row]:
    """kpi_weekly of the week's groups, by their key."""
    rows = fetch("select * from kpi_weekly", []).to_dict("records")
    return {
        tuple(row[key] for key in SEGMENT): row
        for row in rows
        if row["dimension"] != "all" and row["week"].date() == WEEK
    }


@pytest.mark.parametrize("name", ["value", "ci_low", "ci_high", "n", "prior_value", "prior_year_value", "target"])
def test_json_and_workbook(
    told: Row,
    sheets: dict[str, list[Row]],
    published: dict[tuple[str, str, str], Row],
    by_month: dict[tuple[str, str, str], Row],
    segments: dict[tuple[str, ...], Row],
    name: str,
) -> None:
    """Scorecard, 53 weeks, months and segments of the workbook; a spreadsheet keeps 15 to 17 digits."""

    def assert_same(found: float | None, want: float | None, what: object) -> None:
        is_known = want is not None and want == want
        assert found == (pytest.approx(want, rel=1e-14) if is_known else None), what

    for row in told["scorecard"]:
        want = published[row["kpi"], row["statistic"], "2026-W47"]
        assert row[name] == (want[name] if want[name] == want[name] else None), row["kpi"]
    for row in sheets["Scorecard"]:
        assert_same(row[name], published[row["kpi"], row["statistic"], "2026-W47"][name], row["kpi"])
    assert len(sheets["Weekly"]) > 500
    for row in sheets["Weekly"]:
        assert_same(
            row[name], published[row["kpi"], row["statistic"], row["period"]][name], (row["kpi"], row["period"])
        )
    for row in sheets["Monthly"]:
        assert_same(row[name], by_month[row["kpi"], row["statistic"], row["period"]][name], (row["kpi"], row["period"]))
    shown = [row for row in sheets["Segments"] if row["status"] not in ("suppressed", "withheld")]
    assert len(shown) > 50
    for row in shown:
        key = tuple(row[part] for part in SEGMENT)
        assert_same(row[name], segments[key][name], key)


def test_the_mail(told: Row, published: dict[tuple[str, str, str], Row]) -> None:
    """Both forms of it: the plain text by its columns, the table of the other by its cells."""
    message = render_message(told)
    rows = [re.sub(r" {2,}", "  ", line) for line in message.text.splitlines()]
    cells = re.findall(r"<tr style=\"border.*?</tr>", message.html)
    assert len(cells) == len(LABELS)
    for label, kpi in LABELS.items():
        (row,) = [line for line in rows if line.startswith(f"{label}  ")]
        settled = re.search(r"final (\d{4}-W\d\d)$", row)
        week = settled[1] if settled else "2026-W47"
        want = published[kpi, "p50" if kpi == "refund_cycle_time" else "value", week]
        assert (want["status"] == "final") == (settled is not None or row.endswith("  final")), row
        found = re.match(rf"{re.escape(label)}  (\S+(?: [dh])?)  ((?:\S+ to \S+(?: [dh])?)|{UNKNOWN})  ", row)
        assert found, row
        (table,) = [cell for cell in cells if f">{label}<" in cell]
        texts = [" ".join(Page(text).text.split()) for text in re.findall(r"<td.*?</td>", table)]
        for value, around in ((found[1], found[2]), (texts[1], texts[2])):
            assert_shown(value, want["value"], kpi)
            assert_interval_shown("" if around == UNKNOWN else around, want["ci_low"], want["ci_high"], kpi)
        if texts[3] != UNKNOWN:
            assert_shown(re.sub(r" (met|missed|unclear)$", "", texts[3]), want["target"], kpi)
