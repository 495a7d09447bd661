-- Every KPI that is a ratio from the first of its month, quarter and year to the end of a week, and over as many days of the
-- same month, quarter and year before. One row per KPI, span and is_prior. value NULL = nothing below the line.
-- Parameter: the week's last day.
with days as (

    select
        kpi_daily.*,
        cast(? as date) as last_day,
        kpi_catalogue.per
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
        unnest([date_trunc('month', last_day), date_trunc('quarter', last_day), date_trunc('year', last_day)]) as first_day
    from days

),

placed as (

    select
        *,
        first_day - interval 1 year                                                                 as first_prior,
        day between first_day and last_day                                                          as is_now,
        day between first_day - interval 1 year
            and first_day - interval 1 year + (last_day - cast(first_day as date)) * interval 1 day as is_prior
    from spans

)

select
    kpi,
    span,
    is_prior,
    sum(numerator) / nullif(sum(denominator), 0)
        * any_value(per)                                                                              as value,
    count(distinct day)                                                                              as days,
    bool_or(status = 'provisional')                                                                  as is_provisional,
    cast(sum(denominator) as bigint)                                                                 as n
from placed
where is_now or is_prior
group by kpi, span, is_prior
order by all
