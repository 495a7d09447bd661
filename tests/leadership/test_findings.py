"""What was found, in every file: the same numbers, nothing taken for code, and words where there is nothing."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from findings_in_small import with_findings, without_findings
from marts_in_small import EVIL, FORMULA, MARKUP, WEEK
from reading import Page, filled, printed_text, rows_of

from transforms.insight.brief import brief
from transforms.insight.recommend import recommend
from transforms.insight.together import effects_of
from transforms.leadership.changes import changes
from transforms.leadership.charts import Chart, draw_charts
from transforms.leadership.frames import Frames
from transforms.leadership.html import render_html
from transforms.leadership.panels import same_span
from transforms.leadership.pdf import render_pdf
from transforms.leadership.scorecard import display_units
from transforms.leadership.sections.moved import cause_notes, moved_tables
from transforms.leadership.sparklines import sparkline
from transforms.leadership.view import build_view
from transforms.leadership.words import signed, signed_interval
from transforms.leadership.xlsx import Workbook, render_xlsx

Row = dict[str, Any]
# tab -> the findings it holds and their figures, column by column
FIGURES = {
    "Signals": ("value", "ci_low", "ci_high", "expected", "limit_low", "limit_high", "n", "smallest_visible_change"),
    "Causes": ("rank", "contribution", "ci_low", "ci_high"),
    "Actions": ("effect", "ci_low", "ci_high", "weeks_after"),
    "Themes": ("n", "share", "share_low", "share_high", "change", "change_low", "nps_points", "nps_low", "nps_high"),
    "New words": ("n", "n_before", "z"),
    "Drivers": ("exposed", "unexposed", "share", "difference", "difference_low", "points", "points_low", "points_high"),
    "Escalations": ("rank", "waiting_days", "sla_days", "contacts", "order_value", "impact"),
    "Groups": ("value", "prior_year_value", "numerator", "n"),
    "Avoidable contacts": (
        "target_hours",
        "contacts",
        "contacts_low",
        "contacts_high",
        "late_days",
        "value",
        "ci_low",
        "n",
    ),
    "Restated": ("old", "new"),
}
# tabs that say why they are empty
TOLD = ("Signals", "Causes", "Recommendations", "Actions", "Drivers", "Avoidable contacts")
ORDER = [
    "Decisions asked", "Did earlier actions work?", "Scorecard, week", "What moved", "Why", "Six weeks and twelve months",
    "What customers say", "What costs NPS points", "Cases to look at now", "Definitions", "Data quality",
]  # fmt: skip


@pytest.fixture(scope="module")
def full(payload: Row) -> Row:
    return with_findings(payload)


@pytest.fixture(scope="module")
def drawn(full: Row) -> list[Chart]:
    return draw_charts(full)


@pytest.fixture(scope="module")
def page(full: Row, drawn: list[Chart]) -> Page:
    return Page(render_html(full, drawn))


@pytest.fixture(scope="module")
def print_(full: Row, drawn: list[Chart]) -> bytes:
    return render_pdf(full, drawn)


@pytest.fixture(scope="module")
def printed(print_: bytes) -> str:
    return printed_text(print_)


@pytest.fixture(scope="module")
def written(full: Row, frames: Frames) -> Workbook:
    return render_xlsx(full, frames)


@pytest.fixture(scope="module")
def book(written: Workbook) -> Iterator[Any]:
    from openpyxl import load_workbook

    workbook = load_workbook(io.BytesIO(written.content))
    yield workbook
    workbook.close()


def found(payload: Row, tab: str) -> list[Row]:
    """The findings of the payload that a tab holds."""
    voice, groups = payload["voice"], payload["ageing"] + payload["contact_reasons"]
    parts = {"Themes": voice["themes"], "New words": voice["words"], "Escalations": payload["escalations"]["shown"],
             "Groups": groups, "Restated": payload["trust"]["restated"], "Avoidable contacts": payload["avoidable"]}  # fmt: skip
    return list(parts[tab] if tab in parts else payload[tab.lower()])


def texts(part: Any) -> Iterator[str]:
    """Every text of a part of the view."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for value in part.values():
            yield from texts(value)
    elif isinstance(part, list):
        for value in part:
            yield from texts(value)


