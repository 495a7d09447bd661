"""Sources that stopped while orders went on: what they count would read as 0, so from then on it is withheld.

A source without any record is told apart (ledger.withheld_by_absence): of that one nothing has ever been known.
"""

from __future__ import annotations

from transforms.reads import read
from transforms.warehouse import Warehouse


def find_stopped(warehouse: Warehouse, stale_hours: int) -> dict[str, str]:
    """Which KPIs need a source that stopped, and the reason to give for it. Makes two tables, moments in UTC:

    run.stopped_sources (source, since, reason) and run.stopped (kpi, since, reason): what of a KPI is settled after
    `since` is withheld.
    """
    stopped, hours = (
        f"create or replace table run.stopped_sources as {read('stopped_sources')}",
        {"stale_hours": stale_hours},
    )
    warehouse.run(stopped, hours)
    warehouse.run(
        "create or replace table run.stopped as select kpi, min(since) as since, arg_min(reason, since) as reason "
        "from (select kpi, unnest(sources) as source from run.kpis) inner join run.stopped_sources using (source) group by kpi"
    )
    return dict(warehouse.rows("select kpi, reason from run.stopped order by kpi"))


def is_as_before(warehouse: Warehouse, run_id: str) -> bool:
    """Whether the version of that run was made with the same sources stopped: figures change with that, whatever arrived."""
    kept = "select made_with from ledger.version_made where run_id = ? and part = 'stopped'"
    return bool(warehouse.value(kept, [run_id]) == _said(warehouse))


def note_version(warehouse: Warehouse, run_id: str) -> None:
    """Keep what `is_as_before` asks for, beside what else the version was made with, once it is published."""
    warehouse.run("insert into ledger.version_made values (?, 'stopped', ?)", [run_id, _said(warehouse)])


def _said(warehouse: Warehouse) -> str:
    return repr(warehouse.rows("from run.stopped order by all"))
