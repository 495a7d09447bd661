"""What a KPI's figures are made with beside its own SELECT: settings, how its extracts are read, facts and estimates.

When a published figure has another value, it must be told whether the world changed or the way it is counted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Set

from transforms.models import models
from transforms.release import kpis_made
from transforms.warehouse import Warehouse, literal

# What it is called, its table, and the tables that tell a reader of it; no table: every figure follows it.
_SETTINGS = (
    ("setting business_time_zone", "(select zone from run.clock)", ()),
    ("setting market_time_zones", "run.zones", ()),
    ("setting sla", "run.sla", ("run.sla",)),
    ("setting stage_targets", "run.stage_targets", ("run.stage_targets",)),
    ("setting office_hours", "run.office_hours", ("run.office_hours", "run.office_calendar")),
)


def create_tables(warehouse: Warehouse) -> None:
    """`ledger.made_with`: what each KPI was made with in the last night that compared published figures."""
    warehouse.run("create table if not exists ledger.made_with (kpi varchar, part varchar, fingerprint varchar)")


def note_changed(warehouse: Warehouse) -> None:
    """Temp table `changed` (kpi, parts): what each KPI is made with tonight and was not the night before, by name.

    A KPI of which nothing is known yet has no row. Keeps tonight's in `ledger.made_with`.
    """
    settings = settings_made_with(warehouse)
    readings = dict(warehouse.rows("select source, reading from ledger.readings"))
    estimates = _hash(model.select for model in models("estimates"))
    made: list[tuple[str, str, str]] = []
    for k in kpis_made(warehouse):
        own = behind(f"facts.{name}" for name in k.facts)
        made += [(k.id, name, settings[name]) for name, _, by in _SETTINGS if not by or own.intersection(by)]
        made += [(k.id, f"reading of {source}", readings.get(source, "")) for source in k.sources]
        made.append((k.id, "facts", _hash(model.select for model in models("facts") if model.table in own)))
        made.append((k.id, "estimates", estimates))
    warehouse.run(
        "create or replace temp table made_with as select unnest(?) as kpi, unnest(?) as part, unnest(?) as fingerprint",
        [list(column) for column in zip(*made, strict=True)],
    )
    warehouse.run("""
        create or replace temp table changed as
        select kpi, list(part order by part) as parts
        from made_with as tonight
        inner join ledger.made_with as before using (kpi, part)
        where tonight.fingerprint <> before.fingerprint
        group by kpi""")
    # What is not made tonight is compared when it is made again.
    warehouse.run("delete from ledger.made_with where kpi in (select kpi from made_with)")
    warehouse.run("insert into ledger.made_with from made_with")
    warehouse.run("drop table temp.made_with")


def settings_made_with(warehouse: Warehouse) -> dict[str, str]:
    """The settings that change figures, by name: what each says tonight, in one text."""
    return {name: warehouse.value(f"select {_FINGERPRINT} from {table} as told") for name, table, _ in _SETTINGS}


_FINGERPRINT = f"coalesce(string_agg(cast(told as varchar), {literal('; ')} order by cast(told as varchar)), '')"


def behind(facts: Iterable[str], among: Set[str] | None = None) -> set[str]:
    """The facts (`facts.<name>`) and every table on the way to them: facts they are made of, records and settings.

    among: only these are looked at, and what is behind others is passed over.
    """
    reads = {model.table: model.reads for model in models("facts")}
    found: set[str] = set()
    look = set(facts)
    while look:
        look = look if among is None else look & among
        found |= look
        look = set().union(*(reads.get(table, frozenset()) for table in look)) - found
    return found


def _hash(selects: Iterable[str]) -> str:
    """Of the statements without comments and blanks, which change no number."""
    said = "\0".join(re.sub(r"\s+", " ", re.sub(r"--[^\n]*", "", select)) for select in selects)
    return hashlib.sha256(said.encode()).hexdigest()
