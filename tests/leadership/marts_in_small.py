"""Two years of small, invented marts of the published schema, with texts that would do harm if they were run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

WEEK = date(2026, 11, 16)
AS_OF = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
EVIL = "<script>alert(1)</script>"
FORMULA = "=cmd()"
MARKUP = "#panic[boom] $x$ *b* @ref `raw`"
CUSTOMER = "customer-4711"
CATALOGUE = [
    # kpi, label, kind, unit, better, window_days, target, base, statistics
    ("nps", "NPS", "net_share", "points", "higher", None, 45.0, 38.0, ["value"]),
    ("csat", "CSAT", "share", "share", "higher", None, 0.85, 0.81, ["value"]),
    ("ces", "CES", "share", "share", "higher", None, None, 0.71, ["value"]),
    ("survey_response_rate", "Survey response rate", "share", "share", "higher", 14, None, 0.184, ["value"]),
    ("contacts_per_1k_orders", "Contacts per 1,000 orders", "rate", "per_1k", "lower", None, 80.0, 86.0, ["value"]),
    ("order_contact_rate_30d", "Orders with a contact", "rate", "share", "lower", 30, None, 0.052, ["value"]),
    ("return_contact_rate", "Returns with a contact", "share", "share", "lower", 7, None, 0.23, ["value"]),
    ("return_rate", "Return rate", "share", "share", "lower", 44, None, 0.089, ["value"]),
    ("refund_cycle_time", "Refund cycle time", "duration", "hours", "lower", 30, 120.0, 146.0,
     ["p25", "p50", "p90", "credited_by_day_7"]),
]  # fmt: skip
PER = {"points": 100.0, "per_1k": 1000.0}
WITHHELD, LOW_N, MISSING = "csat", "ces", date(2026, 11, 2)
REASON = f"scores outside their scale {EVIL}"
SEGMENTS = {"market": ["VN", "SG", FORMULA, EVIL, MARKUP, "tiny"], "category": ["beauty", "unknown"]}
COLUMNS = (
    "kpi VARCHAR, {period} DATE, dimension VARCHAR, dimension_value VARCHAR, statistic VARCHAR, value DOUBLE,"
    " ci_low DOUBLE, ci_high DOUBLE, n BIGINT, numerator DOUBLE, denominator DOUBLE, status VARCHAR,"
    " prior_value DOUBLE, prior_year_value DOUBLE, target DOUBLE, definition_version VARCHAR, as_of TIMESTAMPTZ,"
    " note VARCHAR"
)


def level(base: float, statistic: str, period: date) -> float:
    """A value that moves a little and differs between any two periods."""
    wave = ((period.toordinal() // 7 * 37) % 101 - 50) / 1000 + (period.year - 2026) / 25
    if statistic.startswith("credited"):
        return 0.61 + wave
    return base * (1 + wave) * {"p25": 0.6, "p90": 2.4}.get(statistic, 1.0)


def kpi_row(
    spec: tuple[Any, ...], period: date, dimension: str, segment: str, statistic: str, back: timedelta
) -> list[Any]:
    """A published row; `back` is the distance to the period before."""
    kpi, _, _, unit, _, window, target, base, _ = spec
    value = level(base, statistic, period)
    half = 0.03 * base if not statistic.startswith("credited") else 0.02
    n, status, note = 1200 + period.toordinal() % 90, "final", None
    if period + timedelta(days=7 + (window or 0)) > AS_OF.date():
        status, note = "provisional", f"{window} days have not passed for the whole week"
    if kpi == LOW_N and period == WEEK:
        n, status, note = 21, "low_n", "n < 30"
    if segment == "tiny":
        n, status = 6, "suppressed"
    figures: list[Any] = [value, value - half, value + half, n, round(value * n / PER.get(unit, 1.0)), n]
    if kpi == WITHHELD and period == WEEK:
        figures, status, note = [None, None, None, n, None, None], "withheld", REASON
    prior, year = level(base, statistic, period - back), level(base, statistic, period - timedelta(days=364))
    is_headline = statistic in ("value", "p50")
    return [kpi, period, dimension, segment, statistic, *figures, status, prior, year,
            target if is_headline else None, "a1b2c3d4", AS_OF, note]  # fmt: skip


def marts(path: Path) -> None:
    """Write the published tables to a new DuckDB file."""
    weeks = [WEEK - timedelta(weeks=back) for back in range(110)] + [WEEK + timedelta(weeks=1)]  # the last is not over
    months = [date(2024 + i // 12, i % 12 + 1, 1) for i in range(11, 35)]
    weekly, monthly = [], []
    for spec in CATALOGUE:
        for statistic in spec[-1]:
            weekly += [
                kpi_row(spec, week, "all", "all", statistic, timedelta(weeks=1))
                for week in weeks
                if not (spec[0] == "nps" and week == MISSING)
            ]
            monthly += [kpi_row(spec, month, "all", "all", statistic, timedelta(days=31)) for month in months]
            for dimension, values in SEGMENTS.items():
                for segment in values:
                    weekly.append(kpi_row(spec, WEEK, dimension, segment, statistic, timedelta(weeks=1)))
                    weekly.append(
                        kpi_row(spec, WEEK - timedelta(weeks=1), dimension, segment, statistic, timedelta(weeks=1))
                    )
            weekly.append(kpi_row(spec, WEEK, "market × category", "VN × beauty", statistic, timedelta(weeks=1)))
    with duckdb.connect(str(path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"create table kpi_weekly ({COLUMNS.format(period='week')})")
        connection.execute(f"create table kpi_monthly ({COLUMNS.format(period='month')})")
        connection.execute("create table periods (grain VARCHAR, period DATE, ends_at TIMESTAMPTZ, is_over BOOLEAN)")
        for week in weeks:
            end = datetime.combine(week + timedelta(weeks=1), datetime.min.time(), UTC)
            connection.execute("insert into periods values ('week', ?, ?, ?)", [week, end, end <= AS_OF])
        _insert(connection, "kpi_weekly", weekly)
        _insert(connection, "kpi_monthly", monthly)
        # a day of each week stands for all of them
        connection.execute(
            "create table kpi_daily as select * rename (week as day) from kpi_weekly where dimension = 'all'"
        )
        _catalogue(connection)
        _quality(connection)


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    columns = [name for name, *_ in connection.execute(f"describe {table}").fetchall()]
    frame = pd.DataFrame(rows, columns=columns)
    connection.register("given", frame)
    connection.execute(f"insert into {table} select * from given")
    connection.unregister("given")


def _catalogue(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "create table kpi_catalogue (kpi VARCHAR, label VARCHAR, question VARCHAR, kind VARCHAR, unit VARCHAR,"
        " better VARCHAR, anchor VARCHAR, grain VARCHAR, dimensions VARCHAR[], window_days BIGINT, owner VARCHAR,"
        " statistics VARCHAR[], headline_statistic VARCHAR, target DOUBLE, definition VARCHAR,"
        " definition_version VARCHAR, changes VARCHAR[], sources VARCHAR[], per DOUBLE, numerator_dimensions VARCHAR[],"
        " within VARCHAR, part_of VARCHAR)"
    )
    for kpi, label, kind, unit, better, window, target, _, statistics in CATALOGUE:
        connection.execute(
            f"insert into kpi_catalogue values ({', '.join('?' * 22)})",
            [kpi, label, f"What does {label} tell?", kind, unit, better, "requested_at", "one row per case, on its day",
             ["market", "category"], window, "experience-insights", statistics,
             "p50" if kind == "duration" else "value", target, f"select 1 as numerator -- {kpi} & <b>",
             "a1b2c3d4", ["2026-01-05  first definition"], ["surveys", "orders"],
             PER.get(unit, 1.0), [], None, None],
        )  # fmt: skip


def _quality(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create table runs as select '20261124T020000.000000Z' as run_id")
    connection.execute(
        "create table ingest_files (file VARCHAR, source VARCHAR, sha256 VARCHAR, rows_read BIGINT,"
        " rows_accepted BIGINT, rows_superseded BIGINT, rows_quarantined BIGINT, rows_in_file BIGINT,"
        " refused_reason VARCHAR, ingested_at TIMESTAMPTZ)"
    )
    at = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
    files: list[list[Any]] = [
        [f"{source}_1.csv", source, "x", 1000, 980, 15, 5, 1000, None, at]
        for source in ("contacts", "orders", "refunds", "returns", "surveys")
    ]
    refused = f"required column 'order_id' is missing; found {CUSTOMER}, x; expected order_id: {MARKUP}"
    files.append([f"{FORMULA}{EVIL}.csv", "orders", "y", 0, 0, 0, 0, 0, refused, at])
    connection.executemany(f"insert into ingest_files values ({', '.join('?' * 10)})", files)
    connection.execute(
        "create table quarantine (source VARCHAR, file VARCHAR, line BIGINT, reason VARCHAR, raw VARCHAR,"
        " run_id VARCHAR)"
    )
    reasons = [FORMULA, FORMULA, EVIL, MARKUP, f"amount: '{CUSTOMER}' is not a decimal number", "it's 'odd'"]
    connection.executemany(
        "insert into quarantine values ('surveys', 'f', ?, ?, ?, 'r1')",
        [[line, reason, CUSTOMER] for line, reason in enumerate(reasons)],
    )
    connection.execute(
        "create table checks (run_id VARCHAR, layer VARCHAR, table_name VARCHAR, expectation VARCHAR,"
        " column_name VARCHAR, severity VARCHAR, success BOOLEAN, element_count BIGINT, unexpected_count BIGINT,"
        " observed VARCHAR, expected VARCHAR, sample VARCHAR, withholds VARCHAR[], checked_at TIMESTAMPTZ)"
    )
    checks: list[list[Any]] = [
        ["kpis", "csat", "expect_column_values_to_not_be_null", "numerator", "fail", False, 900, 3, ["csat"]],
        ["facts", "orders", "expect_column_values_to_be_in_set", "market", "warn", False, 9000, 2, []],
        *[["facts", "returns", "expect_column_to_exist", f"c{i}", "fail", True, 900, 0, []] for i in range(40)],
    ]
    connection.executemany(
        "insert into checks values ('r1', ?, ?, ?, ?, ?, ?, ?, ?, null, 'none', ?, ?, ?)",
        [[*check[:8], CUSTOMER, check[8], at] for check in checks],
    )
