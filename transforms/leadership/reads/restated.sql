-- Totals that were settled when they were published, and have another value now.
select
    restatements.week,
    restatements.kpi,
    restatements.statistic,
    published_value,
    published_at,
    restatements.value,
    late_data,
    corrections,
    definition_change,
    backfill,
    changed
from restatements
inner join kpi_weekly
    on kpi_weekly.week = restatements.week
    and kpi_weekly.kpi = restatements.kpi
    and kpi_weekly.statistic = restatements.statistic
    and kpi_weekly.dimension = restatements.dimension
where restatements.dimension = 'all'
    and published_status in ('final', 'low_n')
    and kpi_weekly.n >= ?
order by restatements.kpi, restatements.week, restatements.statistic