# ---- the same numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize("tab", FIGURES)
def test_a_tab_holds_the_figures_of_the_payload(full: Row, book: Any, written: Workbook, tab: str) -> None:
    sheet = rows_of(book, tab)
    assert len(sheet) == len(found(full, tab)) == written.rows[tab]
    for row, cells in zip(found(full, tab), sheet, strict=True):
        for name in FIGURES[tab]:
            assert cells[name] == (row[name] if row[name] is None else pytest.approx(row[name], rel=1e-14)), name


def test_sizes_and_effects_are_numbers(full: Row, book: Any) -> None:
    """A row of the tab for each KPI that a decision is about."""
    rows = [{**row, **effect} for row in full["recommendations"] for effect in effects_of(row)]
    for row, cells in zip(rows, rows_of(book, "Recommendations"), strict=True):
        effect = row["expected_effect"] or dict.fromkeys(("value", "ci_low", "ci_high"))
        assert cells["size"] == pytest.approx(row["size"]["value"])
        assert [cells["effect"], cells["effect_low"], cells["effect_high"]] == [
            effect[k] for k in effect if k != "unit"
        ]
        assert f"{cells['decide_by']:%Y-%m-%d}" == row["decide_by"]
        assert cells["ledger_row"] == row["ledger_row"]


@pytest.mark.parametrize("part", ["brief", "decisions", "actions", "scorecard", "moved", "causes", "avoidable", "voice", "drivers",
                                  "escalations", "trust"])  # fmt: skip
def test_page_and_print_say_the_view(full: Row, page: Page, printed: str, part: str) -> None:
    """Every text with a figure in it; the print breaks long words, which is why spaces do not count.

    Lines for the ledger are to be copied: they are not in the print, which breaks them.
    """
    view: Row = dict(build_view(full))
    said = [text for text in texts(view[part]) if any(letter.isdigit() for letter in text)]
    assert len(said) >= 4
    bare, to_copy = printed.replace(" ", ""), {row["ledger_row"] for row in view["decisions"]}
    for text in said:
        assert " ".join(text.split()) in page.text
        if text.isascii() and text not in to_copy:
            assert text.replace(" ", "") in bare, text


def test_the_scorecard_says_how_far_it_is_from_before_and_from_its_target(full: Row, page: Page, book: Any) -> None:
    row = next(row for row in full["scorecard"] if row["kpi"] == "contacts_per_1k_orders")
    cells = next(cells for cells in rows_of(book, "Scorecard") if cells["kpi"] == row["kpi"])
    want = changes(row)
    assert want["week_change"] == row["value"] - row["prior_value"]
    assert {name: cells[name] for name in want} == pytest.approx(want, rel=1e-12)
    assert cells["month_to_date"] == pytest.approx(row["month_to_date"]["value"])
    for value in want.values():
        assert signed(value, "per_1k") in page.text


def test_a_provisional_value_is_not_compared(full: Row) -> None:
    row = next(row for row in full["scorecard"] if row["status"] == "provisional")
    assert set(changes(row).values()) == {None}
    assert changes(row, "final_")["week_change"] == row["final_value"] - row["final_prior_value"]


# ---- how it reads -----------------------------------------------------------------------------------


def test_the_parts_stand_in_the_order_a_leader_reads_them(full: Row, page: Page, printed: str) -> None:
    for text in (page.text, printed):
        places = [text.index("Sources, lag"), text.index(full["brief"][0][:40]), *(text.index(part) for part in ORDER)]
        assert places == sorted(places)


def test_titles_say_the_message(drawn: list[Chart]) -> None:
    titles = {chart.kpi: chart.title for chart in drawn}
    assert len(titles) == len(drawn) == 12
    assert "above its limits, week 2026-W47" in titles["contacts_per_1k_orders"]
    assert "above its limits, last final week 2026-W42" in titles["refund_cycle_time"]
    assert "within its limits" in titles["return_rate"]
    assert "limits" not in titles["csat"]
    assert titles["stages"] == "Mean refund time: 7.4 days; the longest part is inspect, 2.1 days (warehouse)"
    assert titles["ageing"].endswith("by how long they are overdue: most often 0-7 days, 212 cases")
    assert titles["contact_reasons"] == "Contacts per 1,000 orders by reason: most often where is my refund, 31.2"


def test_the_waterfall_adds_up_and_groups_stand_in_order(drawn: list[Chart]) -> None:
    alt = {chart.kpi: chart.alt for chart in drawn}
    assert alt["stages"].endswith("all stages 7.4 d")
    assert alt["ageing"].endswith("0-7 days 212, 8-14 days 97, over 30 days 31")


