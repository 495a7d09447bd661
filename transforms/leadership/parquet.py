"""The week's rows of kpi_weekly as Parquet, without what may not leave the analysts' circle."""

from __future__ import annotations

import io

from transforms.leadership.frames import Frames
from transforms.leadership.records import week_rows, whole_number

TEXTS = ("kpi", "dimension", "dimension_value", "statistic", "status", "definition_version", "note")


def render_parquet(frames: Frames) -> tuple[bytes, int]:
    """The file's bytes and its number of rows; columns and order are those of kpi_weekly."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = dict.fromkeys(TEXTS, pa.string()) | {
        "week": pa.date32(),
        "n": pa.int64(),
        "as_of": pa.timestamp("us", "UTC"),
    }
    columns = [str(name) for name in frames.week_rows.columns]
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in columns])
    rows = [row | {"n": whole_number(row["n"])} for row in week_rows(frames)]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer, compression="zstd")
    return buffer.getvalue(), len(rows)
