"""Open cases and escalations: who still waits, since when, for whom, and who is to be looked at first."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.nights import REPOSITORY, drafted, numbers
from transforms.insight.escalations import escalations
from transforms.warehouse import Warehouse

sys.path.append(str(REPOSITORY / "tests" / "kpis"))  # the plain defaults of records

from given import Row, a_return, answer, at, contact, order, refund

ALONE = ("refund_cycle_time",)
NOW = "2026-06-30T00:00:00Z"


def ago(days: float) -> str:
    return at(NOW, days=-days)


def case(name: str, days: float, value: object = "50.00", currency: str = "VND", **changes: object) -> dict[str, Row]:
    """An order and its return, asked for so many days ago, with ids o-<name> and r-<name>."""
    placed = order(ago(days + 10), order_id=f"o-{name}", order_value=value, currency=currency)
    asked = a_return(ago(days), return_id=f"r-{name}", order_id=f"o-{name}", **changes)
    return {"orders": placed, "returns": asked}


def deliver(root: Path, cases: list[dict[str, Row]], **more: list[Row]) -> Path:
    tables: dict[str, list[Row]] = {source: [] for source in ("orders", "returns", "refunds", "contacts", "surveys")}
    for made in cases:
        for source, row in made.items():
            tables[source].append(row)
    for source, rows in more.items():
        tables[source] += rows
    return numbers(root / "landing", root / "out", NOW, {name: rows for name, rows in tables.items() if rows})


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    steps = {"approved_at": ago(19), "first_scan_at": ago(18), "received_at": ago(17), "inspected_at": ago(16)}
    upto = list(steps)
    cases = [
        case("new", 1),
        case("approve", 20),
        *(case(name, 20, **{step: steps[step] for step in upto[:number]})
          for number, name in enumerate(("ship", "transit", "inspect", "issue"), 1)),
        case("returnless", 20, resolution="returnless_refund", approved_at=ago(19)),
        case("credit", 20, **steps),
        case("part", 20, **steps),
        case("paid", 20, **steps),
        case("rejected", 20, rejected_at=ago(18)),
        case("exchange", 20, resolution="exchange"),
        case("asked", 5),
        case("angry", 5),
        case("worst", 80, value="9000.00"),
        *(case(f"dear{i}", 2, value=str(1000 + i)) for i in range(2)),
        case("orphan", 20, value=None),
    ]  # fmt: skip
    refunds = [
        refund("r-paid", ago(3)),
        refund("r-part", ago(3), amount="40.00"),
        refund("r-credit", None, issued_at=ago(2)),
        refund("r-new", at(NOW, days=2), issued_at=at(NOW, days=1)),  # has not happened yet
    ]
    contacts = [
        *(contact(ago(4 - i), return_id="r-asked") for i in range(2)),
        contact(ago(1), order_id="o-asked"),
        contact(ago(9), order_id="o-asked"),  # before the request
        contact(ago(1), order_id="o-asked", direction="outbound"),
        *(contact(ago(70 - i), order_id="o-worst") for i in range(12)),
        contact(ago(1), order_id="o-new"),
    ]
    surveys = [
        answer("nps", 9, ago(4), order_id="o-angry"),
        answer("nps", 2, ago(2), order_id="o-angry"),
        answer("csat", 1, ago(1), order_id="o-new"),
    ]
    return deliver(tmp_path_factory.mktemp("open"), cases, refunds=refunds, contacts=contacts, surveys=surveys)


def cases_of(out: Path) -> dict[str, dict[str, Any]]:
    return {row["return_id"].removeprefix("r-"): row for row in drafted(out, "from marts.open_cases")}


def listed(out: Path) -> dict[str, Any]:
    with Warehouse((out / "marts.duckdb").resolve(), read_only=True) as marts:
        return escalations(marts.table)


def test_open_is_what_nobody_settled(out: Path) -> None:
    found = set(cases_of(out))
    assert not found & {"paid", "rejected", "exchange"}
    assert {"new", "part", "credit", "returnless"} <= found


def test_open_cases_are_those_of_the_kpi(out: Path) -> None:
    rows = drafted(
        out,
        "select subject_id, duration_hours from marts.kpi_rows where kpi = 'refund_cycle_time' and outcome = 'open'",
    )
    assert {row["subject_id"]: row["duration_hours"] / 24 for row in rows} == pytest.approx(
        {row["return_id"]: row["waiting_days"] for row in cases_of(out).values()}
    )


@pytest.mark.parametrize(
    ("name", "step"),
    [
        *((step, step) for step in ("approve", "ship", "transit", "inspect", "issue", "credit")),
        ("returnless", "issue"),
        ("part", "issue"),  # the rest of it
        ("new", "approve"),  # its refund has not been issued yet
    ],
)
def test_what_it_waits_for(out: Path, name: str, step: str) -> None:
    assert cases_of(out)[name]["waits_for"] == step


def test_contacts_are_those_since_the_request(out: Path) -> None:
    found = cases_of(out)
    assert {name: found[name]["contacts"] for name in ("asked", "worst", "new", "ship")} == {
        "asked": 3,
        "worst": 12,
        "new": 1,
        "ship": 0,
    }


def test_the_last_nps_answer_counts(out: Path) -> None:
    found = cases_of(out)
    assert (found["angry"]["nps_class"], found["new"]["nps_class"]) == ("detractor", None)


def test_what_was_paid_of_it(out: Path) -> None:
    assert float(cases_of(out)["part"]["credited_to_date"]) == 40


def test_no_customer_is_named(out: Path) -> None:
    assert not [column for column in cases_of(out)["new"] if "customer" in column]


def test_escalations_are_ranked_with_their_reasons(out: Path) -> None:
    found = listed(out)
    first, *others = found["shown"]
    assert first["return_id"] == "r-worst"
    assert first["reasons"] == ["open for 80 days, agreed 14", "12 contacts", "high value"]
    assert first["impact"] == 3 + 3 + 1  # lateness and contacts at their most
    reasons = {case["return_id"]: case["reasons"] for case in others}
    assert reasons["r-asked"] == ["3 contacts"]
    assert reasons["r-angry"] == ["detractor"]
    assert reasons["r-ship"] == ["open for 20 days, agreed 14"]
    assert not {"r-new", "r-dear0"} & set(reasons)  # high value alone is no reason to worry
    assert [case["impact"] for case in found["shown"]] == sorted((c["impact"] for c in found["shown"]), reverse=True)
    assert found["cases"] == len(found["shown"]) == 12


def test_the_sql_lists_them_as_it_stands(out: Path) -> None:
    found = listed(out)
    again = drafted(out, found["sql"])
    assert [row["return_id"] for row in again] == [case["return_id"] for case in found["shown"]]


def test_at_most_twenty_are_shown(tmp_path: Path) -> None:
    cases = [case(f"{i:02d}", 20 + i) for i in range(25)]
    out = deliver(tmp_path, cases, refunds=[refund("elsewhere", ago(1))])
    found = listed(out)
    assert (found["cases"], len(found["shown"])) == (25, 20)
    assert [one["rank"] for one in found["shown"]] == list(range(1, 21))
    assert found["shown"][0]["return_id"] == "r-24"


def test_without_the_refunds_extract_nobody_is_called_unpaid(tmp_path: Path) -> None:
    out = deliver(tmp_path, [case("a", 30)])
    assert cases_of(out) == {}
    assert listed(out) == {"sql": listed(out)["sql"], "cases": 0, "shown": []}
