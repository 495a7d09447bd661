-- Every duration as a whole from the first of its month, quarter and year to the end of a week, and over as many days a
-- year before. One row per KPI, statistic, span and is_prior. value NULL = not reached. Parameter: the week's Monday.
with spans as (

    select
        *,
        unnest([false, true]) as is_prior
    from kpi_to_date
    where week = cast(? as date)
        and dimension = 'all'

)

select
    kpi,
    statistic,
    span,
    is_prior,
    case when is_prior then prior_year_value else value end as value,
    last_day - first_day + 1                                as days,
    case when is_prior then prior_year_n else n end         as n
from spans
where not is_prior or prior_year_n is not null
order by all
