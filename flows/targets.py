"""What the expectations look at in a night: facts, observations, marts."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from expectations.checks import Target
from transforms import ledger
from transforms.models import Kpi, derived_facts, sources
from transforms.release import models_made
from transforms.sums import PART
from transforms.warehouse import Warehouse

GRAINS = {"kpi_daily": "day", "kpi_weekly": "week", "kpi_monthly": "month"}


def before_estimates(
    warehouse: Warehouse, kpis: Sequence[Kpi], withheld: Collection[str], in_part: Collection[str] = ()
) -> list[Target]:
    """Facts of sources that have arrived, and observations of the KPIs that can be computed.

    in_part: KPIs of which only the rows of touched records are looked at.
    """
    absent, made = ledger.absent(warehouse), {m.name for m in models_made(warehouse, "facts")}
    facts = [
        Target("facts", f"facts.{s.id}", f"facts/{s.id}", tuple(k.id for k in kpis if s.id in k.sources))
        for s in sources()
        if s.id not in absent
    ]
    facts += [
        Target("facts", f"facts.{name}", f"facts/{name}", tuple(k.id for k in kpis if name in k.facts))
        for name, needs in derived_facts().items()
        if name in made and not absent.intersection(needs)
    ]
    observed = [k for k in kpis if k.id not in withheld]
    parts = {id: f"{PART}.{id}" for id in in_part}
    return facts + [
        Target("kpis", f"kpis.{k.id}", "kpis", (k.id,), {"kind": k.kind}, parts.get(k.id, "")) for k in observed
    ]


def marts(kpis: Sequence[Kpi]) -> list[Target]:
    """The figures by day, week and month."""
    every = tuple(k.id for k in kpis)
    return [Target("marts", f"marts.{name}", "marts", every, {"period": grain}) for name, grain in GRAINS.items()]
