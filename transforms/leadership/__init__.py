"""The weekly leadership file: one payload from the published marts, then page, print, workbook and data.

Formats, never computes: every number is one of kpi_weekly or kpi_monthly.
"""

from transforms.leadership.files import MissingPart, Receipt, write_weekly
from transforms.leadership.frames import Frames, WeekError, read_frames, resolve_week
from transforms.leadership.payload import build_payload
from transforms.leadership.published import published_figures

__all__ = [
    "Frames",
    "MissingPart",
    "Receipt",
    "WeekError",
    "build_payload",
    "published_figures",
    "read_frames",
    "resolve_week",
    "write_weekly",
]
