"""What is told of a move: the place of a signal."""

from __future__ import annotations

from transforms.insight.told import is_taken_apart, place_of
from transforms.models import kpis


def test_a_value_can_hold_the_sign_between_the_two_of_a_pair() -> None:
    assert place_of({"dimension": "category", "dimension_value": "Home × Garden"}) == {"category": "Home × Garden"}
    pair = {"dimension": "market × category", "dimension_value": "VN × Home × Garden"}
    assert place_of(pair) == {"market": "VN", "category": "Home × Garden"}
    assert place_of({"dimension": "all", "dimension_value": "all"}) == {}


def test_causes_are_looked_for_where_there_are_cases() -> None:
    """Not of a stock, of parts of one whole, nor where what is below the line is time."""
    left = {k.id for k in kpis() if not is_taken_apart({"kind": k.kind, "per": k.per})}
    assert left == {"late_refund_open", "resolution_mix", "contacts_past_stage_target", "contacts_per_return_day"}
