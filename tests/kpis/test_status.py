"""How far a value can be trusted, and what it may be compared with."""

from __future__ import annotations

from pathlib import Path

import pytest
from given import Row, a_return, answers, at, orders, refund

from tests.acceptance.nights import cell, cells, draft, drafted, numbers

ALONE = ("nps", "return_rate", "refund_cycle_time")
MONDAY = "2026-06-01T00:00:00Z"


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty weeks of forty NPS answers, each with one promoter fewer; a week of 29 answers among them."""
    surveys: list[Row] = []
    for week in range(60):
        moment = at(MONDAY, days=-7 * week, hours=30)
        number = 29 if week == 5 else 40
        surveys += answers("nps", [9] * (1 + week % 20) + [7] * (number - 1 - week % 20), moment, language="en")
    root = tmp_path_factory.mktemp("status")
    numbers(root / "landing", root / "out", "2026-06-08T00:00:00Z", {"surveys": surveys, "orders": orders(1)})
    return root / "landing"


@pytest.fixture(scope="module")
def out(landing: Path) -> Path:
    return landing.parent / "out"


def nps(out: Path, weeks_ago: int) -> Row:
    return cell(out, "nps", week=at(MONDAY, days=-7 * weeks_ago)[:10])


def test_a_complete_week_is_final(out: Path) -> None:
    """The as-of time is the Monday after: the week is over to the second."""
    assert nps(out, 0)["status"] == "final"


def test_a_week_that_is_not_over_is_provisional(landing: Path) -> None:
    draft(landing, landing.parent / "earlier", "2026-06-07T23:59:59Z")
    found = nps(landing.parent / "earlier", 0)
    assert (found["status"], found["prior_value"], found["prior_year_value"]) == ("provisional", None, None)
    assert found["value"] == nps(landing.parent / "out", 0)["value"]


def test_fewer_than_thirty_is_low_n(out: Path) -> None:
    found = nps(out, 5)
    assert (found["n"], found["status"]) == (29, "low_n")
    assert found["ci_low"] < found["value"] < found["ci_high"]  # type: ignore[operator]


def test_the_prior_value_is_that_of_the_week_before(out: Path) -> None:
    for week in (0, 1, 2, 7):
        assert nps(out, week)["prior_value"] == nps(out, week + 1)["value"]


def test_the_prior_year_is_364_days_before(out: Path) -> None:
    """The same weekday: a Monday week is compared with a Monday week."""
    for week in (0, 1, 7):
        assert nps(out, week)["prior_year_value"] == nps(out, week + 52)["value"]
    assert nps(out, 10)["prior_year_value"] is None


def test_the_first_week_has_no_prior(out: Path) -> None:
    assert (nps(out, 59)["prior_value"], nps(out, 59)["prior_year_value"]) == (None, None)


def test_a_provisional_value_is_never_compared_with_a_final_one(landing: Path) -> None:
    """Also the other way round: no value shows a provisional one as its prior."""
    wrong = drafted(
        landing.parent / "out",
        """
        select this.kpi, this.week, this.status, before.status as prior_status
        from marts.kpi_weekly as this
        inner join marts.kpi_weekly as before
            on before.week = this.week - 7 and (before.kpi, before.dimension, before.dimension_value, before.statistic)
                = (this.kpi, this.dimension, this.dimension_value, this.statistic)
        where this.prior_value is not null and (this.status = 'provisional' or before.status = 'provisional')
        """,
    )
    assert wrong == []


def test_days_and_months_have_statuses_of_their_own(landing: Path) -> None:
    """Mid-week its past days are over; the month is not."""
    out = landing.parent / "mid-week"
    draft(landing, out, "2026-06-04T12:00:00Z")
    days = drafted(out, "from marts.kpi_daily where kpi = 'nps' and dimension = 'all' and day = '2026-06-02'")
    assert [(r["n"], r["status"]) for r in days] == [(40, "final")]
    months = drafted(out, "from marts.kpi_monthly where kpi = 'nps' and dimension = 'all' and month = '2026-06-01'")
    assert [(r["n"], r["status"]) for r in months] == [(40, "provisional")]
    may = drafted(out, "from marts.kpi_monthly where kpi = 'nps' and dimension = 'all' and month = '2026-05-01'")
    assert [r["status"] for r in may] == ["final"]


def test_the_key_is_unique_and_every_value_has_its_definition(out: Path) -> None:
    key = "kpi, week, dimension, dimension_value, statistic"
    assert drafted(out, f"select {key} from marts.kpi_weekly group by all having count(*) > 1") == []
    assert (
        drafted(out, "from marts.kpi_weekly where definition_version is null or as_of is null or status is null") == []
    )
    assert drafted(out, "from marts.kpi_weekly where dayofweek(week) <> 1") == []


def test_withheld_comes_before_everything(out: Path) -> None:
    """Nothing of returns arrived: their KPIs have no value, and say so."""
    for kpi in ("return_rate", "refund_cycle_time"):
        rows = cells(out, kpi)
        assert rows
        assert {(r["value"], r["ci_low"], r["status"]) for r in rows} == {(None, None, "withheld")}
        assert all("returns" in r["note"] for r in rows)


@pytest.mark.parametrize(
    ("days", "final"),
    [
        pytest.param(2, set(), marks=pytest.mark.slow),
        (3, {"credited_by_day_3"}),
        (7, {"credited_by_day_3", "credited_by_day_7"}),
        pytest.param(14, {"credited_by_day_3", "credited_by_day_7", "credited_by_day_14"}, marks=pytest.mark.slow),
        pytest.param(29, {"credited_by_day_3", "credited_by_day_7", "credited_by_day_14"}, marks=pytest.mark.slow),
    ],
)
def test_a_statistic_is_final_when_its_own_window_has_passed(tmp_path: Path, days: int, final: set[str]) -> None:
    """Quantiles wait for the KPI's 30 days, a share by a day for that day; each is compared when it is final itself."""
    tables: dict[str, list[Row]] = {"returns": [], "refunds": []}
    for week in (0, -1):
        for number in range(40):
            asked = at(MONDAY, days=7 * week + number / 6)
            case = a_return(asked)
            tables["returns"].append(case)
            if number % 4:
                tables["refunds"].append(refund(case["return_id"], at(asked, days=number % 9 + 0.5)))
    numbers(tmp_path / "landing", tmp_path / "out", at(MONDAY, days=7 + days), tables)
    found = {r["statistic"]: r for r in cells(tmp_path / "out", "refund_cycle_time", week=MONDAY[:10])}
    assert {name for name, r in found.items() if r["status"] == "final"} == final
    assert {name for name, r in found.items() if r["prior_value"] is not None} == final
    # What is final does not change any more.
    later = tmp_path / "later"
    draft(tmp_path / "landing", later, at(MONDAY, days=60))
    for r in cells(later, "refund_cycle_time", week=MONDAY[:10]):
        if r["statistic"] in final:
            assert (r["status"], r["value"]) == ("final", found[r["statistic"]]["value"])
