"""What became of the figures that left the house: each later difference, split into parts that add up to it exactly.

Every night adds its own step to the parts, so they telescope: published value + parts = value now.
"""

from __future__ import annotations

from pathlib import Path

from transforms import calculation
from transforms.cuts import cuts
from transforms.release import kpis_made
from transforms.warehouse import Warehouse, literal

PARTS = ("late_data", "corrections", "definition_change", "backfill")
_KEY = ("week", "kpi", "statistic", "dimension", "dimension_value")
_COLUMNS = (
    "week date, kpi varchar, statistic varchar, dimension varchar, dimension_value varchar, published_value double, "
    "published_at timestamptz, published_issue bigint, published_status varchar, published_version varchar, value double, "
    "definition_version varchar, as_of timestamptz, late_data double, corrections double, definition_change double, "
    "backfill double, changed varchar[]"
)


def create_tables(warehouse: Warehouse) -> None:
    """`ledger.followed`: every figure in its newest published issue, its value now, and the parts of the difference."""
    warehouse.run(f"create table if not exists ledger.followed ({_COLUMNS})")
    for column in ("published_issue bigint", "changed varchar[]"):
        warehouse.run(f"alter table ledger.followed add column if not exists {column}")
    calculation.create_tables(warehouse)


def follow(warehouse: Warehouse, rows_before: Path | None, is_backfill: bool) -> int:
    """Compare what was published with tonight's `marts.kpi_weekly`; returns how many figures moved tonight.

    rows_before: `kpi_rows.parquet` of the last night. A withheld figure is left as it was. Parts:

    definition_change  the KPI's definition is not the one of the night before, or a setting, the reading of its extracts,
                       the facts or the estimates that it is made with; `changed` names which (data of the same night go
                       with it)
    backfill           the night is one of a backfill
    late_data          what subjects add that were not there the night before, and time that passed
    corrections        the rest: subjects that were there and changed
    Late data and corrections are told apart for shares and rates of all and of single dimensions within the weeks of
    kpi_rows: value of tonight without the new subjects, less the value before, is corrections. Elsewhere a step is
    late data.
    """
    with warehouse.transaction():
        _adopt(warehouse)
        calculation.note_changed(warehouse)
        count = _note_moved(warehouse, rows_before if rows_before and rows_before.exists() else None, is_backfill)
    for table in ("moved", "split", "changed"):
        warehouse.run(f"drop table if exists temp.{table}")
    return count


def _note_moved(warehouse: Warehouse, rows_before: Path | None, is_backfill: bool) -> int:
    matched = " and ".join(f"followed.{name} = tonight.{name}" for name in _KEY)
    warehouse.run(
        "create or replace temp table moved as select tonight.*, followed.value as value_before, "
        "case when followed.definition_version <> tonight.definition_version then ['definition'] else [] end "
        "|| coalesce(changed.parts, []) as redefined from ledger.followed "
        f"inner join marts.kpi_weekly as tonight on {matched} left join changed on changed.kpi = tonight.kpi "
        "where tonight.value is not null and tonight.value <> followed.value"
    )
    # A definition that changed nothing tonight is not what changes a value tomorrow.
    warehouse.run(
        "update ledger.followed set definition_version = tonight.definition_version "
        f"from marts.kpi_weekly as tonight where {matched} and tonight.value = followed.value "
        "and tonight.definition_version <> followed.definition_version"
    )
    count = int(warehouse.value("select count(*) from moved"))
    if not count:
        return 0
    _split(warehouse, rows_before)
    to = "'backfill'" if is_backfill else "case when len(redefined) > 0 then 'definition_change' end"
    step = "step.value - step.value_before"
    added = {
        "late_data": "case when cause is null then step.late else 0 end",
        "corrections": "case when cause is null then step.corrected else 0 end",
        "definition_change": f"case when cause = 'definition_change' then {step} else 0 end",
        "backfill": f"case when cause = 'backfill' then {step} else 0 end",
    }
    sets = ", ".join(f"{part} = followed.{part} + {added[part]}" for part in PARTS)
    warehouse.run(
        f"update ledger.followed set value = step.value, definition_version = step.definition_version, as_of = step.as_of, "
        f"{sets}, changed = case when cause = 'definition_change' then "
        "list_sort(list_distinct(coalesce(followed.changed, []) || step.redefined)) else coalesce(followed.changed, []) end "
        f"from (select *, {to} as cause from split) as step where {matched.replace('tonight.', 'step.')}"
    )
    return count