def test_signals_and_watched_are_apart_and_say_which_way(full: Row) -> None:
    signals, watched = build_view(full)["moved"]
    assert [row[2][1] for row in signals["rows"]] == ["worse", "worse", "worse", "better"]
    assert [row[0][0] for row in watched["rows"]] == ["NPS", "Return rate"]
    notes = build_view(full)["cause_notes"]
    assert notes == [
        f"CES fell in week 2026-W46 in a part of market {EVIL} whose figures are kept back here; the file for analysts names"
        " it.",
        f"Ruled out for Refund cycle time: the mix of categories and seller tier {EVIL}.",
        "No single cause explains the move of Returns with a contact and CSAT.",
    ]


def test_a_share_of_a_duration_is_shown_as_a_share_and_a_mix_without_a_good_side(full: Row) -> None:
    share = {"statistic": "credited_by_day_14", "value": 0.294, "expected": 0.715, "unit": "share", "better": "higher"}
    share |= dict.fromkeys(("limit_low", "limit_high", "smallest_visible_change"))
    by_then = next(row for row in full["signals"] if row["kpi"] == "refund_cycle_time") | share
    mix = {"kpi": "mixed", "label": "Mixed", "kind": "mix", "unit": "share", "read_in": "share", "better": "higher"}
    part = by_then | {"kpi": "mixed", "statistic": "value"}
    changed = full | {"signals": [by_then, part], "definitions": [*full["definitions"], mix]}
    shares, parts = moved_tables(changed, display_units(full))[0]["rows"]
    assert shares[2:4] == [["29.4%", "worse"], "71.5%"]
    assert parts[2:4] == [["29.4%", ""], "71.5%"]


def test_a_move_is_in_the_same_unit_in_brief_tables_and_decisions(full: Row) -> None:
    """The hours that a stage added are days everywhere, as the refund time itself, also where a share shows the move."""
    early = {"statistic": "credited_by_day_14", "value": 0.294, "expected": 0.715, "unit": "share", "better": "higher"}
    early |= {"dimension": "market × carrier", "dimension_value": "VN × jnt"}
    signals = [full["signals"][0] | early]
    causes = [full["causes"][0] | {"within_days": 14}]
    asked = recommend(signals, causes, full["scorecard"], full["definitions"], WEEK)
    shown = build_view(full | {"signals": signals, "causes": causes, "recommendations": asked})
    said = " ".join(brief(full | {"signals": signals, "causes": causes, "recommendations": asked, "actions": []}))
    assert "(+0.9 days on the mean of all cases in their first 14 days, 95% interval +0.7 to +1.1)" in said
    assert shown["causes"]["rows"][0][4:] == ["+0.9 d", "+0.7 to +1.1 d"]
    assert shown["decisions"][0]["facts"][3][1] == "Refund cycle time −0.9 d (95% interval −1.1 to −0.7 d)"


def test_stages_and_their_targets_are_in_the_unit_of_the_whole(full: Row) -> None:
    assert display_units(full)["refund_cycle_time"] == "days"
    assert [row[1] for row in build_view(full)["avoidable"]["rows"]] == ["2.0 d", "1.0 d", "3.0 d", ""]


def test_a_part_a_stock_and_a_gap_in_the_data_are_not_said_to_have_no_cause(full: Row) -> None:
    """The causes of a whole name its stages; a stock is not taken apart; cases that lack a value are no move of the KPI."""
    moved = next(row for row in full["signals"] if row["verdict"] == "signal" and row["dimension"] == "all")
    part = {"kpi": "stages", "label": "stages", "kind": "duration", "per": 1, "part_of": "refund_cycle_time"}
    stock = {"kpi": "late", "label": "late", "kind": "count", "unit": "count", "per": 1, "part_of": None}
    gap = moved | {"kpi": "return_rate", "dimension": "market", "dimension_value": "unknown"}
    signals = [*full["signals"], moved | {"kpi": "stages"}, moved | {"kpi": "late"}, gap]
    changed = full | {"signals": signals, "definitions": [*full["definitions"], part, stock]}
    assert cause_notes(changed) == cause_notes(full)
    assert any("No single cause explains" in note for note in cause_notes(full))


def test_a_warning_is_not_called_a_failure(full: Row) -> None:
    def said(**failed: int) -> str:
        checks = {"passed": 420, "failed": sum(failed.values()), "failed_by_severity": failed}
        return build_view(full | {"trust": full["trust"] | {"checks": checks}})["trust"]["checks"]

    assert said(warn=10) == "420 of 430 checks passed, 10 warned."
    assert said(fail=1, warn=9) == "420 of 430 checks passed, 1 failed and 9 warned."
    assert said() == "420 of 420 checks passed, none failed."


