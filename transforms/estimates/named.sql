-- Every estimate of a night under one another: one row per cell and statistic. note: what is to be said beside it.
-- A KPI of which nothing was observed has an empty row for every period of the release.
with estimates as (

    select * from estimates.ratios
    union all
    select * from estimates.durations
    union all by name
    select * from sums.nowcasts
    union all by name
    select * from estimates.weighted

)

select * from estimates
union all by name
select
    slices.slice * cast(300000 as bigint) + periods.place as cell,
    cast(periods.grain as term)                           as grain,
    cast(kpis.headline_statistic as term)                 as statistic,
    0                                                     as n
from estimates.periods
cross join cells.slices
inner join run.kpis using (kpi)
where slices.dimension = 'all' and slices.slice not in (select cell // 300000 from estimates)