def _adopt(warehouse: Warehouse) -> None:
    """Follow the newest issue of every published figure, from the value it left with."""
    matched = " and ".join(f"followed.{name} = newest.{name}" for name in _KEY)
    newest = (
        f"(select * from ledger.published_numbers qualify row_number() over (partition by {', '.join(_KEY)} "
        "order by issue desc, published_at desc) = 1) as newest"
    )
    # By the count of issues: the clock may have been set back between two.
    warehouse.run(
        f"delete from ledger.followed using {newest} where {matched} and newest.issue is distinct from followed.published_issue"
    )
    warehouse.run(
        "insert into ledger.followed by name select week, kpi, statistic, dimension, dimension_value, value as published_value, "
        "published_at, issue as published_issue, status as published_status, version as published_version, value, definition_version, as_of, "
        f"0 as late_data, 0 as corrections, 0 as definition_change, 0 as backfill, [] as changed from {newest} "
        f"where not exists (select 1 from ledger.followed where {matched})"
    )


def _split(warehouse: Warehouse, rows_before: Path | None) -> None:
    """Temp table `split`: `moved` with the parts `late` and `corrected` of its difference."""
    if rows_before is None:
        warehouse.run(
            "create or replace temp table split as select *, value - value_before as late, 0.0::double as corrected from moved"
        )
        return
    path = literal(str(rows_before))
    weeks = "select distinct kpi, week from moved"
    for name, relation in {"rows_before": f"read_parquet({path})", "rows_now": "draft.kpi_rows"}.items():
        warehouse.run(
            f"create or replace temp table {name} as select r.*, w.week from {relation} as r inner join ({weeks}) as w "
            "on w.kpi = r.kpi and w.week = cast(date_trunc('week', r.observed_on) as date) where r.denominator is not null"
        )
    branches = [
        f"select kpi, week, {cut.names}, is_new, numerator, denominator from marked "
        f"where {' and '.join([f'kpi = {literal(k.id)}', *cut.where])}"
        for k in kpis_made(warehouse)
        if not k.is_duration
        for cut in cuts(k)
        if len(cut.dimensions) < 2 and cut.base is None
    ]
    warehouse.run(
        f"""create or replace temp table split as
        with marked as (
            select *, (kpi, subject_id) not in (select (kpi, subject_id) from rows_before) as is_new from rows_now
        ),
        slices as (
            select kpi, week, dimension, dimension_value, sum(numerator) as numerator, sum(denominator) as denominator,
                coalesce(sum(numerator) filter (where is_new), 0) as new_numerator,
                coalesce(sum(denominator) filter (where is_new), 0) as new_denominator
            from ({" union all ".join(branches)})
                as s (kpi, week, dimension, dimension_value, base, base_value, is_new, numerator, denominator)
            group by all
        ),
        without_new as (
            select moved.*,
                case when slices.numerator is distinct from moved.numerator or slices.denominator is distinct from moved.denominator
                    then null
                    when new_numerator = 0 and new_denominator = 0 then moved.value
                    else per * (slices.numerator - new_numerator) / nullif(slices.denominator - new_denominator, 0) end as kept
            from moved inner join run.kpis using (kpi) left join slices using (kpi, week, dimension, dimension_value)
        )
        select * exclude (kept), value - coalesce(kept, value_before) as late,
            (value - value_before) - (value - coalesce(kept, value_before)) as corrected
        from without_new"""
    )
    for name in ("rows_before", "rows_now"):
        warehouse.run(f"drop table temp.{name}")
