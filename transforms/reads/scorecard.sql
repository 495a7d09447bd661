-- The headline of every KPI in the last week that is over. Status 'no_data': none of that week's cases can be measured
-- yet, or there are none; the note then names the latest week that has a row.
with latest as (

    select max(period) as week
    from marts.periods
    where grain = 'week' and is_over

),

headlines as (

    select figures.*
    from marts.kpi_catalogue
    join marts.kpi_weekly as figures
        on figures.kpi = kpi_catalogue.kpi
        and figures.statistic = kpi_catalogue.headline_statistic
    where figures.dimension = 'all'

),

known as (

    select
        headlines.kpi,
        max(headlines.week) as week
    from headlines
    cross join latest
    where headlines.week <= latest.week
    group by headlines.kpi

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
    coalesce(figures.status, 'no_data') as status,
    case
        when figures.kpi is not null then figures.note
        when known.week is not null then 'its latest week is ' || strftime(known.week, '%G-W%V')
        else 'it has no week yet'
    end as note
from latest
cross join marts.kpi_catalogue
left join headlines as figures
    on figures.kpi = kpi_catalogue.kpi
    and figures.week = latest.week
left join known
    on known.kpi = kpi_catalogue.kpi
where latest.week is not null
order by kpi_catalogue.kpi
