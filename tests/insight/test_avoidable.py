"""Contacts avoidable if a stage met its target: the late days, times the rate of these days and its interval."""

from __future__ import annotations

from typing import Any

import pytest

from transforms.insight.avoidable import avoidable

DAY = 86_400


def row(
    stage: str, contacts: float | None, days: float | None, interval: tuple[float | None, float | None]
) -> dict[str, Any]:
    return {
        "kpi": "k", "dimension": "late_stage", "dimension_value": stage, "numerator": contacts,
        "denominator": days and days * DAY, "value": contacts / days if contacts and days else None,
        "ci_low": interval[0], "ci_high": interval[1], "n": 40 if days else None, "status": "final" if days else "suppressed",
    }  # fmt: skip


def test_days_times_rate_and_the_ends_of_its_interval() -> None:
    """20 contacts on 250 days are 0.08 a day; 0.05 to 0.13 of it are 12.5 to 32.5 contacts."""
    rows = [
        row("all", 26, 300.0, (0.06, 0.12)),
        row("ship", 6, 50.0, (0.05, 0.3)),
        row("inspect", 20, 250.0, (0.05, 0.13)),
    ]
    found = avoidable(rows, {"inspect": 48.0, "ship": 72.0}, {"inspect": "warehouse"})
    assert [one["stage"] for one in found] == ["inspect", "ship", "all"]
    first = found[0]
    assert first["late_days"] * first["value"] == pytest.approx(first["contacts"]) == 20
    assert (first["contacts_low"], first["contacts_high"]) == (pytest.approx(12.5), pytest.approx(32.5))
    assert (first["target_hours"], first["clock_owner"], first["late_days"]) == (48.0, "warehouse", 250.0)
    assert (found[1]["clock_owner"], found[2]["target_hours"]) == (None, None)


def test_a_rate_is_not_negative_and_what_is_not_known_stays_so() -> None:
    (many,) = avoidable([row("ship", 150, 2.0, (-3.0, 153.0))], {}, {})
    assert many["contacts_low"] == 0.0
    (hidden,) = avoidable([row("ship", None, None, (None, None))], {"ship": 1.0}, {})
    assert [hidden[name] for name in ("contacts", "contacts_low", "contacts_high", "late_days", "value")] == [None] * 5
    (alone,) = avoidable([row("ship", 3, 2.0, (None, None))], {}, {})
    assert (alone["contacts"], alone["contacts_low"], alone["contacts_high"]) == (3, None, None)
