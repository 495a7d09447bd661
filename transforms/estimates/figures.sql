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
        slices.kpi,
        periods.grain,
        periods.period,
        kpis.headline_statistic as statistic
    from (
        select distinct
            grain,
            period
        from cells.names
    ) as periods
    cross join cells.slices
    inner join run.kpis using (kpi)
    where slices.slice not in (select slice from cells.names)

),

named as (

    select
        estimates.cell,
        names.slice,
        slices.kpi,
        estimates.grain,
        names.period,
        estimates.statistic,
        estimates.value,
        estimates.ci_low,
        estimates.ci_high,
        estimates.n,
        estimates.numerator,
        estimates.denominator,
        -- The same slice at the period before and the year before: the days in a cell's number.
        estimates.cell - case
            when estimates.grain = 'month' then date_diff('day', names.period - interval 1 month, names.period) else 7
        end as prior_cell,
        estimates.cell - case
            when estimates.grain = 'month' then date_diff('day', names.period - interval 1 year, names.period) else 364
        end as prior_year_cell
    from estimates
    inner join cells.names on names.cell = estimates.cell
    inner join cells.slices using (slice)
    union all by name
    select
        *,
        0 as n
    from unobserved

),

-- A fault that is confined to a dimension withholds its slices and the pairs with it; any other the whole KPI.
withheld as (

    select
        slices.slice,
        min(withheld.reason) as reason
    from cells.slices
    inner join run.withheld on withheld.kpi = slices.kpi
    where withheld.dimension is null
        or contains(concat(' × ', slices.dimension, ' × '), concat(' × ', withheld.dimension, ' × '))
    group by slices.slice

),

judged as (

    select
        named.*,
        slices.dimension,
        slices.dimension_value,
        kpis.version         as definition_version,
        withheld.reason,
        clock.as_of,
        case named.grain
            when 'day' then named.period + interval 1 day
            when 'week' then named.period + interval 7 day
            when 'month' then named.period + interval 1 month
        end + kpis.window_days * interval 1 day > clock.as_of as is_provisional
    from named
    inner join cells.slices using (slice)
    inner join run.kpis on kpis.kpi = named.kpi
    cross join run.clock
    left join withheld on withheld.slice = named.slice

)

select
    judged.kpi,
    judged.grain,
    judged.period,
    judged.dimension,
    judged.dimension_value,
    judged.statistic,
    case when judged.reason is null then judged.value end       as value,
    case when judged.reason is null then judged.ci_low end      as ci_low,
    case when judged.reason is null then judged.ci_high end     as ci_high,
    judged.n,
    case when judged.reason is null then judged.numerator end   as numerator,
    case when judged.reason is null then judged.denominator end as denominator,
    case
        when judged.reason is not null then 'withheld'
        when judged.value is null and judged.n > 0 then 'not_reached'
        when judged.is_provisional then 'provisional'
        when judged.n < 30 then 'low_n'
        when judged.n >= 30 then 'final'
    end                                                         as status,
    -- A figure that may still move is compared with nothing; an earlier period of a final one is final.
    case when judged.reason is null and not judged.is_provisional then prior.value end      as prior_value,
    case when judged.reason is null and not judged.is_provisional then prior_year.value end as prior_year_value,
    targets.target,
    judged.definition_version,
    judged.as_of at time zone 'UTC'                             as as_of,
    judged.reason                                               as note
from judged
left join run.targets on targets.kpi = judged.kpi and targets.statistic = judged.statistic
left join estimates as prior
    on prior.cell = judged.prior_cell
    and prior.grain = judged.grain
    and prior.statistic = judged.statistic
left join estimates as prior_year
    on prior_year.cell = judged.prior_year_cell
    and prior_year.grain = judged.grain
    and prior_year.statistic = judged.statistic
