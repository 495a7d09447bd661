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
        names.grain,
        names.period,
        estimates.statistic,
        estimates.value,
        estimates.ci_low,
        estimates.ci_high,
        estimates.n,
        estimates.numerator,
        estimates.denominator
    from estimates
    inner join cells.names using (cell)
    inner join cells.slices using (slice)
    union all by name
    select
        *,
        0 as n
    from unobserved

),

judged as (

    select
        named.* replace (
            case when withheld.kpi is null then named.value end       as value,
            case when withheld.kpi is null then named.ci_low end      as ci_low,
            case when withheld.kpi is null then named.ci_high end     as ci_high,
            case when withheld.kpi is null then named.numerator end   as numerator,
            case when withheld.kpi is null then named.denominator end as denominator
        ),
        withheld.reason,
        -- The same slice at the period before and the year before: the days of a cell's number.
        named.cell - case
            when named.grain = 'month' then date_diff('day', named.period - interval 1 month, named.period) else 7
        end                  as prior_cell,
        named.cell - case
            when named.grain = 'month' then date_diff('day', named.period - interval 1 year, named.period) else 364
        end                  as prior_year_cell,
        case named.grain
            when 'day' then named.period + interval 1 day
            when 'week' then named.period + interval 7 day
            when 'month' then named.period + interval 1 month
        end + kpis.window_days * interval 1 day > clock.as_of as is_provisional
    from named
    inner join run.kpis using (kpi)
    cross join run.clock
    left join run.withheld using (kpi)

),

settled as (

    select
        cell,
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
    slices.dimension,
    slices.dimension_value,
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
        when judged.n < 30 then 'low_n'
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
inner join cells.slices using (slice)
inner join run.kpis on kpis.kpi = judged.kpi
cross join run.clock
left join run.targets on targets.kpi = judged.kpi and targets.statistic = judged.statistic
left join settled as prior on prior.cell = judged.prior_cell and prior.statistic = judged.statistic
left join settled as prior_year on prior_year.cell = judged.prior_year_cell and prior_year.statistic = judged.statistic
