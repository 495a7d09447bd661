-- Every published figure that has another value now: published_value + the four parts = value. changed: what the part
-- definition_change comes from: the definition, a setting, how an extract is read, the facts, the estimates.
select
    week,
    kpi,
    statistic,
    dimension,
    dimension_value,
    published_value,
    published_at,
    published_status,
    published_version,
    value,
    late_data,
    corrections,
    definition_change,
    backfill,
    coalesce(changed, []) as changed,
    definition_version,
    as_of
from ledger.followed
where value <> published_value
