"""Sources that stopped while orders went on: what they count would read as 0, so from then on it is withheld.

A source without any record is told apart (ledger.withheld_by_absence): of that one nothing has ever been known.
"""

from __future__ import annotations

from transforms.reads import read
from transforms.warehouse import Warehouse


def find_stopped(warehouse: Warehouse, stale_hours: int) -> dict[str, str]:
    """Which KPIs need a source that stopped, and the reason to give for it. Reads run.sources; makes two tables, moments in UTC:

    run.stopped_sources (source, since, reason) and run.stopped (kpi, since, reason): what of a KPI is settled after
    `since` is withheld.
    """
    question = read("stopped_sources")
    warehouse.run(f"create or replace table run.stopped_sources as {question}", {"stale_hours": stale_hours})
    warehouse.run(
        "create or replace table run.stopped as select kpi, min(since) as since, arg_min(reason, since) as reason "
        "from (select kpi, unnest(sources) as source from run.kpis) inner join run.stopped_sources using (source) group by kpi"
    )
    return dict(warehouse.rows("select kpi, reason from run.stopped order by kpi"))
