"""Values to date, day for day with the year before: a duration is one censored curve, a ratio has its settled days."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from given import a_return, at, refund

from tests.acceptance.nights import Row, drafted, numbers
from transforms.leadership.frames import read_frames
from transforms.leadership.to_date import Spans, values_to_date
from transforms.warehouse import Warehouse

# The week of 25 May 2026 ends with its month.
NOW, WEEK = "2026-06-01T06:00:00Z", "2026-05-25"
FIGURES = ("value", "ci_low", "ci_high", "n")


def world() -> dict[str, list[Row]]:
    """Five returns a day of the springs of two years; credited, rejected, or open at the as-of time."""
    draw = random.Random(5)
    returns, refunds = [], []
    for first in (datetime(2025, 3, 20), datetime(2026, 3, 20)):
        for number in range(5 * 73):
            asked = f"{first + timedelta(days=number // 5, hours=draw.random() * 24):%Y-%m-%dT%H:%M:%SZ}"
            hours = 30 + draw.expovariate(1 / 250)
            is_rejected, settled = draw.random() < 0.1, at(asked, hours=hours)
            row = a_return(asked, rejected_at=settled if is_rejected and settled < NOW else None)
            returns.append(row)
            if not is_rejected and settled < NOW:
                refunds.append(refund(row["return_id"], settled))
    return {"returns": returns, "refunds": refunds}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("to_date")
    return numbers(root / "landing", root / "out", NOW, world())


def to_date(out: Path, span: str, week: str = WEEK, kpi: str = "refund_cycle_time") -> dict[tuple[str, str], Row]:
    rows = drafted(out, f"from marts.kpi_to_date where kpi = '{kpi}' and span = '{span}' and week = '{week}'")
    return {(str(row["dimension_value"]), str(row["statistic"])): row for row in rows}


def month(out: Path, first: str, kpi: str = "refund_cycle_time", dimension: str = "all") -> dict[tuple[str, str], Row]:
    where = f"kpi = '{kpi}' and month = '{first}' and dimension = '{dimension}'"
    rows = drafted(out, f"from marts.kpi_monthly where {where}")
    return {(str(row["dimension_value"]), str(row["statistic"])): row for row in rows}


def test_at_the_end_of_a_month_the_month_to_date_is_the_month(out: Path) -> None:
    told, whole, before = to_date(out, "month"), month(out, "2026-05-01"), month(out, "2025-05-01")
    assert told.keys() == whole.keys()
    assert len(told) == 10
    for key, row in told.items():
        assert [row[name] for name in FIGURES] == [whole[key][name] for name in FIGURES], key
        assert [row["prior_year_value"], row["prior_year_n"]] == [before[key]["value"], before[key]["n"]], key
    assert told["all", "p50"]["value"] is not None
    assert told["all", "p50"]["value"] != told["all", "p50"]["prior_year_value"], "May of this year has open refunds"


def test_a_stage_has_its_own(out: Path) -> None:
    told = to_date(out, "month", kpi="refund_stage_time")
    whole = month(out, "2026-05-01", "refund_stage_time", "stage")
    assert told.keys() == whole.keys()
    assert {key: row["n"] for key, row in told.items()} == {key: row["n"] for key, row in whole.items()}


def test_a_quarter_is_one_curve_not_a_mean_of_months(out: Path) -> None:
    told = to_date(out, "quarter")["all", "p50"]
    parts = [month(out, first)["all", "p50"] for first in ("2026-04-01", "2026-05-01")]
    assert told["n"] == sum(part["n"] for part in parts) == 5 * 61
    low, high = sorted(part["value"] for part in parts)
    assert low <= told["value"] <= high
    assert told["ci_high"] - told["ci_low"] < min(part["ci_high"] - part["ci_low"] for part in parts)


def test_the_year_before_has_as_many_days(out: Path) -> None:
    """A week earlier the month is 24 days old: those of the year before are its first 24."""
    told = to_date(out, "month", "2026-05-18")["all", "p50"]
    assert (f"{told['first_day']}", f"{told['last_day']}") == ("2026-05-01", "2026-05-24")
    assert (f"{told['prior_year_first_day']}", f"{told['prior_year_last_day']}") == ("2025-05-01", "2025-05-24")
    assert (told["n"], told["prior_year_n"]) == (5 * 24, 5 * 24)


def test_no_year_before_where_the_history_does_not_reach_back(out: Path) -> None:
    told = to_date(out, "year")["all", "p50"]
    assert f"{told['first_day']}" == "2026-01-01"
    assert told["n"] == 5 * 73
    assert told["prior_year_value"] is None
    assert told["prior_year_n"] is None, "2025 began on 20 March"
    assert to_date(out, "quarter")["all", "p50"]["prior_year_n"] == 5 * 61


def in_the_file(out: Path) -> Spans:
    with Warehouse((out / "marts.duckdb").resolve(), read_only=True) as marts:
        frames = read_frames(marts.frame, date.fromisoformat(WEEK), "analysts")
        return values_to_date(marts.frame, frames, date.fromisoformat(WEEK), {"kpi_to_date"})


def test_the_weekly_file_has_the_curves(out: Path) -> None:
    told, found = in_the_file(out), to_date(out, "month")
    for statistic in ("p50", "p90", "credited_by_day_7"):
        own, row = found["all", statistic], told["refund_cycle_time", statistic]["month_to_date"]
        assert row == {"value": own["value"], "prior_year_value": own["prior_year_value"], "days": 31}
    assert told["refund_cycle_time", "p50"]["year_to_date"]["prior_year_value"] is None


def test_a_ratio_to_date_leaves_out_days_that_may_still_move(out: Path) -> None:
    """The agreed 14 days are over for requests until 17 May; of the year before as many days are compared with."""
    where = "kpi = 'refund_sla_rate' and dimension = 'all'"
    spans = {"value": "'2026-05-01' and '2026-05-17'", "prior_year_value": "'2025-05-01' and '2025-05-17'"}
    told = in_the_file(out)["refund_sla_rate", "value"]["month_to_date"]
    assert told["days"] == 17
    for name, span in spans.items():
        sql = f"select sum(numerator) / sum(denominator) as part from marts.kpi_daily where {where} and day between {span}"
        assert told[name] == pytest.approx(drafted(out, sql)[0]["part"]), name
