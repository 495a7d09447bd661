"""What the charts draw: one scale, hollow where open, nothing where nothing is known."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

from marts_in_small import CATALOGUE

from transforms.leadership.charts import Chart, draw_charts, for_print
from transforms.leadership.panels import domain_of, panel, svg_text


def series_of(payload: dict[str, Any], kpi: str) -> dict[str, Any]:
    return next(series for series in payload["series"] if series["kpi"] == kpi)


def rows_of(payload: dict[str, Any], kpi: str) -> list[dict[str, Any]]:
    unit = series_of(payload, kpi)["unit"]
    drawn: dict[str, Any] = panel(series_of(payload, kpi)["weeks"], "weeks", unit, [0, 1]).to_dict()
    (rows,) = drawn["datasets"].values()
    return list(rows)


def test_every_headline_kpi_has_a_chart_of_two_plain_svgs(charts: list[Chart]) -> None:
    assert [chart.kpi for chart in charts] == [spec[0] for spec in CATALOGUE]
    for chart in charts:
        for svg in (chart.weeks, chart.months):
            root = ET.fromstring(svg)
            assert root.get("role") == "img"
            assert root.get("aria-label")
            assert not re.search(r"<script|href|url\(|\bid=", svg)


def test_where_there_are_too_many_what_moved_and_what_has_a_target_is_drawn(payload: dict[str, Any]) -> None:
    """Of twelve quiet KPIs, three with a target and the last one moved: those four, and the first five of the others."""
    (series,) = (one for one in payload["series"] if one["kpi"] == "nps")
    (row,) = (one for one in payload["scorecard"] if one["kpi"] == "nps")
    names = [f"k{number:02d}" for number in range(12)]
    quiet = row | {"verdict": "noise", "target": None, "final_target": None}
    rows = [
        quiet | {"kpi": name, "target": 30.0 if name in ("k07", "k08", "k09") else None, "verdict": verdict}
        for name, verdict in zip(names, [*["noise"] * 11, "signal"], strict=True)
    ]
    (known,) = (one for one in payload["definitions"] if one["kpi"] == "nps")
    many = {"series": [series | {"kpi": name} for name in names], "scorecard": rows}
    many |= {"definitions": [known | {"kpi": name} for name in names]}
    drawn = [chart.kpi for chart in draw_charts(payload | many)]
    assert drawn == ["k00", "k01", "k02", "k03", "k04", "k07", "k08", "k09", "k11"]


def test_the_same_payload_draws_the_same_bytes(payload: dict[str, Any], charts: list[Chart]) -> None:
    assert draw_charts(payload | {"series": payload["series"][-1:]}) == charts[-1:]


def test_titles_say_the_latest_value(payload: dict[str, Any], charts: list[Chart]) -> None:
    titles = {chart.kpi: chart.title for chart in charts}
    assert re.fullmatch(r"NPS: \d\d\.\d points, within its limits, week 2026-W47", titles["nps"])
    assert re.fullmatch(
        r"Return rate: \d\.\d%, within its limits, last final week 2026-W40; 2026-W47 is provisional, \d\.\d%",
        titles["return_rate"],
    )
    assert re.fullmatch(r"CSAT: \d\d\.\d%, last final week 2026-W46; 2026-W47 is withheld", titles["csat"])
    assert re.fullmatch(
        r"Contacts per 1,000 orders: \d\d\.\d, within its limits, week 2026-W47", titles["contacts_per_1k_orders"]
    )
    (series,) = (one for one in payload["series"] if one["kpi"] == "contacts_per_1k_orders")
    higher = series | {"limits": {"low": 200.0, "expected": 210.0, "high": 220.0}}
    (chart,) = draw_charts(payload | {"series": [higher]})
    assert ", below its limits, week 2026-W47" in chart.title
    assert titles["refund_cycle_time"].startswith("Refund cycle time (median): ")
    assert " days, last final week" in titles["refund_cycle_time"]


def test_missing_and_withheld_are_gaps(payload: dict[str, Any], charts: list[Chart]) -> None:
    nps = rows_of(payload, "nps")
    assert [row["value"] is None for row in nps] == [False, False, False, True, False, False]
    csat = rows_of(payload, "csat")
    assert csat[-1]["value"] is None
    assert csat[-1]["settled"] is None
    assert csat[-1]["open"] is None
    weeks = next(chart for chart in charts if chart.kpi == "nps").weeks
    line = re.search(r'<path d="([^"]*)" stroke="#1b2a41" stroke-width="2"', weeks)
    assert line
    assert line.group(1).count("M") == 2
    assert "W45 – (no data)" in weeks


def test_open_values_are_hollow_on_their_own_line(payload: dict[str, Any]) -> None:
    rows = rows_of(payload, "return_contact_rate")
    assert [row["status"] for row in rows] == ["final"] * 5 + ["provisional"]
    assert rows[-1]["settled"] is None
    assert rows[-1]["open"] == rows[-1]["value"]
    assert rows[-2]["open"] == rows[-2]["settled"]  # where the dotted line starts


def test_an_interval_open_at_one_end_has_no_band(payload: dict[str, Any]) -> None:
    points = [p | {"ci_high": None} for p in series_of(payload, "nps")["weeks"]]
    drawn = panel(points, "weeks", "points", [0, 1]).to_dict()
    (rows,) = drawn["datasets"].values()
    assert {row["ci_low"] for row in rows} == {None}
    assert rows[-1]["value"] is not None


def test_both_panels_share_a_scale_that_holds_every_figure(payload: dict[str, Any]) -> None:
    series = series_of(payload, "nps")
    low, high = domain_of(series, "points")
    assert high >= 45.0  # the target
    figures = [p[name] for p in series["weeks"] + series["months"] for name in ("ci_low", "prior_year_value")]
    figures.append(series["limits"]["low"])
    assert low == min(figure for figure in figures if figure is not None)


def test_the_number_above_the_highest_value_does_not_reach_the_heading(payload: dict[str, Any]) -> None:
    """Without any interval the newest value is the highest figure; its number stands below where the plot ends."""
    series = series_of(payload, "contacts_per_1k_orders")
    bare = {"ci_low": None, "ci_high": None, "prior_year_value": None, "target": None}
    points = [p | bare | {"value": 10.0 * (i + 1), "status": "final"} for i, p in enumerate(series["weeks"])]
    high = series | {"weeks": points, "months": [], "limits": None}
    drawn = svg_text(panel(points, "weeks", "per_1k", domain_of(high, "per_1k")), "x")
    label = next(i for i in re.finditer(r'translate\([\d.]+,(-?[\d.]+)\)"[^>]*>60\.0<', drawn))
    assert float(label.group(1)) > 0


def test_a_series_without_any_figure_is_drawn_empty(payload: dict[str, Any]) -> None:
    nothing = {"value": None, "ci_low": None, "ci_high": None, "prior_year_value": None, "target": None}
    series = [
        s | {which: [p | nothing | {"status": "missing"} for p in s[which]] for which in ("weeks", "months")}
        for s in payload["series"][:1]
    ]
    chart = draw_charts(payload | {"series": series})[0]
    assert ET.fromstring(chart.weeks) is not None
    assert "W47 – (no data)" in chart.alt


def test_names_are_escaped_in_the_drawing(payload: dict[str, Any]) -> None:
    series = [payload["series"][0] | {"label": '"><script>x</script>'}]
    chart = draw_charts(payload | {"series": series})[0]
    assert "<script" not in chart.weeks
    ET.fromstring(chart.weeks)


def test_print_names_one_font(charts: list[Chart]) -> None:
    printed = for_print(charts[0].weeks, "Libertinus Serif")
    assert set(re.findall(r'font-family="([^"]*)"', printed)) == {"Libertinus Serif"}