def test_a_decision_names_what_it_does_for_each_kpi(full: Row, page: Page, printed: str) -> None:
    decision = build_view(full)["decisions"][0]
    assert decision["facts"][2:] == [
        ["At stake", "1,140 refund-days a week and 12 returns with a contact a week"],
        ["Expected effect if put right", "Refund cycle time −0.9 d (95% interval −1.1 to −0.7 d); Returns with a contact −8.2 pp"
                            " (95% interval −11.0 to −5.0 pp)"],
    ]  # fmt: skip
    assert decision["because"].endswith("; Returns with a contact was 31.2%, against an expected 23.0%")
    for text in (page.text, printed):
        assert decision["facts"][3][1] in text


def test_the_line_to_copy_is_there_until_it_is_taken_up(full: Row, page: Page, printed: str) -> None:
    asked, taken = full["recommendations"]
    assert asked["ledger_row"] in page.text
    assert taken["ledger_row"] not in page.text
    assert "copy its line into the ledger: it is in brief.html and in the tab Recommendations of kpis.xlsx" in printed
    assert asked["id"] not in printed  # a line that is broken by the margin cannot be copied


def test_what_holds_for_all_drivers_is_said_once(full: Row) -> None:
    drivers = [row | {"caveats": ["An association.", *row["caveats"]]} for row in full["drivers"]]
    table = build_view(full | {"drivers": drivers})["drivers"]
    assert table["more"] == "Of all: An association."
    assert not [row for row in table["rows"] if "association" in row[-1]]


@pytest.mark.parametrize("paper", ["a4", "us-letter"])
def test_the_print_stays_short(full: Row, drawn: list[Chart], paper: Any) -> None:
    from pypdf import PdfReader

    assert len(PdfReader(io.BytesIO(render_pdf(full, drawn, paper))).pages) <= 12


@pytest.mark.parametrize("paper", ["a4", "us-letter"])
def test_no_page_is_nearly_empty(full: Row, drawn: list[Chart], paper: Any) -> None:
    """However many definitions come before the last part."""
    for more in (0, 4, 8, 12):
        longer = full | {"definitions": full["definitions"] + full["definitions"][:1] * more}
        assert min(filled(render_pdf(longer, drawn, paper))) > 0.3, more


# ---- nothing from outside is code -------------------------------------------------------------------


def test_findings_are_text(full: Row, page: Page, printed: str, book: Any) -> None:
    tags = [tag for tag, _ in page.tags]
    assert not {"script", "b", "img", "a"} & set(tags)
    for text in (EVIL, MARKUP, FORMULA, '=HYPERLINK("http://evil")'):
        assert text in page.text
        assert text.replace(" ", "") in printed.replace(" ", "")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert "f" not in {cell.data_type for cell in cells}
    values = {cell.value for cell in cells}
    assert {full["recommendations"][1]["what"], full["voice"]["quotes"][2]["comment"], "-inspect"} <= values


