-- Cells that counted the same in every recent week: those who leave one stage enter the next, and a return without a
-- carrier has no resolution either. `counted`: n, or the numerator of the KPI's own value. One `link` per count.
-- Parameters: the first and the last Monday; the fewest weeks and cases that are no coincidence.
with own as (

    select
        kpi,
        dimension,
        dimension_value,
        week,
        n,
        numerator
    from kpi_weekly
    where week between ? and ?
    qualify
        row_number() over (
            partition by kpi, dimension, dimension_value, week
            order by statistic <> 'value', statistic
        ) = 1

),

counts as (

    select
        kpi,
        dimension,
        dimension_value,
        week,
        'n' as counted,
        n   as cases
    from own
    union all
    select
        kpi,
        dimension,
        dimension_value,
        week,
        'numerator' as counted,
        numerator   as cases
    from own

),

series as (

    select
        kpi,
        dimension,
        dimension_value,
        counted,
        list((week, cast(cases as double)) order by week) as weeks
    from counts
    where cases > 0
    group by kpi, dimension, dimension_value, counted
    having count(*) >= ?
        and sum(cases) >= ?

)

select
    kpi,
    dimension,
    dimension_value,
    counted,
    dense_rank() over (order by weeks) as link
from series
qualify count(*) over (partition by weeks) > 1
order by link, kpi, dimension, dimension_value, counted
