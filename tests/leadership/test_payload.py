"""The payload carries the published numbers unchanged, and says what it does not know."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest
from marts_in_small import CATALOGUE, CUSTOMER, LOW_N, MISSING, REASON, WEEK, WITHHELD

from transforms.leadership.findings import Findings
from transforms.leadership.frames import Frames, WeekError, months_before, parse_week, read_frames, resolve_week
from transforms.leadership.hidden import Hidden
from transforms.leadership.payload import _final_week, build_payload, target_status
from transforms.leadership.records import weekly_rows
from transforms.leadership.shape import Payload


def row_of(payload: dict[str, Any], kpi: str, statistic: str = "value") -> dict[str, Any]:
    return next(row for row in payload["scorecard"] if (row["kpi"], row["statistic"]) == (kpi, statistic))


def test_has_the_keys_of_the_interface(payload: dict[str, Any]) -> None:
    assert list(payload) == list(Payload.__annotations__)
    assert (payload["week"], payload["monday"], payload["as_of"]) == ("2026-W47", "2026-11-16", "2026-11-24T02:00:00Z")
    assert {"sources", "checks", "withheld", "restated"} == set(payload["trust"])


def test_what_could_not_be_examined_is_empty_and_named(payload: dict[str, Any]) -> None:
    """These marts have no finest sums, rows, comments, open cases or restatements, and nobody keeps a ledger of actions."""
    assert set(payload["not_examined"]) == {
        *("causes", "actions", "voice", "drivers", "escalations", "restated", "avoidable")
    }
    assert payload["causes"] == payload["actions"] == payload["trust"]["restated"] == []
    assert payload["voice"] is None


def test_the_headline_is_judged(payload: dict[str, Any]) -> None:
    """Quiet marts, but for the KPI without a value, that of few cases, and the duration without the mean that it is judged by."""
    judged = {row["kpi"]: row for row in payload["scorecard"] if row["is_headline"]}
    assert {kpi for kpi, row in judged.items() if row["verdict"] == "cannot_tell"} == {
        *(WITHHELD, LOW_N, "refund_cycle_time")
    }
    assert {row["verdict"] for row in judged.values()} == {"noise", "cannot_tell"}
    assert all((row["smallest_visible_change"] or 0) > 0 for row in judged.values() if row["verdict"] == "noise")


def test_every_kpi_has_its_headline_and_durations_the_long_waits(payload: dict[str, Any]) -> None:
    headlines = [row["kpi"] for row in payload["scorecard"] if row["is_headline"]]
    assert headlines == [spec[0] for spec in CATALOGUE]
    statistics = [row["statistic"] for row in payload["scorecard"] if row["kpi"] == "refund_cycle_time"]
    assert statistics == ["p50", "p90", "credited_by_day_7"]
    share = row_of(payload, "refund_cycle_time", "credited_by_day_7")
    assert (share["unit"], share["better"]) == ("share", "higher")


def test_each_kpi_has_one_unit_to_be_read_in(payload: dict[str, Any]) -> None:
    units = {entry["kpi"]: (entry["unit"], entry["read_in"]) for entry in payload["definitions"]}
    assert units.pop("refund_cycle_time") == ("hours", "days")
    assert all(unit == read_in for unit, read_in in units.values())


def test_numbers_are_those_of_kpi_weekly(payload: dict[str, Any], fetch: Any) -> None:
    published = fetch("select * from kpi_weekly where week = ? and dimension = 'all'", [WEEK])
    published = published.set_index(["kpi", "statistic"])
    for row in payload["scorecard"]:
        want = published.loc[(row["kpi"], row["statistic"])]
        for name in ("value", "ci_low", "ci_high", "n", "prior_value", "prior_year_value", "target"):
            found = row[name]
            assert found == want[name] or (found is None and want[name] != want[name]), (row["kpi"], name)


def test_a_withheld_kpi_has_a_row_without_a_value_and_its_reason(payload: dict[str, Any]) -> None:
    row = row_of(payload, WITHHELD)
    assert (row["status"], row["value"], row["note"]) == ("withheld", None, REASON)
    assert {"kpi": WITHHELD, "where": {}, "reason": REASON} in payload["trust"]["withheld"]
    assert sum(withheld["kpi"] == WITHHELD for withheld in payload["trust"]["withheld"]) == 1


def test_a_withheld_slice_is_named_by_its_dimension(frames: Frames, payload: dict[str, Any]) -> None:
    rows = frames.week_rows.copy()
    picked = (rows["kpi"] == "nps") & (rows["dimension_value"] == "VN")
    rows.loc[picked, "status"] = "withheld"
    rows.loc[picked, "note"] = "market VN: late file"
    trust = build_payload(replace(frames, week_rows=rows), WEEK, Findings())["trust"]
    assert {"kpi": "nps", "where": {"market": "VN"}, "reason": "market VN: late file"} in trust["withheld"]


def test_a_provisional_value_comes_with_the_latest_final_one(payload: dict[str, Any], fetch: Any) -> None:
    row = row_of(payload, "return_rate")
    assert (row["status"], row["final_week"]) == ("provisional", "2026-W40")
    want = fetch("select value from kpi_weekly where kpi = 'return_rate' and dimension = 'all' and status = 'final'"
                 " order by week desc limit 1", [])["value"][0]  # fmt: skip
    assert row["final_value"] == want
    assert row["target_status"] is None


def test_a_value_of_few_cases_says_so(payload: dict[str, Any]) -> None:
    row = row_of(payload, LOW_N)
    assert (row["status"], row["n"]) == ("low_n", 21)


def test_series_have_every_period_and_none_where_nothing_was_published(payload: dict[str, Any]) -> None:
    series = {s["kpi"]: s for s in payload["series"]}["nps"]
    assert [p["start"] for p in series["weeks"]] == [(WEEK - timedelta(weeks=b)).isoformat() for b in range(5, -1, -1)]
    assert len(series["months"]) == 12
    assert series["months"][-1]["period"] == "2026-11"
    gap = next(p for p in series["weeks"] if p["start"] == MISSING.isoformat())
    assert (gap["value"], gap["n"], gap["status"]) == (None, None, "missing")


def test_a_week_without_a_row_of_a_kpi_is_missing_not_zero(fetch: Any) -> None:
    row = row_of(build_payload(read_frames(fetch, MISSING), MISSING, Findings()), "nps")
    assert (row["value"], row["status"]) == (None, "missing")
    assert row["final_week"] == "2026-W44"


@pytest.mark.parametrize(
    ("low", "high", "better", "status", "want"),
    [
        (0.86, 0.90, "higher", "final", "met"),
        (0.80, 0.84, "higher", "final", "missed"),
        (0.80, 0.84, "lower", "final", "met"),
        (0.86, 0.90, "lower", "final", "missed"),
        (0.84, 0.86, "higher", "final", "open"),
        (0.80, 0.84, "higher", "provisional", None),
        (0.80, 0.84, "higher", "low_n", None),
        (None, None, "higher", "final", None),
    ],
)
def test_a_target_is_judged_by_the_interval_and_only_when_final(
    low: float | None, high: float | None, better: str, status: str, want: str | None
) -> None:
    assert target_status({"ci_low": low, "ci_high": high, "target": 0.85, "status": status}, better) == want


def test_a_prior_value_does_not_show_what_its_own_week_hid(frames: Frames) -> None:
    """A year ago there were too few cases, in the week and in the month: the grey line must not tell."""
    year_ago, month_ago = WEEK - timedelta(days=364), date(2025, 11, 1)
    key = ("nps", "all", "all")
    hidden = Hidden(cells=frozenset([(key, year_ago)]), months=frozenset([(key, month_ago)]))
    payload = build_payload(replace(frames, hidden=hidden), WEEK, Findings())
    assert row_of(payload, "nps")["prior_year_value"] is None
    assert row_of(payload, "nps")["prior_value"] is not None
    nps = payload["series"][0]
    assert [nps["weeks"][-1]["prior_year_value"], nps["months"][-1]["prior_year_value"]] == [None, None]
    assert nps["months"][-2]["prior_year_value"] is not None


def test_hidden_rows_of_earlier_periods_are_found(fetch: Any) -> None:
    """Slices of the week before that were too small are read with their week."""
    hidden = read_frames(fetch, WEEK).hidden_weeks
    found = set(zip(hidden["dimension_value"], hidden["week"].dt.date, strict=True))
    assert ("tiny", WEEK - timedelta(weeks=1)) in found


def test_is_strict_json_without_customers(payload: dict[str, Any]) -> None:
    text = json.dumps(payload, allow_nan=False)
    assert CUSTOMER not in text


def test_checks_are_counted(payload: dict[str, Any]) -> None:
    assert payload["trust"]["checks"] == {"passed": 40, "failed": 2, "failed_by_severity": {"fail": 1, "warn": 1}}
    assert [check["severity"] for check in payload["data_quality"]["checks"]] == ["warn", "fail"]


def test_rows_in_and_out_are_the_ledger(payload: dict[str, Any]) -> None:
    orders = next(row for row in payload["data_quality"]["ingest"] if row["source"] == "orders")
    assert (orders["files"], orders["files_refused"], orders["rows_read"]) == (2, 1, 1000)
    assert payload["data_quality"]["quarantine"][0]["rows"] == 2


def test_reasons_come_without_the_values_they_quote(payload: dict[str, Any]) -> None:
    reasons = {row["reason"] for row in payload["data_quality"]["quarantine"]}
    assert {"amount: a value that is not a decimal number", "it…"} <= reasons
    refused = payload["data_quality"]["refused"][0]["reason"]
    assert refused.startswith("required column 'order_id' is missing; found others; expected order_id")


def test_the_default_week_is_the_latest_that_is_over(fetch: Any) -> None:
    assert resolve_week(fetch, None) == WEEK  # the next week has rows too, but is not over


def test_a_week_that_is_not_in_the_marts_says_what_is(fetch: Any) -> None:
    with pytest.raises(WeekError, match=r"no rows for 2030-W01, found 111 weeks from 2024-W\d\d to 2026-W48; choose"):
        read_frames(fetch, resolve_week(fetch, "2030-W01"))


@pytest.mark.parametrize("week", ["2026-47", "2026-W54", "26-W47", "2026-W7", "last", "2026-W47; drop table x"])
def test_a_week_that_is_none_is_refused(week: str) -> None:
    with pytest.raises(WeekError, match="expected an ISO week such as 2026-W47"):
        parse_week(week)


def test_months_are_counted_back_over_the_year() -> None:
    assert months_before(date(2026, 3, 30), 3) == date(2025, 12, 1)
    assert months_before(date(2026, 12, 31), 12) == date(2025, 12, 1)


def test_rows_made_for_one_audience_are_not_those_of_another(frames: Frames) -> None:
    """Rows are made once for each set of frames: what is hidden later must not be answered from before."""
    open_frames = replace(frames, hidden=Hidden())
    key = next(
        (r["kpi"], "all", "all") for r in weekly_rows(open_frames) if r["week"] == WEEK and r["value"] is not None
    )
    hidden_frames = replace(open_frames, hidden=Hidden(cells=frozenset({(key, WEEK)})))
    own = [row for row in weekly_rows(hidden_frames) if row["kpi"] == key[0] and row["week"] == WEEK]
    assert own
    assert all(row["value"] is None and row["status"] in ("suppressed", "withheld") for row in own)
    assert weekly_rows(open_frames) != weekly_rows(hidden_frames)


def test_the_age_of_the_newest_record_is_used_where_the_ledger_knows_it(frames: Frames) -> None:
    latest = pd.DataFrame(
        {
            "source": ["orders"],
            "latest_at": [pd.Timestamp("2026-11-23T20:00:00Z")],
            "lacking_since": [pd.NaT],
            "reason": [None],
        }
    )
    sources = {
        s["source"]: s
        for s in build_payload(replace(frames, latest_records=latest), WEEK, Findings())["trust"]["sources"]
    }
    assert (sources["orders"]["lag_hours"], sources["orders"]["latest_is"]) == (6.0, "record")
    assert (sources["surveys"]["lag_hours"], sources["surveys"]["latest_is"]) == (0.5, "delivery")


def test_a_kpi_without_a_row_is_withheld_when_its_source_has_stopped(frames: Frames) -> None:
    """And the brief says so: nobody reads a gap as 'nothing happened'."""
    reason = "the surveys extract has brought nothing since 2026-11-10 23:00 UTC"
    at = pd.Timestamp("2026-11-10T23:00:00Z")
    latest = pd.DataFrame({"source": ["surveys"], "latest_at": [at], "lacking_since": [at], "reason": [reason]})
    without = frames.week_rows[frames.week_rows["kpi"] != "nps"]
    payload = build_payload(replace(frames, latest_records=latest, week_rows=without), WEEK, Findings())
    assert {"kpi": "nps", "where": {}, "reason": reason} in payload["trust"]["withheld"]
    assert any(said.startswith("Withheld: ") and f"NPS, as {reason}" in said for said in payload["brief"])
    early = latest.assign(lacking_since=pd.Timestamp("2026-11-25T00:00:00Z"))
    payload = build_payload(replace(frames, latest_records=early, week_rows=without), WEEK, Findings())
    assert "nps" not in {row["kpi"] for row in payload["trust"]["withheld"]}


def test_a_source_of_refused_files_only_has_no_latest_delivery(frames: Frames) -> None:
    sources = frames.sources.copy()
    sources.loc[sources["source"] == "orders", "latest_delivery"] = pd.NaT
    orders = build_payload(replace(frames, sources=sources), WEEK, Findings())["trust"]["sources"][1]
    assert (orders["source"], orders["latest"], orders["lag_hours"]) == ("orders", None, None)


def test_the_age_of_files_taken_in_after_the_as_of_time_is_not_known(frames: Frames) -> None:
    early = replace(frames, as_of=frames.as_of - timedelta(days=3))
    assert {s["lag_hours"] for s in build_payload(early, WEEK, Findings())["trust"]["sources"]} == {None}


def test_stages_stand_in_the_course_of_a_refund(frames: Frames) -> None:
    """The waterfall falls from the request to the money, whatever the order they were found in."""
    found = [
        {"stage": stage, "clock_owner": "x", "hours": 1.0, "before_hours": 1.0}
        for stage in ("credit", "approve", "transit", "issue", "ship", "inspect")
    ]
    told = build_payload(frames, WEEK, Findings(stages=found))["stages"]
    assert [row["stage"] for row in told] == ["approve", "ship", "transit", "inspect", "issue", "credit"]


def test_a_settled_week_of_long_ago_is_none() -> None:
    """The 90 % quantile of refunds that are hardly ever all paid was reached once, when the history began."""
    week = date(2026, 11, 23)
    weekly: Any = {
        ("slow", "p90", week - timedelta(weeks=back)): {"status": status}
        for back, status in ((50, "final"), (27, "final"), (5, "not_reached"))
    }
    assert _final_week("slow", "p90", weekly, week) is None
    weekly["slow", "p90", week - timedelta(weeks=26)] = {"status": "final"}
    assert _final_week("slow", "p90", weekly, week) == week - timedelta(weeks=26)
