-- Every KPI by week, for all, each dimension and pairs of dimensions. One row per KPI, week, cell and statistic.
select
    kpi,
    period as week,
    dimension,
    dimension_value,
    statistic,
    value,
    ci_low,
    ci_high,
    n,
    numerator,
    denominator,
    status,
    prior_value,
    prior_year_value,
    target,
    definition_version,
    as_of,
    note
from estimates.figures
where grain = 'week'
