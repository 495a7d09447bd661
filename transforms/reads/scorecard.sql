-- The headline of every KPI in the last week that is over; without a value where nothing can be measured of it yet.
with latest as (

    select max(period) as week
    from marts.periods
    where grain = 'week' and is_over

)

select
    strftime(latest.week, '%G-W%V') as week,
    kpi_catalogue.kpi,
    kpi_catalogue.label,
    kpi_catalogue.unit,
    kpi_catalogue.headline_statistic as statistic,
    figures.value,
    figures.ci_low,
    figures.ci_high,
    figures.n,
    figures.status,
    figures.note
from latest
cross join marts.kpi_catalogue
left join marts.kpi_weekly as figures
    on figures.kpi = kpi_catalogue.kpi
    and figures.statistic = kpi_catalogue.headline_statistic
    and figures.dimension = 'all'
    and figures.week = latest.week
where latest.week is not null
order by kpi_catalogue.kpi
