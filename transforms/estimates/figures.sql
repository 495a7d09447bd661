-- Every published figure: the estimate, whether it is final, what it was a period and a year before.
-- One row per KPI, grain, period, cell and statistic. value NULL: withheld, not reached, or nothing to divide by.
-- Prior period: the week before (for a day the same weekday), the month before; prior year: 364 days, or 12 months.
with

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

-- What a figure's cell stands for is looked up by whole numbers, once for each part of the cell's number.
slices as (

    select
        slices.slice,
        cast(slices.kpi as term)              as kpi,
        cast(slices.dimension as term)        as dimension,
        cast(slices.dimension_value as label) as dimension_value,
        cast(kpis.version as label)           as definition_version,
        withheld.reason
    from cells.slices
    inner join run.kpis using (kpi)
    left join withheld using (slice)

),

-- A source that stopped withholds what is settled later, of the KPIs that need it: nothing would read as 0.
stopped as (

    select * replace (cast(kpi as term) as kpi)
    from run.stopped

),

periods as (

    select * replace (cast(grain as term) as grain)
    from estimates.periods

),

targets as (

    select * replace (cast(kpi as term) as kpi, cast(statistic as term) as statistic)
    from run.targets

),

statistics as (

    select * replace (cast(kpi as term) as kpi)
    from run.statistics

),

judged as (

    select
        named.*,
        slices.kpi,
        slices.dimension,
        slices.dimension_value,
        slices.definition_version,
        coalesce(
            slices.reason,
            case when periods.ends_at + statistics.window_days * interval 1 day > stopped.since then stopped.reason end
        )                                                as reason,
        periods.period,
        clock.as_of,
        periods.ends_at + statistics.window_days * interval 1 day > clock.as_of as is_provisional,
        named.cell - periods.to_prior                    as prior_cell,
        named.cell - periods.to_prior_year               as prior_year_cell
    from estimates.named as named
    inner join slices on slices.slice = named.cell // 300000
    inner join periods on periods.place = named.cell % 300000
    inner join statistics on statistics.kpi = slices.kpi and statistics.statistic = named.statistic
    left join stopped on stopped.kpi = slices.kpi
    cross join run.clock

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
        when judged.reason is not null then cast('withheld' as term)
        when judged.value is null and judged.n > 0 then cast('not_reached' as term)
        when judged.is_provisional then cast('provisional' as term)
        when judged.n < 30 then cast('low_n' as term)
        when judged.n >= 30 then cast('final' as term)
    end                                                         as status,
    -- A figure that may still move is compared with nothing; an earlier period of a final one is final.
    case when judged.reason is null and not judged.is_provisional then prior.value end      as prior_value,
    case when judged.reason is null and not judged.is_provisional then prior_year.value end as prior_year_value,
    targets.target,
    judged.definition_version,
    judged.as_of at time zone 'UTC'                             as as_of,
    coalesce(judged.reason, judged.note)                        as note
from judged
left join targets
    on targets.kpi = judged.kpi
    and targets.statistic = judged.statistic
    and judged.period between targets.valid_from and targets.valid_until - 1
left join estimates.named as prior
    on prior.cell = judged.prior_cell
    and prior.grain = judged.grain
    and prior.statistic = judged.statistic
left join estimates.named as prior_year
    on prior_year.cell = judged.prior_year_cell
    and prior_year.grain = judged.grain
    and prior_year.statistic = judged.statistic
