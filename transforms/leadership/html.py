"""The weekly page: one self-contained HTML file without scripts or anything to load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transforms.leadership.charts import Chart
from transforms.leadership.panels import legend
from transforms.leadership.sparklines import line_sparkline
from transforms.leadership.view import build_view

TEMPLATE = "brief.html.j2"


def render_html(payload: Mapping[str, Any], charts: Sequence[Chart]) -> str:
    """The page of a payload; every text from outside is escaped, the charts are our own drawing."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    view = build_view(payload)
    sparks = [line_sparkline(line) for line in view["scorecard"]]
    return environment.get_template(TEMPLATE).render(view=view, charts=charts, legend=legend(), sparks=sparks)
