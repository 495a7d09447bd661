-- Every KPI that is a ratio from the first of its month, quarter and year to the end of a week, and over as many days of the
-- same month, quarter and year before. Only days that cannot move any more count, and of the year before as many: a figure
-- that is still filling up is compared with nothing. No year before where the history does not reach back so far. One row
-- per KPI, span and is_prior. value NULL = nothing below the line. Parameter: the week's last day.
with days as (

    select
        kpi_daily.*,
        kpi_catalogue.per,
        cast(? as date)                                                     as week_end,
        min(day) over (partition by kpi)                                    as history_starts,
        max(day)
            filter (where coalesce(status, '') not in ('provisional', 'withheld') and day <= week_end)
            over (partition by kpi)                                         as last_day
    from kpi_daily
    inner join kpi_catalogue using (kpi)
    where dimension = 'all'
        and statistic = 'value'
        and kpi_catalogue.kind in ('share', 'net_share', 'rate')

),

spans as (

    select
        *,
        unnest(['month', 'quarter', 'year'])                                                        as span,
        unnest([date_trunc('month', week_end), date_trunc('quarter', week_end), date_trunc('year', week_end)]) as first_day
    from days

),

placed as (

    select
        *,
        day between first_day and last_day                                                          as is_now,
        history_starts <= first_day - interval 1 year
            and day between first_day - interval 1 year
            and first_day - interval 1 year + (last_day - cast(first_day as date)) * interval 1 day as is_prior
    from spans

)

select
    kpi,
    statistic,
    span,
    is_prior,
    sum(numerator) / nullif(sum(denominator), 0)
        * any_value(per)                                                                              as value,
    count(distinct day)                                                                              as days,
    cast(sum(denominator) as bigint)                                                                 as n
from placed
where is_now or is_prior
group by kpi, statistic, span, is_prior
order by all
