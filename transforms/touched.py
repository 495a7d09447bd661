"""What a night has to tell anew: the records that changed since the facts were made, and all that hang together with them.

Records hang together that name the same customer, order, return or contact, directly or through others. A fact is told from
records that hang together, so that of all others the facts of last night stand. Three schemas, in memory, until the night ends:

    touched  a table for each id (`touched.order_id`), and for each source its records that have one (`touched.orders`)
    before   the facts of those records as they were made last
    after    the same as of tonight

With the clock alone a fact changes where an event that was still to come has happened since, and where a case is open.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from transforms import changes, codes
from transforms.calculation import settings_made_with
from transforms.models import Model, Source, sources
from transforms.release import models_made
from transforms.warehouse import Warehouse, identifier, literal


class Standing(NamedTuple):
    """The run whose facts stand but for those of touched records, and its as-of time (UTC, naive)."""

    run_id: str
    as_of: datetime


MOST = 0.25  # of the orders: beyond that all facts are made, which is then quicker

# Open cases last longer every night; one that was settled about the last as-of time was open on the last day of some market.
_BY_CLOCK = "select return_id from facts.refund_cases where outcome = 'open' or settled_on >= cast(? as date) - 1"


def create_tables(warehouse: Warehouse) -> None:
    """`ledger.arrivals`, the ids that changed records name, and `ledger.facts_made`, of when and with what the facts are.

    No row of facts_made: they are not all of one moment, and all are made anew.
    """
    warehouse.run("create table if not exists ledger.arrivals (name varchar, id varchar)")
    warehouse.run("create table if not exists ledger.facts_made (as_of timestamp, made_with varchar, run_id varchar)")


def note_arrivals(warehouse: Warehouse, source: Source, keys: str) -> None:
    """Keep the ids that the records of these keys name; call it before they are changed, and after. `keys`: a SELECT."""
    if warehouse.value("select exists (from ledger.facts_made)"):
        named = " union all ".join(f"select {literal(name)}, {identifier(name)} from named" for name in _links(source))
        warehouse.run(
            f"insert into ledger.arrivals with named as (from records.{source.id} where {identifier(source.key)} in ({keys})) {named}"
        )


def forget_facts(warehouse: Warehouse) -> None:
    """Let the next night make all facts anew."""
    warehouse.run("delete from ledger.facts_made")


def note_facts(warehouse: Warehouse, beside: str = "") -> None:
    """All facts, and the sums and estimates of them, are of this night: the next one has to tell only what changes.

    beside: a text of what else is to be the same then.
    """
    made_with = _made_with(warehouse, beside)
    with warehouse.transaction():
        forget_facts(warehouse)
        warehouse.run("delete from ledger.arrivals")
        warehouse.run(
            "insert into ledger.facts_made select as_of, ?, run_id from run.clock cross join run.current", [made_with]
        )


def update_facts(warehouse: Warehouse, beside: str = "") -> Standing | None:
    """Tell the facts of touched records anew. Returns the run whose facts stand but for these; None when all are to be made.

    That is so in the first night, when the last one did not come to its estimates, after a change of a setting, of the SQL or
    of the engine, with a code that was not there before, for an earlier as-of time, and when most records are touched; and
    where a fact does not begin with the id of the record that a row is about.
    """
    last = warehouse.rows(
        "select facts_made.run_id, facts_made.as_of from ledger.facts_made, run.clock "
        "where facts_made.as_of <= clock.as_of and made_with = ?",
        [_made_with(warehouse, beside)],
    )
    keys = {model: _key(warehouse, model) for model in models_made(warehouse, "facts")} if last else {}
    if not keys or not set(_ids()).issuperset(keys.values()) or not _gather(warehouse, last[0][1]):
        forget_facts(warehouse)
        return None
    for model, key in keys.items():
        _tell(warehouse, model, key)
    with warehouse.transaction():
        forget_facts(warehouse)
        for model, key in keys.items():
            fact = identifier(model.name)
            warehouse.run(f"delete from facts.{fact} where {key} in (from touched.{_changed(model)})")
            warehouse.run(
                f"insert into facts.{fact} by name from after.{fact} where {key} in (from touched.{_changed(model)})"
            )
    return Standing(*last[0])


def in_schema(select: str, **schemas: str) -> str:
    """A SELECT that reads other schemas in the place of those that it names."""
    for before, after in schemas.items():
        select = re.sub(rf"\b((?:from|join)\s+){before}\.", rf"\1{after}.", select, flags=re.IGNORECASE)
    return select


def _ids() -> list[str]:
    """The columns by which records name one another: the keys of the sources, and the customer."""
    return [*(source.key for source in sources()), "customer_id"]


def _links(source: Source) -> list[str]:
    return [column.name for column in source.columns if column.name in _ids()]


def _gather(warehouse: Warehouse, last: object) -> bool:
    """The ids and records that are touched. False when there are too many to be told by themselves."""
    for name in _ids():
        arrived = f"select distinct id from ledger.arrivals where name = {literal(name)} and id is not null"
        warehouse.run(f"create or replace table touched.{name} (id varchar)")
        warehouse.run(f"create or replace table touched.new_{name} as {arrived}")
    for source in sources():
        moments = [column.name for column in source.columns if column.type == "timestamp"]
        happened = " or ".join(f"{identifier(name)} > $last and {identifier(name)} <= as_of" for name in moments)
        warehouse.run(
            f"create or replace table touched.found as select {', '.join(map(identifier, _links(source)))} "
            f"from records.{source.id} cross join run.clock where {happened}",
            {"last": last},
        )
        for name in _links(source):
            warehouse.run(f"insert into touched.new_{name} select distinct {name} from touched.found")
    warehouse.run(f"insert into touched.new_return_id {_BY_CLOCK}", [last])
    return _follow(warehouse)


def _follow(warehouse: Warehouse) -> bool:
    """From what is touched to what hangs together with it, until nothing more is found."""
    many = f"select (select count(*) from touched.order_id) > {MOST} * (select count(*) from records.orders)"
    while fresh := _take_in(warehouse):
        if warehouse.value(many):
            return False
        for source in sources():
            if followed := fresh.intersection(_links(source)):
                where = " or ".join(f"{name} in (from touched.new_{name})" for name in sorted(followed))
                columns = ", ".join(map(identifier, _links(source)))
                found = f"select {columns} from records.{source.id} where {where}"
                warehouse.run(f"create or replace table touched.found as {found}")
                for name in _links(source):
                    warehouse.run(f"insert into touched.new_{name} select distinct {name} from touched.found")
    for source in sources():
        of_touched = f"from records.{source.id} where {identifier(source.key)} in (from touched.{source.key})"
        warehouse.run(f"create or replace table touched.{source.id} as {of_touched}")
    return True


def _take_in(warehouse: Warehouse) -> set[str]:
    """Add the ids that were found to those that are touched, and keep of them what is new. Returns of which names there are some."""
    for name in _ids():
        warehouse.run(
            f"create or replace table touched.new_{name} as select distinct id from touched.new_{name} as found (id) "
            f"anti join touched.{name} using (id) where id is not null"
        )
        warehouse.run(f"insert into touched.{name} from touched.new_{name}")
    counts = ", ".join(f"(select count(*) from touched.new_{name})" for name in _ids())
    return {name for name, rows in zip(_ids(), warehouse.rows(f"select {counts}")[0], strict=True) if rows}


def _key(warehouse: Warehouse, model: Model) -> str:
    """The first column of a fact, which is the id of the record that a row is about."""
    return str(warehouse.rows(f"describe facts.{identifier(model.name)}")[0][0])


def _tell(warehouse: Warehouse, model: Model, key: str) -> None:
    """A fact of the touched records, as it was and as it is, and the keys of rows that differ."""
    fact = identifier(model.name)
    warehouse.run(f"create or replace table before.{fact} as from facts.{fact} where {key} in (from touched.{key})")
    codes.create_fact(warehouse, model, in_schema(model.select, records="touched", facts="after"), "after")
    (one, other) = (
        f"from {a}.{fact} except all from {b}.{fact}" for a, b in (("before", "after"), ("after", "before"))
    )
    warehouse.run(
        f"create or replace table touched.{_changed(model)} as select distinct {key} as id from (({one}) union all ({other}))"
    )


def _changed(model: Model) -> str:
    return identifier(f"changed {model.name}")


def _made_with(warehouse: Warehouse, beside: str) -> str:
    """A fingerprint of what turns records into facts, and those into sums: settings, statements, engine, codes."""
    said = [beside, changes.made_with(warehouse), repr(sorted(settings_made_with(warehouse).items()))]
    said += [model.select for model in models_made(warehouse, "facts")]
    said += [Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8") for name in ("codes", "touched")]
    said.append(str(warehouse.value("select typeof(cast(null as code))")))
    return hashlib.sha256("\0".join(said).encode()).hexdigest()
