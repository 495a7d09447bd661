"""Records for small tables: what matters is written in the test, the rest is a plain default."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

Row = dict[str, object]
_NUMBERS = count(1)
SCALES = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}
# Mondays of the weeks the tests play in.
WEEK, NEXT_WEEK = "2026-06-01", "2026-06-08"
AS_OF = "2026-09-28T00:00:00Z"


def at(text: str, **later: float) -> str:
    """A moment, moved on by so many days, hours, seconds."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment + timedelta(**later)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _key(prefix: str) -> str:
    return f"{prefix}{next(_NUMBERS):06d}"


def order(ordered_at: str = "2026-06-02T08:00:00Z", **changes: object) -> Row:
    """An order of VN, delivered two days later."""
    row: Row = {
        "order_id": _key("o"),
        "customer_id": _key("c"),
        "market": "VN",
        "category": "beauty",
        "seller_tier": "managed",
        "fulfilment": "platform",
        "ordered_at": ordered_at,
        "delivered_at": at(ordered_at, days=2),
        "cancelled_at": None,
        "updated_at": at(ordered_at, days=2),
    }
    return row | changes


def orders(number: int, ordered_at: str = "2026-06-02T08:00:00Z", **changes: object) -> list[Row]:
    return [order(ordered_at, **changes) for _ in range(number)]


def a_return(requested_at: str = "2026-06-02T08:00:00Z", **changes: object) -> Row:
    """A return for a refund of 100, asked for and nothing more."""
    row: Row = {
        "return_id": _key("r"),
        "order_id": "o-none",
        "reason_code": "damaged",
        "resolution": "refund",
        "carrier": "jnt",
        "approved_amount": "100.00",
        "requested_at": requested_at,
        "rejected_at": None,
        "cancelled_at": None,
        "expired_at": None,
        "updated_at": requested_at,
    }
    return row | changes


def refund(return_id: object, credited_at: str | None, amount: str = "100.00", **changes: object) -> Row:
    """A refund issued two hours before it is credited."""
    issued_at = at(credited_at, hours=-2) if credited_at else "2026-06-03T08:00:00Z"
    row: Row = {
        "refund_id": _key("f"),
        "return_id": return_id,
        "order_id": "o-none",
        "amount": amount,
        "method": "card",
        "issued_at": issued_at,
        "credited_at": credited_at,
        "updated_at": credited_at or issued_at,
    }
    return row | changes


def contact(created_at: str = "2026-06-02T08:00:00Z", **changes: object) -> Row:
    """An inbound contact about nothing in particular."""
    row: Row = {
        "contact_id": _key("t"),
        "customer_id": _key("c"),
        "order_id": None,
        "return_id": None,
        "channel": "chat",
        "direction": "inbound",
        "reason_code": "other",
        "created_at": created_at,
        "resolved_at": None,
        "updated_at": created_at,
    }
    return row | changes


def answer(
    survey_type: str, score: int | None, responded_at: str | None = "2026-06-03T08:00:00Z", **changes: object
) -> Row:
    """A survey invited a day before its answer, on the scale of its type."""
    low, high = SCALES[survey_type]
    invited_at = at(responded_at, days=-1) if responded_at else "2026-06-02T08:00:00Z"
    row: Row = {
        "response_id": _key("a"),
        "customer_id": _key("c"),
        "order_id": None,
        "return_id": None,
        "contact_id": None,
        "survey_type": survey_type,
        "scale_min": low,
        "scale_max": high,
        "score": score,
        "comment": None,
        "language": None,
        "touchpoint": "post_delivery",
        "invited_at": invited_at,
        "responded_at": responded_at,
        "updated_at": responded_at or invited_at,
    }
    return row | changes


def answers(survey_type: str, scores: Iterator[int] | list[int], responded_at: str, **changes: object) -> list[Row]:
    return [answer(survey_type, score, responded_at, **changes) for score in scores]
