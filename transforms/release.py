"""What this run makes: all but the models that need a setting which is not there (`only_with` in the header of a fact).

A fact that needs a setting is not made without it, nor is a KPI that reads one: not counted, checked, withheld or listed.
"""

from __future__ import annotations

from collections.abc import Iterable

from transforms.models import Kpi, Model, kpis, models, settings_for
from transforms.warehouse import Warehouse, identifier


def set_given(warehouse: Warehouse, settings: Iterable[str]) -> None:
    """Table run.given, the names of the settings that are there; what an earlier run made with others is dropped."""
    warehouse.run("create or replace table run.given (setting varchar)")
    for name in settings:
        warehouse.run("insert into run.given values (?)", [name])
    for layer, kind in (("facts", "table"), ("kpis", "view")):
        warehouse.run(f"create schema if not exists {layer}")
        made = models_made(warehouse, layer)
        for name in [identifier(model.name) for model in models(layer) if model not in made]:
            warehouse.run(f"drop {kind} if exists {layer}.{name}")
            if layer == "kpis":
                warehouse.run("create schema if not exists sums")
                warehouse.run(f"drop table if exists sums.{name}")


def models_made(warehouse: Warehouse, layer: str) -> tuple[Model, ...]:
    """The models of a layer that this run makes, in their order."""
    given = _given(warehouse)
    return tuple(model for model in models(layer) if settings_for(model) <= given)


def kpis_made(warehouse: Warehouse) -> tuple[Kpi, ...]:
    """The KPIs of this run, in order of their ids."""
    given = _given(warehouse)
    return tuple(k for k in kpis() if given.issuperset(k.only_with))


def _given(warehouse: Warehouse) -> set[str]:
    return {row[0] for row in warehouse.rows("select setting from run.given")}
