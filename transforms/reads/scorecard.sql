-- The headline of every KPI in the last week that is over.
select
    strftime(week, '%G-W%V') as week,
    kpi,
    label,
    unit,
    statistic,
    value,
    ci_low,
    ci_high,
    n,
    status,
    note
from marts.kpi_weekly
inner join marts.kpi_catalogue using (kpi)
where dimension = 'all'
    and statistic = headline_statistic
    and week = (select max(period) from marts.periods where grain = 'week' and is_over)
order by kpi
