"""What goes into the gate and what comes out of it: one target per table, one check per expectation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Target:
    """A table to check, the suite to check it with, and the KPIs that a failure withholds."""

    layer: str  # 'facts', 'kpis' or 'marts'
    table: str  # with its schema: "facts.orders", "kpis.nps"
    suite: str  # a name `suites.load_suite` knows
    kpis: tuple[str, ...] = ()  # ids of the KPIs that read the table
    variables: Mapping[str, Any] = field(default_factory=dict)  # {"kind": "share"}, {"period": "week"}
    part: str = (
        ""  # a view of those of its rows that can be other than when all were checked; all of them where it is empty
    )


@dataclass(frozen=True)
class Check:
    """One row of the mart `checks`: an expectation, what was found, and what it withholds."""

    run_id: str
    layer: str
    table_name: str
    expectation: str  # the name in the suite; the Great Expectations type where it has none
    column_name: str | None  # NULL when it is about the table
    severity: str  # 'fail', 'warn' or 'fatal'
    success: bool
    element_count: int | None  # rows looked at, where the expectation counts them
    unexpected_count: int | None
    observed: str
    expected: str
    sample: str | None  # a few ids of offending rows
    withholds: tuple[str, ...]  # KPI ids; empty unless a 'fail' failed
    checked_at: datetime  # naive UTC
