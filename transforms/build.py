"""From records to marts: runs the SQL models layer by layer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, date, datetime
from graphlib import TopologicalSorter
from typing import Any

from transforms import nowcasts, strata, to_date
from transforms.codes import create_fact, make_terms
from transforms.models import HORIZONS, MOST_PER, Kpi, Model, ModelError, kpis, sources
from transforms.release import kpis_made, models_made, set_given
from transforms.sums import PART
from transforms.voice.patterns import make_macros
from transforms.warehouse import Warehouse, identifier, literal

DEFAULT_SLA_DAYS = 14


def set_clock(
    warehouse: Warehouse, as_of: datetime, zone: str = "UTC", market_zones: Mapping[str, str] | None = None
) -> None:
    """Fix the moment the run is about (an aware datetime): what happened later has not happened. And whose days count.

    zone: the IANA time zone of days and weeks; market_zones: those of markets with one of their own. In the tables UTC is
    NULL, and a market on the common clock has no row: a business that lives by UTC converts nothing. Raises ModelError for
    a zone that the engine does not know.
    """
    warehouse.run("create schema if not exists run")
    moment = as_of.astimezone(UTC).replace(tzinfo=None)
    own = {market: its for market, its in (market_zones or {}).items() if its != zone}
    known = (
        {row[0] for row in warehouse.rows("select name from pg_timezone_names()")} if own or zone != "UTC" else {"UTC"}
    )
    if unknown := {zone, *own.values()} - known:
        raise ModelError(
            f"settings: the engine knows no time zone {', '.join(sorted(unknown))}; use an IANA name of a city"
        )
    warehouse.run(
        "create or replace table run.clock as select cast(? as timestamp) as as_of, cast(? as varchar) as zone",
        [moment, None if zone == "UTC" else zone],
    )
    warehouse.run("create or replace table run.zones (market varchar, zone varchar)")
    for market, its in own.items():
        warehouse.run("insert into run.zones values (?, ?)", [market, its])


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


def set_sla(warehouse: Warehouse, terms: Iterable[tuple[str | None, int, date]] = ()) -> None:
    """Within how many days a refund is to be with the customer: (market, or None for all others; days; from when on).

    What no term covers has DEFAULT_SLA_DAYS.
    """
    warehouse.run("create schema if not exists run")
    warehouse.run("create or replace table run.sla (market varchar, days integer, valid_from date)")
    first = [(None, DEFAULT_SLA_DAYS, date(1, 1, 1))]
    for term in {(market, since): (market, days, since) for market, days, since in [*first, *terms]}.values():
        warehouse.run("insert into run.sla values (?, ?, ?)", list(term))


def set_stage_targets(warehouse: Warehouse, terms: Iterable[tuple[str, float, date]] = ()) -> None:
    """Table run.stage_targets: within how many hours of its beginning a stage that begins from a day on is to be finished.

    terms: stage, hours, the day from which on; each holds until the stage's next. Other stages have no target.
    """
    warehouse.run("create schema if not exists run")
    _set_terms(warehouse, "stage_targets", "stage varchar, hours double", [list(term) for term in terms])


def _set_terms(warehouse: Warehouse, table: str, columns: str, terms: list[list[Any]]) -> None:
    """A table of run of what holds from a day on (the last column given), until another of the same name does."""
    warehouse.run(f"create or replace table run.{table} ({columns}, valid_from date, valid_until date)")
    for term in terms:
        later = [other[-1] for other in terms if other[:-2] == term[:-2] and other[-1] > term[-1]]
        row = [*term, min(later, default=date.max)]
        warehouse.run(f"insert into run.{table} values ({', '.join('?' * len(row))})", row)


def set_kpis(warehouse: Warehouse, targets: Iterable[tuple[str, float, date]], given: Iterable[str] = ()) -> None:
    """What the marts need to know of each KPI, and the targets (`kpi` or `kpi.statistic`, value, from when on).

    given: the names of the settings that are there, for what is made with them only.
    """
    set_given(warehouse, given)
    make_terms(warehouse)
    made = kpis_made(warehouse)
    longest = warehouse.value("select max(days) from run.sla")
    warehouse.run(
        "create or replace table run.kpis (kpi varchar, label varchar, question varchar, kind varchar, unit varchar, "
        "per integer, better varchar, anchor varchar, grain varchar, dimensions varchar[], numerator_dimensions varchar[], "
        "window_days integer, owner varchar, statistics varchar[], headline_statistic varchar, definition varchar, version varchar, "
        "changes varchar[], sources varchar[], within varchar, part_of varchar)"
    )
    for k in made:
        row = [k.id, k.label, k.question, k.kind, k.unit, k.per, k.better, k.anchor, k.grain, list(k.all_dimensions)]
        row += [list(k.numerator_dimensions)]
        row += [
            max(k.window_days, longest if k.window == "sla" else 0),
            k.owner,
            list(k.statistics),
            k.headline_statistic,
            k.definition,
            k.version,
        ]
        row += [list(k.changes), list(k.sources), k.within or None, k.part_of or None]
        warehouse.run(f"insert into run.kpis values ({', '.join('?' * len(row))})", row)
    warehouse.run("create or replace table run.statistics (kpi varchar, statistic term, window_days integer)")
    for k in made:
        agreed = longest if k.window == "sla" else 0
        for name, days in k.windows.items():
            warehouse.run("insert into run.statistics values (?, ?, ?)", [k.id, name, max(days, agreed)])
    known, terms = {k.id: k for k in kpis()}, []
    for name, value, since in targets:
        kpi, _, statistic = name.partition(".")
        if kpi not in known:
            raise ModelError(f"settings: targets: no KPI {kpi!r}; there are: {', '.join(known)}")
        if statistic and statistic not in known[kpi].statistics:
            there_are = ", ".join(known[kpi].statistics)
            raise ModelError(f"settings: targets: {kpi} has no statistic {statistic!r}; there are: {there_are}")
        terms.append([kpi, statistic or known[kpi].headline_statistic, value, since])
    _set_terms(warehouse, "targets", "kpi varchar, statistic varchar, target double", terms)


def set_withheld(warehouse: Warehouse, reasons: Mapping[str, str]) -> None:
    """Which KPIs are not published tonight, and why; `kpi by dimension` names the slices of one dimension."""
    warehouse.run("create or replace table run.withheld (kpi varchar, dimension varchar, reason varchar)")
    for name, reason in reasons.items():
        kpi, _, dimension = name.partition(" by ")
        warehouse.run("insert into run.withheld values (?, ?, ?)", [kpi, dimension or None, reason])


def build_layer(warehouse: Warehouse, layer: str, kind: str = "table", only: Collection[Model] | None = None) -> None:
    """Create every model of a layer, or of those in `only`; two at a time, each when what it reads of the layer is there.

    An estimate that reads estimates is a view: it is written once, into the marts; a fact that is made of facts is read by
    several KPIs.
    """
    warehouse.run(f"create schema if not exists {layer}")
    chosen = {model.table: model for model in models_made(warehouse, layer) if only is None or model in only}
    order = TopologicalSorter({table: model.reads & chosen.keys() for table, model in chosen.items()})
    order.prepare()
    with ThreadPoolExecutor(2) as pool:
        running: dict[Future[None], str] = {}
        while order.is_active():
            for table in order.get_ready():
                is_view = kind == "view" or (layer == "estimates" and chosen[table].reads_layer(layer))
                running[pool.submit(_create, warehouse, chosen[table], "view" if is_view else "table")] = table
            for made in wait(running, return_when=FIRST_COMPLETED).done:
                made.result()
                order.done(running.pop(made))


def _create(warehouse: Warehouse, model: Model, kind: str) -> None:
    with warehouse.session() as session:
        if model.layer == "facts" and kind == "table":
            create_fact(session, model)
        else:
            session.run(f"create or replace {kind} {model.layer}.{identifier(model.name)} as {model.select}")


def estimate_beside_curves(warehouse: Warehouse) -> None:
    """What is made of observations and sums, and of no curve, in a session of its own: for another thread."""
    with warehouse.session() as session:
        strata.count_strata(session)
        nowcasts.add_nowcasts(session)
        to_date.count_to_date(session)


def count_rows(warehouse: Warehouse, table: str) -> int:
    """Rows of a table or view."""
    return int(warehouse.value(f"select count(*) from {table}"))


def list_observations(warehouse: Warehouse, row_weeks: int, told: Collection[str] = ()) -> None:
    """All KPIs' observations under one another, for drilling down; `row_weeks`: how many weeks are published.

    told: of these KPIs sums.new_observations has the rows of touched records only.
    """
    warehouse.run("create or replace table run.horizon as select cast(? as integer) as row_weeks", [row_weeks])
    made = kpis_made(warehouse)
    columns = dict.fromkeys(name for k in made for name in k.all_dimensions)
    # With the day as a constant in every branch the engine passes over older rows before it joins them.
    day = warehouse.value("select cast(as_of as date) - row_weeks * 7 from run.clock cross join run.horizon")
    recent = f" where observed_on >= date '{day:%Y-%m-%d}'"

    def rows_of(k: Kpi, schema: str) -> str:
        own = [identifier(name) if name in k.all_dimensions else f"null as {identifier(name)}" for name in columns]
        figures = "numerator, denominator, null::double as duration_hours, null as outcome"
        if k.is_duration:
            figures = "null::integer as numerator, null::integer as denominator, duration_hours, outcome"
        return (
            f"select cast('{k.id}' as code) as kpi, observed_on, subject_id, order_id, {', '.join(own)}, {figures} "
            f"from {schema}.{k.id}"
        )

    views = {
        "observations": [rows_of(k, "kpis") for k in made],
        "recent_observations": [rows_of(k, "kpis") + recent for k in made],
        "new_observations": [rows_of(k, PART if k.id in told else "kpis") + recent for k in made],
    }
    warehouse.run("create schema if not exists sums")
    for name, rows in views.items():
        warehouse.run(f"create or replace view sums.{name} as {' union all '.join(rows)}")


def list_slices(warehouse: Warehouse) -> None:
    """Sums by week and all dimensions under one another, for looking into what moved, as a view.

    Of the KPIs that are a part of cases, or a duration; not of stocks, of parts of one whole, or over other than cases.
    """
    made = kpis_made(warehouse)
    columns = dict.fromkeys(name for k in made for name in k.all_dimensions)
    parts = []
    for k in made:
        if k.kind in ("mix", "count") or k.per > MOST_PER:
            continue
        own = [identifier(name) if name in k.all_dimensions else f"null as {identifier(name)}" for name in columns]
        # The day's sums do not know when in its case a part of it began: of durations the rows themselves are added up.
        rows, figures = (f"kpis.{k.id}", _hours(k)) if k.is_duration else (f"sums.{k.id}", _COUNTED)
        week = "cast(date_trunc('week', observed_on) as date) as week"
        headline = " and ".join(f"{identifier(name)} = {literal(value)}" for name, value in k.headline) or "true"
        parts.append(
            f"select cast('{k.id}' as code) as kpi, {week}, {', '.join(own)}, {figures} from {rows} where {headline} group by all"
        )
    warehouse.run(f"create or replace view sums.slices_of_week as {' union all by name '.join(parts)}")


_COUNTED = "sum(numerator) as numerator, sum(denominator) as denominator"


def _hours(k: Kpi) -> str:
    """A duration over its cases: hours within 30 days, an ended case counting all of them, as in the restricted mean.

    And the hours within the first so many days of the case, which are what they are, however it ended: those of the parts
    add up to those of the case.
    """
    # Whole seconds, as in the curves, and whole microseconds: a sum of fractions depends on the order it is added up in.
    lasted = "cast(floor(duration_hours * 3600 + 1e-6) as bigint)"
    figures = f"sum(case when outcome = 'ended' then 2592000 else least({lasted}, 2592000) end) / 3600 as numerator, "
    figures += "cast(count(*) as double) as denominator"
    begun = "begun_after_hours" if k.part_of else "0"
    for days in HORIZONS:
        hours = f"least(duration_hours, greatest({days * 24} - {begun}, 0))"
        figures += f", sum(cast(round({hours} * 3.6e9) as bigint)) / 3.6e9 as hours_in_{days}_days"
    return figures


def list_comments(warehouse: Warehouse) -> None:
    """What customers wrote in the weeks that `list_observations` publishes: redacted and with its themes, as a view."""
    make_macros(warehouse)
    build_layer(warehouse, "voice", "view")
