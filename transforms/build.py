"""From records to marts: runs the SQL models layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from transforms.models import ModelError, kpis, models, sources
from transforms.warehouse import Warehouse, identifier


def set_clock(warehouse: Warehouse, as_of: datetime) -> None:
    """Fix the moment the run is about (an aware datetime): what happened later has not happened."""
    warehouse.run("create schema if not exists run")
    moment = as_of.astimezone(UTC).replace(tzinfo=None)
    warehouse.run("create or replace table run.clock as select cast(? as timestamp) as as_of", [moment])


def set_run(warehouse: Warehouse, run_id: str, customer_key: str) -> None:
    """Which run this is. The key of the customer hashes stays in the session: it is not written to the database."""
    warehouse.run("create or replace table run.current as select ? as run_id", [run_id])
    warehouse.run("set variable hash_key = ?", [customer_key])


def set_contract(warehouse: Warehouse) -> None:
    """Which columns of a source may be shown to everybody as they are: ids, codes, numbers and times, no free text."""
    warehouse.run("create or replace table run.contract (source varchar, key varchar, plain varchar[])")
    for source in sources():
        plain = [c.name for c in source.columns if c.type != "text" and c.name != "customer_id"]
        warehouse.run("insert into run.contract values (?, ?, ?)", [source.id, source.key, plain])


def set_kpis(warehouse: Warehouse, targets: Mapping[str, float]) -> None:
    """What the marts need to know of each KPI, and the targets (`kpi` or `kpi.statistic` to a value)."""
    warehouse.run(
        "create or replace table run.kpis (kpi varchar, label varchar, question varchar, kind varchar, unit varchar, "
        "per integer, better varchar, anchor varchar, grain varchar, dimensions varchar[], window_days integer, "
        "owner varchar, statistics varchar[], headline_statistic varchar, definition varchar, version varchar, "
        "changes varchar[], sources varchar[])"
    )
    for k in kpis():
        row = [k.id, k.label, k.question, k.kind, k.unit, k.per, k.better, k.anchor, k.grain, list(k.all_dimensions)]
        row += [k.window_days, k.owner, list(k.statistics), k.headline_statistic, k.definition, k.version]
        row += [list(k.changes), list(k.sources)]
        warehouse.run(f"insert into run.kpis values ({', '.join('?' * len(row))})", row)
    warehouse.run("create or replace table run.targets (kpi varchar, statistic varchar, target double)")
    headline = {k.id: k.headline_statistic for k in kpis()}
    for name, value in targets.items():
        kpi, _, statistic = name.partition(".")
        if kpi not in headline:
            raise ModelError(f"settings: targets: no KPI {kpi!r}; there are: {', '.join(headline)}")
        warehouse.run("insert into run.targets values (?, ?, ?)", [kpi, statistic or headline[kpi], value])


def set_withheld(warehouse: Warehouse, reasons: Mapping[str, str]) -> None:
    """Which KPIs are not published tonight, and why; `kpi by dimension` names the slices of one dimension."""
    warehouse.run("create or replace table run.withheld (kpi varchar, dimension varchar, reason varchar)")
    for name, reason in reasons.items():
        kpi, _, dimension = name.partition(" by ")
        warehouse.run("insert into run.withheld values (?, ?, ?)", [kpi, dimension or None, reason])


def build_layer(warehouse: Warehouse, layer: str, kind: str = "table") -> None:
    """Create every model of a layer, in the order of what they read; one that reads its own layer is a view of it."""
    warehouse.run(f"create schema if not exists {layer}")
    for model in models(layer):
        as_view = kind == "view" or any(read.startswith(f"{layer}.") for read in model.reads)
        warehouse.run(
            f"create or replace {'view' if as_view else 'table'} {layer}.{identifier(model.name)} as {model.select}"
        )


def count_rows(warehouse: Warehouse, table: str) -> int:
    """Rows of a table or view."""
    return int(warehouse.value(f"select count(*) from {table}"))


def list_observations(warehouse: Warehouse, row_weeks: int) -> None:
    """All KPIs' observations under one another, for drilling down; `row_weeks`: how many weeks are published."""
    warehouse.run("create or replace table run.horizon as select cast(? as integer) as row_weeks", [row_weeks])
    columns = dict.fromkeys(name for k in kpis() for name in k.all_dimensions)
    parts = []
    for k in kpis():
        own = [
            identifier(name) if name in k.all_dimensions else f"null::varchar as {identifier(name)}" for name in columns
        ]
        figures = "numerator, denominator, null::double as duration_hours, null::varchar as outcome"
        if k.is_duration:
            figures = "null::integer as numerator, null::integer as denominator, duration_hours, outcome"
        parts.append(
            f"select '{k.id}' as kpi, observed_on, subject_id, order_id, {', '.join(own)}, {figures} from kpis.{k.id}"
        )
    warehouse.run("create schema if not exists sums")
    warehouse.run(f"create or replace view sums.observations as {' union all '.join(parts)}")
