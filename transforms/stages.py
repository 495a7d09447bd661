"""The stages of a refund, and how long each may take: the targets of the settings, as the facts read them."""

from __future__ import annotations

from collections.abc import Mapping

from transforms.warehouse import Warehouse

STAGES = ("approve", "ship", "transit", "inspect", "issue", "credit")  # of facts.refund_stages, in their order
LONGEST_HOURS = 8784  # a leap year: beyond it no stage is late


def set_stage_targets(warehouse: Warehouse, hours: Mapping[str, float] | None = None) -> None:
    """Table run.stage_targets: within how many hours of its beginning a stage is to be finished. Others have no target."""
    warehouse.run("create schema if not exists run")
    warehouse.run("create or replace table run.stage_targets (stage varchar, hours double)")
    for stage, target in (hours or {}).items():
        warehouse.run("insert into run.stage_targets values (?, ?)", [stage, target])
