"""Survey response rate: answered with a score within 14 days over invitations, on the day of the invitation."""

from __future__ import annotations

from pathlib import Path

import pytest
from given import AS_OF, NEXT_WEEK, WEEK, answer, at

from tests.acceptance.nights import cell, cells, numbers

INVITED = "2026-06-03T08:00:00Z"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    surveys = [
        answer("nps", 3, at(INVITED, hours=1), invited_at=INVITED),
        answer("nps", 9, at(INVITED, days=13, hours=23), invited_at=INVITED),
        answer("nps", 9, at(INVITED, days=14, seconds=1), invited_at=INVITED),
        answer("nps", None, at(INVITED, hours=1), invited_at=INVITED),
        answer("nps", None, None, invited_at=INVITED),
        answer("csat", 2, at(INVITED, hours=1), invited_at=INVITED, touchpoint="post_contact"),
        answer("ces", None, None, invited_at=INVITED, touchpoint="post_refund"),
        # invited in one week and answered in the next: it belongs to the week of the invitation
        answer("nps", 9, "2026-06-08T00:30:00Z", invited_at="2026-06-07T23:30:00Z"),
        answer("nps", 9, "2026-06-08T09:30:00Z", invited_at="2026-06-08T00:00:00Z"),
        # answered after the as-of time, invited before it
        answer("nps", 9, at(AS_OF, hours=1), invited_at=at(AS_OF, days=-1)),
        # invited after the as-of time
        answer("nps", None, None, invited_at=at(AS_OF, hours=1)),
    ]
    root = tmp_path_factory.mktemp("response")
    return numbers(root / "landing", root / "out", AS_OF, {"surveys": surveys})


def test_a_score_within_fourteen_days(out: Path) -> None:
    """A dismissed survey, one not answered and one answered too late are invitations all the same."""
    found = cell(out, "survey_response_rate", week=WEEK)
    assert (found["numerator"], found["denominator"], found["n"]) == (4, 8, 8)
    assert found["value"] == 0.5


def test_the_invitation_is_the_anchor(out: Path) -> None:
    found = cell(out, "survey_response_rate", week=NEXT_WEEK)
    assert (found["numerator"], found["n"]) == (1, 1)


def test_by_survey_type_and_touchpoint(out: Path) -> None:
    types = {r["dimension_value"]: (r["numerator"], r["n"]) for r in _cells(out, "survey_type")}
    assert types == {"nps": (3, 6), "csat": (1, 1), "ces": (0, 1)}
    points = {r["dimension_value"]: (r["numerator"], r["n"]) for r in _cells(out, "touchpoint")}
    assert points == {"post_delivery": (3, 6), "post_contact": (1, 1), "post_refund": (0, 1)}


def test_an_answer_after_the_as_of_time_is_not_known(out: Path) -> None:
    found = cell(out, "survey_response_rate", week="2026-09-21")
    assert (found["numerator"], found["n"], found["status"]) == (0, 1, "provisional")


def test_zero_is_measured(out: Path) -> None:
    found = cell(out, "survey_response_rate", dimension="survey_type", dimension_value="ces", week=WEEK)
    assert (found["value"], found["n"]) == (0.0, 1)


def _cells(out: Path, dimension: str) -> list[dict[str, object]]:
    return cells(out, "survey_response_rate", dimension=dimension, week=WEEK)
