-- What one cell of a KPI is made of in a week: the values of every further dimension, the largest part first.
-- $given: the dimension that the cell is cut by, '' for none; its parts are those of the pairs with it.
-- contribution: what a part adds to the cell's value, its numerator over the cell's denominator, or its count; those of
-- a dimension add up to the value. NULL for durations, whose quantiles do not add up: share_of_n is the part's weight.
with cell as (

    select
        numerator,
        denominator,
        n
    from kpi_weekly
    where kpi = $kpi
        and week = $week
        and dimension = $dimension
        and dimension_value = $dimension_value
        and statistic = $statistic

),

parts as (

    select
        case
            when $given = '' then weekly.dimension
            when starts_with(weekly.dimension, $given || ' × ') then substr(weekly.dimension, length($given) + 4)
            when ends_with(weekly.dimension, ' × ' || $given)
                then substr(weekly.dimension, 1, length(weekly.dimension) - length($given) - 3)
        end as part,
        case
            when $given = '' then weekly.dimension_value
            when starts_with(weekly.dimension, $given || ' × ')
                and starts_with(weekly.dimension_value, $dimension_value || ' × ')
                then substr(weekly.dimension_value, length($dimension_value) + 4)
            when ends_with(weekly.dimension, ' × ' || $given)
                and ends_with(weekly.dimension_value, ' × ' || $dimension_value)
                then substr(weekly.dimension_value, 1, length(weekly.dimension_value) - length($dimension_value) - 3)
        end as part_value,
        weekly.*
    from kpi_weekly as weekly
    where weekly.kpi = $kpi
        and weekly.week = $week
        and weekly.statistic = $statistic
        and weekly.dimension <> 'all'
        and contains(weekly.dimension, ' × ') = ($given <> '')

)

select
    parts.part       as dimension,
    parts.part_value as dimension_value,
    parts.value,
    parts.ci_low,
    parts.ci_high,
    parts.n,
    parts.status,
    case
        when $kind = 'count' then parts.numerator
        when $kind <> 'duration' then $per * parts.numerator / nullif(cell.denominator, 0)
    end                         as contribution,
    parts.n / nullif(cell.n, 0) as share_of_n
from parts
cross join cell
where parts.part_value is not null
order by parts.part, abs(contribution) desc nulls last, parts.n desc, parts.part_value
