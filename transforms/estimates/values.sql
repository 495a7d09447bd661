-- Every published figure: the estimate, whether it is final, what it was a period and a year before.
-- One row per KPI, grain, period, cell and statistic. value NULL: withheld, not reached, or nothing to divide by.
-- Prior period: the week before (for a day the same weekday), the month before; prior year: 364 days, or 12 months.
with estimates as (

    select * from estimates.ratios
    union all
    select * from estimates.durations

),

-- A KPI of which nothing was observed has an empty row for every period of the release.
unobserved as (

    select
        slices.slice,
        periods.grain,
        periods.period,
        kpis.headline_statistic as statistic,
        null                    as value,
        null                    as ci_low,
        null                    as ci_high,
        0                       as n,
        null                    as numerator,
        null                    as denominator
    from (
        select distinct
            grain,
            period
        from estimates
    ) as periods
    cross join cells.slices
    inner join run.kpis using (kpi)
    where slices.slice not in (select slice from estimates)

),

judged as (

    select
        slices.kpi,
        slices.dimension,
        slices.dimension_value,
        estimates.slice,
        estimates.grain,
        estimates.period,
        estimates.statistic,
        case when withheld.kpi is null then estimates.value end   as value,
        case when withheld.kpi is null then estimates.ci_low end  as ci_low,
        case when withheld.kpi is null then estimates.ci_high end as ci_high,
        estimates.n,
        estimates.numerator,
        estimates.denominator,
        withheld.reason,
        case estimates.grain
            when 'day' then estimates.period + interval 1 day
            when 'week' then estimates.period + interval 7 day
            when 'month' then estimates.period + interval 1 month
        end + kpis.window_days * interval 1 day > clock.as_of as is_provisional
    from (
        select * from estimates
        union all
        select * from unobserved
    ) as estimates
    inner join cells.slices using (slice)
    inner join run.kpis on kpis.kpi = slices.kpi
    cross join run.clock
    left join run.withheld on withheld.kpi = slices.kpi

),

settled as (

    select
        slice,
        grain,
        period,
        statistic,
        value
    from judged
    where not is_provisional
        and value is not null

)

select
    judged.slice,
    judged.kpi,
    judged.grain,
    judged.period,
    judged.dimension,
    judged.dimension_value,
    judged.statistic,
    judged.value,
    judged.ci_low,
    judged.ci_high,
    judged.n,
    judged.numerator,
    judged.denominator,
    case
        when judged.reason is not null then 'withheld'
        when judged.value is null and judged.n > 0 then 'not_reached'
        when judged.is_provisional then 'provisional'
        when coalesce(judged.n, 0) < 30 then 'low_n'
        when judged.n >= 30 then 'final'
    end              as status,
    -- A figure that may still move is compared with nothing.
    case when not judged.is_provisional then prior.value end      as prior_value,
    case when not judged.is_provisional then prior_year.value end as prior_year_value,
    targets.target,
    kpis.version     as definition_version,
    clock.as_of at time zone 'UTC' as as_of,
    judged.reason    as note
from judged
inner join run.kpis using (kpi)
cross join run.clock
left join run.targets on targets.kpi = judged.kpi and targets.statistic = judged.statistic
left join settled as prior
    on prior.slice = judged.slice
    and prior.grain = judged.grain
    and prior.statistic = judged.statistic
    and prior.period = cast(
        judged.period - case when judged.grain = 'month' then interval 1 month else interval 7 day end as date
    )
left join settled as prior_year
    on prior_year.slice = judged.slice
    and prior_year.grain = judged.grain
    and prior_year.statistic = judged.statistic
    and prior_year.period = cast(
        judged.period - case when judged.grain = 'month' then interval 1 year else interval 364 day end as date
    )
