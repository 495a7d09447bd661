"""The three differences of a scorecard row: to the week before, to the year before, and to the target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COMPARED = {"week_change": "prior_value", "year_change": "prior_year_value", "target_gap": "target"}


def changes(row: Mapping[str, Any], which: str = "") -> dict[str, float | None]:
    """week_change, year_change and target_gap, in the row's unit; None where one of the two is not known.

    which: '' for the week itself, 'final_' for the latest settled week. A provisional value is not compared.
    """
    value = row[f"{which}value"]
    if value is None or (not which and row["status"] == "provisional"):
        return dict.fromkeys(COMPARED)
    return {
        name: None if row[f"{which}{other}"] is None else value - row[f"{which}{other}"]
        for name, other in COMPARED.items()
    }
