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
    and week = (select max(week) from marts.kpi_weekly where week + interval 7 day <= as_of at time zone 'UTC')
order by kpi
