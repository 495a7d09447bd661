"""The actions ledger: what people write is read as they meant it, or refused with the place and the next move."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from findings import CATALOGUE, MONDAY, cause, signal
from hypothesis import given
from hypothesis import strategies as st

from transforms.insight.actions import (
    COLUMNS,
    parse_where,
    read_actions,
    stable_id,
    where_text,
)
from transforms.insight.recommend import recommend

TODAY = date(2026, 11, 24)
HEADING = ",".join(COLUMNS)
GOOD = "r1,Call the carrier,nps,market=VN & carrier=jnt,started,2026-10-05,logistics,since the strike"


def ledger(folder: Path, *lines: str, heading: str = HEADING, encoding: str = "utf-8") -> Path:
    path = folder / "actions.csv"
    path.write_bytes(("\n".join([heading, *lines]) + "\n").encode(encoding))
    return path


def refusal(path: Path) -> str:
    _, refused = read_actions(path, CATALOGUE, TODAY)
    assert refused
    return "\n".join(refused)


def test_a_row_is_read(tmp_path: Path) -> None:
    found, refused = read_actions(ledger(tmp_path, GOOD), CATALOGUE, TODAY)
    assert refused == []
    assert found == [
        {
            "id": "r1",
            "what": "Call the carrier",
            "kpi": "nps",
            "where": {"market": "VN", "carrier": "jnt"},
            "status": "started",
            "started": date(2026, 10, 5),
            "owner": "logistics",
            "note": "since the strike",
            "line": 2,
        }
    ]


def test_no_file_is_no_action(tmp_path: Path) -> None:
    assert read_actions(tmp_path / "none.csv", CATALOGUE, TODAY) == ([], [])


def test_what_spreadsheet_programs_write_is_read(tmp_path: Path) -> None:
    """A byte-order mark, semicolons, blank rows, Windows line ends, a text over two lines."""
    path = tmp_path / "actions.csv"
    second = 'r2;"Two\r\nlines; one text";nps;;accepted;;x;'
    text = "\r\n".join(
        [HEADING.replace(",", ";"), GOOD.replace(",", ";"), ";;;;;;;", second, "r3;x;nps;all;accepted;;y;"]
    )
    path.write_bytes(text.encode("utf-8-sig"))
    found, refused = read_actions(path, CATALOGUE, TODAY)
    assert refused == []
    assert [(row["id"], row["line"], row["where"]) for row in found] == [
        ("r1", 2, {"market": "VN", "carrier": "jnt"}),
        ("r2", 4, {}),
        ("r3", 6, {}),
    ]


def test_columns_in_another_order_and_without_the_optional_ones(tmp_path: Path) -> None:
    path = ledger(tmp_path, "nps,a,Do,accepted,me", heading="kpi,id,what,status,owner")
    ((row,), _) = read_actions(path, CATALOGUE, TODAY)
    assert (row["kpi"], row["where"], row["started"], row["note"]) == ("nps", {}, None, "")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (GOOD.replace("r1", ""), "id: it is empty: fill it in"),
        (GOOD.replace("logistics", " "), "owner: it is empty: fill it in"),
        (
            GOOD.replace("nps", "npss"),
            "kpi: found 'npss', expected one of contacts_per_1k_orders, csat, late_refund_open, lost_parcels",
        ),
        (GOOD.replace("started", "begun"), "status: found 'begun', expected one of accepted, started, done"),
        (GOOD.replace("2026-10-05", "05/10/2026"), "started: found '05/10/2026', expected a date such as 2026-11-16"),
        (GOOD.replace("2026-10-05", "2026-13-05"), "started: found '2026-13-05', expected a date such as 2026-11-16"),
        (GOOD.replace("2026-10-05", "20261005"), "started: found '20261005', expected a date"),
        (GOOD.replace("2026-10-05", ""), "started: it is empty in an action that is started: write its date"),
        (GOOD.replace("2026-10-05", "2027-01-04"), "which is after 2026-11-24: leave it accepted until it starts"),
        (GOOD.replace("started", "accepted"), "write status started, or empty the date"),
        (GOOD.replace("carrier=jnt", "color=red"), "where: found dimension 'color', expected one of market, carrier"),
        (
            GOOD.replace("carrier=jnt", "jnt"),
            "where: found 'market=VN & jnt', expected such as market=VN & carrier=jnt",
        ),
        (GOOD.replace("carrier=", "market="), "each dimension once"),
        (GOOD.replace("=jnt", "=jnt & fulfilment=seller"), "found 3 dimensions, expected at most 2"),
        (GOOD.replace(",since", ",,since"), "found 9 cells, expected 8: put a text that holds ',' in quotes"),
        (GOOD.replace("Call", '"Call'), "check the quotes"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    found = refusal(ledger(tmp_path, GOOD.replace("r1", "r0"), line))
    assert found.startswith("actions.csv, line 3: ")
    assert said in found


def test_all_faults_are_said_at_once(tmp_path: Path) -> None:
    found = refusal(ledger(tmp_path, GOOD, GOOD.replace("nps", "x"), GOOD.replace("r1", "r3").replace("started", "y")))
    assert [line.split(": ")[0] for line in found.splitlines()] == ["actions.csv, line 3"] * 2 + ["actions.csv, line 4"]
    assert "id: found 'r1', which line 2 has: give each action its own" in found


def test_one_wrong_line_does_not_cost_the_others(tmp_path: Path) -> None:
    """Among them a line of too few cells, one whose id was there, and a quote that does not end."""
    lines = [GOOD, "r2,too,few", GOOD.replace("2026-10-05", "5.10.26"), GOOD, GOOD.replace("r1", "r6"), 'r7,"open,nps']
    found, refused = read_actions(ledger(tmp_path, *lines), CATALOGUE, TODAY)
    assert [(row["id"], row["line"]) for row in found] == [("r1", 2), ("r6", 6)]
    assert sorted(text.split(": ")[0] for text in refused) == [
        *(["actions.csv, line 3"] + ["actions.csv, line 4"] * 2 + ["actions.csv, line 5", "actions.csv, line 7"])
    ]


def test_what_a_spreadsheet_or_a_pdf_adds_is_taken_off(tmp_path: Path) -> None:
    """Empty columns at the end, capitals, and what nobody sees in a line copied out of the printed file."""
    hidden = GOOD.replace("started", "Started").replace("jnt", "j\u200bnt").replace("market", "\u00a0market") + ",,"
    found, refused = read_actions(ledger(tmp_path, hidden, heading=HEADING + ",,"), CATALOGUE, TODAY)
    assert refused == []
    assert [(row["status"], row["where"]) for row in found] == [("started", {"market": "VN", "carrier": "jnt"})]


@pytest.mark.parametrize("heading", [HEADING + ",extra", HEADING.replace("owner", "who"), HEADING + ",id", ""])
def test_another_heading_is_refused(tmp_path: Path, heading: str) -> None:
    found = refusal(ledger(tmp_path, heading=heading))
    assert found.startswith("actions.csv, line 1: found ")
    assert found.endswith(f"expected the heading {HEADING}")


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    path = ledger(tmp_path, GOOD.replace("Call", "Rückfrage"), encoding="latin-1")
    assert refusal(path).endswith("is not UTF-8: save the file as CSV UTF-8")


def test_a_recommendation_can_be_copied(tmp_path: Path) -> None:
    """Its line is a row of the ledger, with its id; and the ledger stays as it was."""
    (made,) = recommend([signal("nps", 20.0, 30.0)], [cause("nps", -5.0)], [], CATALOGUE, MONDAY)
    path = ledger(tmp_path, made["ledger_row"])
    before = path.read_bytes()
    ((row,), _) = read_actions(path, CATALOGUE, TODAY)
    assert (row["id"], row["where"], row["status"], row["what"]) == (
        made["id"],
        made["where"],
        "accepted",
        made["what"],
    )
    assert path.read_bytes() == before


def test_an_ampersand_in_a_value_that_is_not_doubled_is_refused(tmp_path: Path) -> None:
    assert parse_where("category=Home && Garden") == {"category": "Home & Garden"}
    assert refusal(ledger(tmp_path, GOOD.replace("carrier=jnt", "jnt"))).endswith("and && for an ampersand in a value")


def test_a_recommendation_in_a_place_of_three_dimensions_can_be_copied(tmp_path: Path) -> None:
    """Its effect is measured in two of them: those that moved before the others."""
    where = {"market": "VN", "category": "Home & Garden", "carrier": "jnt"}
    moved = signal("nps", 20.0, 30.0) | {"dimension": "carrier", "dimension_value": "jnt"}
    (made,) = recommend([moved], [cause("nps", -5.0) | {"where": where}], [], CATALOGUE, MONDAY)
    ((row,), refused) = read_actions(ledger(tmp_path, made["ledger_row"]), CATALOGUE, TODAY)
    assert refused == []
    assert (row["id"], row["where"], made["where"]) == (made["id"], {"market": "VN", "carrier": "jnt"}, where)


NAMES = st.sampled_from(["market", "carrier", "category"])
VALUES = st.text("abcXYZ019_- ×&", min_size=1).map(str.strip).filter(bool)


@given(st.dictionaries(NAMES, VALUES, max_size=3))
def test_a_place_is_read_back(where: dict[str, str]) -> None:
    assert parse_where(where_text(where)) == where
    assert stable_id("nps", where, "rate") == stable_id("nps", dict(reversed(where.items())), "rate")
