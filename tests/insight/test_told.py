"""What is told of a move: the place of a signal."""

from __future__ import annotations

from transforms.insight.told import place_of


def test_a_value_can_hold_the_sign_between_the_two_of_a_pair() -> None:
    assert place_of({"dimension": "category", "dimension_value": "Home × Garden"}) == {"category": "Home × Garden"}
    pair = {"dimension": "market × category", "dimension_value": "VN × Home × Garden"}
    assert place_of(pair) == {"market": "VN", "category": "Home × Garden"}
    assert place_of({"dimension": "all", "dimension_value": "all"}) == {}
