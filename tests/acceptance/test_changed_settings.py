"""A setting that changes between two nights: the numbers are those of a rebuild under the new settings, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from flows.night import Night
from flows.settings import load
from tests.acceptance.nights import marketplace, moment
from tests.acceptance.test_incremental import content

NEW_YORK = {"market_time_zones": {"US": "America/New_York", "DE": "Europe/Berlin"}}
OFFICE = {"office_hours": {"platform": {"days": "mon-fri", "from": "08:00", "to": "16:30"}}}
# Over two changes of clocks. Each is what is set in a night, beside nothing else.
CHANGES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "clocks of markets": NEW_YORK,
    "another clock of a market": {"market_time_zones": {"US": "America/Los_Angeles", "DE": "Europe/Berlin"}},
    "the business's clock": {"business_time_zone": "Asia/Ho_Chi_Minh"},
    "agreed times": {"sla": [{"days": 7}, {"days": 3, "market": "US", "valid_from": "2026-03-01"}]},
    "office hours": OFFICE,
    "shorter office hours": {"office_hours": {"platform": {"days": "mon-thu", "from": "09:00", "to": "12:00"}}},
    "office hours on other clocks": OFFICE | NEW_YORK,
    "targets": {"targets": {"nps": 40.0, "refund_cycle_time.p90": 200.0}},
    "targets from a day on": {"targets": {"nps": [{"target": 40.0}, {"target": 50.0, "valid_from": "2026-03-16"}]}},
    "targets of stages": {"stage_targets": {"inspect": 24, "ship": 48}},
    "targets of stages from a day on": {
        "stage_targets": {"inspect": [{"target": 24}, {"target": 12, "valid_from": "2026-03-11"}], "ship": 48}
    },
    "weeks of rows": {"row_weeks": 3},
    "nothing again": {},
}


def a_night(world: Path, out: Path, settings: dict[str, Any]) -> Any:
    with (
        patch("expectations.gate.check", return_value=[]),
        Night(load(landing=world, out=out, hash_key="of the tests", **settings), moment("2026-04-06T02:00")) as night,
    ):
        night.run()
    return content(out)


@pytest.mark.slow
def test_a_change_of_settings_touches_what_it_changes(tmp_path: Path) -> None:
    world = marketplace(tmp_path / "world", orders=900, weeks=8, start="2026-02-09", files="one", seed=8)
    before: Any = None
    for name, settings in CHANGES.items():
        found = a_night(world, tmp_path / "out", settings)
        assert found == a_night(world, tmp_path / name, settings), f"after a change to {name}"
        assert found != before, f"{name} changed nothing"
        before = found
