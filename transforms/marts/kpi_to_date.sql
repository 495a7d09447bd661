-- Durations from the first of a month, quarter and year to the end of a week, and over as many days a year before: the
-- curve over all of these days, not a mean of weeks. Of the two latest weeks that are over; as a whole, or by the dimension
-- that a KPI is told within. One row per KPI, week, dimension value, span and statistic. value NULL: not reached.
with own as (

    select to_date.*
    from sums.to_date
    anti join run.withheld
        on withheld.kpi = to_date.kpi
        and (withheld.dimension is null or withheld.dimension = to_date.dimension)
    anti join run.stopped on stopped.kpi = to_date.kpi and to_date.last_day + interval 1 day > stopped.since

)

select
    now.kpi,
    now.week,
    now.span,
    now.first_day,
    now.last_day,
    now.dimension,
    now.dimension_value,
    now.statistic,
    now.value,
    now.ci_low,
    now.ci_high,
    now.n,
    prior.first_day as prior_year_first_day,
    prior.last_day  as prior_year_last_day,
    prior.value     as prior_year_value,
    prior.n         as prior_year_n
from own as now
left join own as prior
    on prior.kpi = now.kpi
    and prior.week = now.week
    and prior.span = now.span
    and prior.dimension_value = now.dimension_value
    and prior.statistic = now.statistic
    and prior.is_prior
where not now.is_prior