STARTS = ["=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "'=", '"=', "＝", "＋", "－", "＠", "\u00a0=", "\ufeff=", "{="]
# What says how something is read: a date, a unit, a code of ours. Every other text of a finding can come from outside.
CODES = {
    "kpi", "statistic", "unit", "status", "verdict", "week", "monday", "started", "decide_by", "as_of", "audience", "kind",
    "better", "verdict_week", "final_week", "target_status", "final_target_status", "prior_status", "prior_year_status",
    "dimension", "period", "tone", "anchor", "at", "not_examined", "dimensions", "version", "start",
}  # fmt: skip
TABS = {
    "Brief", "Scorecard", "Signals", "Causes", "Recommendations", "Actions", "Themes", "Quotes", "New words", "Drivers",
    "Escalations", "Refund stages", "Groups", "Avoidable contacts", "Restated", "Data quality", "Definitions",
}  # fmt: skip


def from_outside(part: Any, text: str, key: str = "") -> Any:
    """The payload with `text` before every text that is no code of ours."""
    if isinstance(part, dict):
        return {name: from_outside(value, text, name) for name, value in part.items()}
    if isinstance(part, list):
        return [from_outside(value, text, key) for value in part]
    return text + part if isinstance(part, str) and key not in CODES else part


@pytest.mark.parametrize("start", STARTS)
def test_no_tab_takes_a_text_for_a_formula(full: Row, frames: Frames, start: str) -> None:
    """Whatever it begins with, in every tab, and also when somebody opens its cell and presses return."""
    from openpyxl import load_workbook

    text = f"{start}cmd|' /C calc'!A0 "
    workbook = load_workbook(io.BytesIO(render_xlsx(from_outside(full, text), frames).content))
    cells = [(sheet.title, cell) for sheet in workbook for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for _, cell in cells} <= {"s", "n", "d", "b", "inlineStr"}
    assert {tab for tab, cell in cells if "cmd|' /C calc'!A0" in str(cell.value)} >= TABS
    assert not [cell for _, cell in cells if cell.hyperlink]
    assert all(cell.quotePrefix for _, cell in cells if cell.data_type == "s" and cell.row > 1)


def test_a_script_the_print_has_no_letters_for_is_named(page: Page, printed: str, print_: bytes) -> None:
    from pypdf import PdfReader

    assert "คืนเงินช้ามาก" in page.text
    assert "“[Thai]”" in printed
    root: Any = PdfReader(io.BytesIO(print_)).trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]


# ---- nothing found, and not looked ------------------------------------------------------------------


def test_nothing_found_is_said(payload: Row, frames: Frames) -> None:
    bare = without_findings(payload)
    said = [
        "No decision is asked this week.", "The ledger holds no earlier action.",
        "Nothing moved beyond ordinary variation.", "No cause was found.", "No comment of the week names a theme.",
        "No friction could be tied to the NPS.", "No open case is past what was agreed.",
        "No published figure has changed.", "No stage was past its target in the week.",
    ]  # fmt: skip
    _is_said(bare, said, frames)


def test_not_looked_is_said(payload: Row, frames: Frames) -> None:
    names = [
        "signals",
        "causes",
        "recommendations",
        "actions",
        "voice",
        "drivers",
        "escalations",
        "restated",
        "avoidable",
    ]
    said = [f"{what} not examined for this file." for what in (
        "What to do was", "Earlier actions were", "What moved was", "Why something moved was", "Comments were",
        "What drives the NPS was", "Open cases were")]  # fmt: skip
    said.append("No stage has a target in the settings (stage_targets): what meeting one would save is not known.")
    _is_said(without_findings(payload) | {"not_examined": names}, said, frames)


def _is_said(payload: Row, said: list[str], frames: Frames) -> None:
    text, print_ = Page(render_html(payload, [])).text, printed_text(render_pdf(payload, []))
    for sentence in said:
        assert sentence in text
        assert sentence in print_
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(render_xlsx(payload, frames).content))
    told = {book[name]["A2"].value for name in TOLD}
    assert {sentence for sentence in said if sentence in told} == told


def test_the_payload_can_be_written(full: Row) -> None:
    assert json.loads(json.dumps(full, allow_nan=False)) == full


# ---- small parts ------------------------------------------------------------------------------------


def test_changes_have_their_sign() -> None:
    assert signed(0.0213, "share") == "+2.1 pp"
    assert signed(-21.6, "days") == "−0.9 d"
    assert signed(0.01, "points") == "0.0"
    assert signed(-0.01, "points") == "0.0"
    assert signed(None, "points") == "–"
    assert signed_interval(-0.012, 0.003, "share") == "−1.2 to +0.3 pp"


def test_a_sparkline_has_gaps_and_marks_the_newest_value() -> None:
    svg = sparkline([1.0, 2.0, None, 3.0, 2.5], 'a "b" <c>')
    assert svg.count("<path") == 2
    assert svg.count('r="2"') == 1
    assert "&lt;c>" in svg or "&lt;c&gt;" in svg
    assert sparkline([None, None], "x") == ""
    assert sparkline([2.0], "x").count("<circle") == 1


def test_charts_of_a_unit_share_a_span_unless_nothing_could_be_seen() -> None:
    scales = same_span(
        {"a": [0.1, 0.3], "b": [0.5, 0.6], "c": [0.05, 0.051], "d": [0.0, 0.1]}, dict.fromkeys("abcd", "share")
    )
    assert scales["a"] == ([0.1, 0.3], False)
    assert scales["b"][0] == pytest.approx([0.45, 0.65])
    assert scales["c"] == ([0.05, 0.051], True)
    assert scales["d"][0] == pytest.approx([0.0, 0.2])
    assert not scales["b"][1]
    assert not scales["d"][1]
