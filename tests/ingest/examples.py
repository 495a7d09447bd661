"""Good rows of each source, as text, to be spoilt one field at a time; and how to write them in every format."""

from __future__ import annotations

import gzip
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from tests.acceptance.nights import csv_text

Fields = Mapping[str, str | None]

GOOD: dict[str, dict[str, str | None]] = {
    "orders": {
        "order_id": "o1",
        "customer_id": "c1",
        "seller_id": "s1",
        "market": "VN",
        "category": "beauty",
        "seller_tier": "managed",
        "fulfilment": "platform",
        "currency": "VND",
        "order_value": "250000.50",
        "item_count": "3",
        "ordered_at": "2026-06-01T08:15:30Z",
        "delivered_at": "2026-06-04T10:00:00Z",
        "cancelled_at": None,
        "updated_at": "2026-06-04T10:00:00Z",
    },
    "returns": {
        "return_id": "r1",
        "order_id": "o1",
        "reason_code": "damaged",
        "resolution": "refund",
        "carrier": "jnt",
        "approved_amount": "250000.50",
        "requested_at": "2026-06-05T08:00:00Z",
        "approved_at": "2026-06-05T09:00:00Z",
        "first_scan_at": "2026-06-07T09:00:00Z",
        "received_at": "2026-06-09T09:00:00Z",
        "inspected_at": "2026-06-10T09:00:00Z",
        "rejected_at": None,
        "cancelled_at": None,
        "expired_at": None,
        "updated_at": "2026-06-10T09:00:00Z",
    },
    "refunds": {
        "refund_id": "f1",
        "return_id": "r1",
        "order_id": "o1",
        "amount": "250000.50",
        "method": "card",
        "issued_at": "2026-06-10T10:00:00Z",
        "credited_at": "2026-06-12T10:00:00Z",
        "updated_at": "2026-06-12T10:00:00Z",
    },
    "contacts": {
        "contact_id": "t1",
        "customer_id": "c1",
        "order_id": "o1",
        "return_id": "r1",
        "channel": "chat",
        "direction": "inbound",
        "reason_code": "where_is_my_refund",
        "created_at": "2026-06-11T10:00:00Z",
        "resolved_at": "2026-06-11T11:00:00Z",
        "updated_at": "2026-06-11T11:00:00Z",
    },
    "surveys": {
        "response_id": "a1",
        "customer_id": "c1",
        "order_id": "o1",
        "return_id": "r1",
        "contact_id": "t1",
        "survey_type": "nps",
        "scale_min": "0",
        "scale_max": "10",
        "score": "9",
        "comment": "very easy",
        "language": "en",
        "touchpoint": "post_refund",
        "invited_at": "2026-06-13T10:00:00Z",
        "responded_at": "2026-06-13T11:00:00Z",
        "updated_at": "2026-06-13T11:00:00Z",
    },
}
KEY = {source: next(iter(row)) for source, row in GOOD.items()}
REQUIRED = {
    "orders": ["order_id", "customer_id", "market", "ordered_at", "updated_at"],
    "returns": ["return_id", "order_id", "requested_at", "updated_at"],
    "refunds": ["refund_id", "order_id", "amount", "issued_at", "updated_at"],
    "contacts": ["contact_id", "customer_id", "created_at", "updated_at"],
    "surveys": ["response_id", "survey_type", "scale_min", "scale_max", "updated_at"],
}
NUMBERS = {"order_value", "approved_amount", "amount", "item_count", "scale_min", "scale_max", "score"}


def row(source: str, key: str, **changes: str | None) -> dict[str, str | None]:
    """A good row of a source under its own key, with some fields changed."""
    return GOOD[source] | {KEY[source]: key} | changes


def sparse(source: str, key: str) -> dict[str, str | None]:
    """A row with every optional field empty."""
    return {name: value if name in REQUIRED[source] else None for name, value in row(source, key).items()}


def as_csv(rows: Sequence[Fields]) -> bytes:
    return csv_text(rows).encode()


def as_tsv(rows: Sequence[Fields]) -> bytes:
    return csv_text(rows, delimiter="\t").encode()


def as_jsonl(rows: Sequence[Fields]) -> bytes:
    """One object per line; numbers as JSON numbers where they are."""
    return b"".join(json.dumps({k: _number(k, v) for k, v in r.items()}).encode() + b"\n" for r in rows)


def as_text_parquet(rows: Sequence[Fields]) -> bytes:
    return _parquet({name: pa.array([r.get(name) for r in rows], pa.string()) for name in rows[0]})


def as_typed_parquet(rows: Sequence[Fields]) -> bytes:
    """Timestamps, decimals, whole numbers and dictionaries as what they are."""
    columns = {}
    for name in rows[0]:
        values = [r.get(name) for r in rows]
        if name.endswith("_at"):
            moments = [datetime.fromisoformat(v) if v else None for v in values]
            columns[name] = pa.array(moments, pa.timestamp("us", "UTC"))
        elif name in ("order_value", "approved_amount", "amount"):
            columns[name] = pa.array([Decimal(v) if v else None for v in values], pa.decimal128(14, 2))
        elif name in NUMBERS:
            columns[name] = pa.array([int(v) if v else None for v in values], pa.int16())
        elif name in ("market", "category", "seller_tier", "fulfilment", "method", "channel"):
            columns[name] = pa.array(values, pa.string()).dictionary_encode()
        else:
            columns[name] = pa.array(values, pa.string())
    return _parquet(columns)


def as_naive_parquet(rows: Sequence[Fields]) -> bytes:
    """Timestamps without a zone, in nanoseconds; money as doubles: what pandas writes by default."""
    columns = {}
    for name in rows[0]:
        values = [r.get(name) for r in rows]
        if name.endswith("_at"):
            moments = [datetime.fromisoformat(v).replace(tzinfo=None) if v else None for v in values]
            columns[name] = pa.array(moments, pa.timestamp("ns"))
        elif name in NUMBERS:
            columns[name] = pa.array([float(v) if v else None for v in values], pa.float64())
        else:
            columns[name] = pa.array(values, pa.large_string())
    return _parquet(columns)


def zipped(content: bytes) -> bytes:
    return gzip.compress(content, 4, mtime=0)


def zstandard(content: bytes) -> bytes:
    compressed: bytes = pa.compress(content, codec="zstd", asbytes=True)
    return compressed


def _number(name: str, value: str | None) -> object:
    if name not in NUMBERS or value is None or "_" in value:  # Python reads 1_000 as a number, JSON does not
        return value
    try:
        number = int(value) if value.lstrip("-").isdigit() else float(value)
    except ValueError:
        return value
    return number if math.isfinite(number) else value


def _parquet(columns: Mapping[str, pa.Array]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), sink)
    return sink.getvalue()


# ending: how rows become that file
FORMATS: dict[str, Callable[[Sequence[Fields]], bytes]] = {
    "csv": as_csv,
    "tsv": as_tsv,
    "jsonl": as_jsonl,
    "parquet": as_typed_parquet,
    "csv.gz": lambda rows: zipped(as_csv(rows)),
    "tsv.gz": lambda rows: zipped(as_tsv(rows)),
    "jsonl.gz": lambda rows: zipped(as_jsonl(rows)),
    "csv.zst": lambda rows: zstandard(as_csv(rows)),
    "tsv.zst": lambda rows: zstandard(as_tsv(rows)),
    "jsonl.zst": lambda rows: zstandard(as_jsonl(rows)),
}
