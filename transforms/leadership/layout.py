"""What the weekly file needs of the published marts: marts of an older release may lack it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from transforms.leadership.frames import read_sql
from transforms.models import HORIZONS

if TYPE_CHECKING:
    from transforms.leadership.frames import Fetch

_CELL = "dimension dimension_value statistic value ci_low ci_high n numerator denominator status prior_value"
_FIGURE = f"kpi {_CELL} prior_year_value target definition_version as_of note"
_HOURS = " ".join(f"hours_in_{days}_days" for days in HORIZONS)
ALWAYS: Mapping[str, str] = {
    "kpi_weekly": f"week {_FIGURE}",
    "kpi_monthly": f"month {_FIGURE}",
    "kpi_daily": "kpi day dimension statistic numerator denominator status",
    "kpi_catalogue": "kpi label question kind unit per better anchor grain dimensions numerator_dimensions within part_of"
    " window_days owner headline_statistic target definition definition_version changes sources",
    "periods": "grain period is_over",
    "runs": "run_id",
    "ingest_files": "file source sha256 rows_read rows_accepted rows_superseded rows_quarantined refused_reason ingested_at",
    "quarantine": "source reason",
    "checks": "run_id layer table_name expectation column_name severity success element_count unexpected_count observed"
    " expected withholds checked_at",
}
# Without one of these tables a part of the file says that nobody looked.
WHERE_THERE: Mapping[str, str] = {
    "kpi_slices": f"kpi week numerator denominator {_HOURS}",  # and the dimensions that the catalogue names
    "kpi_to_date": "kpi week dimension statistic span first_day last_day value n prior_year_value prior_year_n",
    "kpi_rows": "kpi observed_on subject_id order_id market touchpoint reason_code numerator duration_hours outcome",
    "comments": "response_id responded_on survey_type scale score language market themes comment",
    "open_cases": "return_id order_id market carrier waits_for waiting_days sla_days contacts nps_class order_value currency",
    "restatements": "week kpi statistic dimension published_value published_at published_status value late_data corrections"
    " definition_change backfill changed",
    "sources": "source latest_at lacking_since reason",
    "stage_targets": "stage target_hours valid_from valid_until",
}


class LayoutError(RuntimeError):
    """Marts of a release that did not publish what this one reads; the message says what, where and what to do."""


def require_layout(fetch: Fetch) -> None:
    """Raises LayoutError where the marts lack a table that the file cannot do without, or a column of one they have."""
    rows = fetch(read_sql("columns"), [])
    there: dict[str, set[str]] = {}
    for table, column in rows.itertuples(index=False, name=None):
        there.setdefault(table, set()).add(column)
    faults = [f"no table {table}" for table in ALWAYS if table not in there]
    for table, names in {**ALWAYS, **WHERE_THERE}.items():
        lacking = [name for name in names.split() if name not in there.get(table, names.split())]
        faults += [f"no {', '.join(lacking)} in table {table}"] if lacking else []
    if faults:
        raise LayoutError(
            f"marts.duckdb is of another release: found {'; '.join(faults)}, expected what this release publishes;"
            " run `experience-kpis nightly` once, which makes all marts anew"
        )
