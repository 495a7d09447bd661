-- Every statistic of one cell of a KPI in a week: its value, whether it is final, and since when, or from when on.
select
    weekly.statistic,
    weekly.value,
    weekly.ci_low,
    weekly.ci_high,
    weekly.n,
    weekly.numerator,
    weekly.denominator,
    weekly.status,
    weekly.prior_value,
    weekly.prior_year_value,
    weekly.target,
    weekly.definition_version,
    weekly.as_of,
    weekly.note,
    periods.ends_at
    + statistic_window_days[list_position(statistics, weekly.statistic)] * interval 1 day as final_at
from kpi_weekly as weekly
inner join kpi_catalogue using (kpi)
inner join periods on periods.grain = 'week' and periods.period = weekly.week
where weekly.kpi = $kpi
    and weekly.week = $week
    and weekly.dimension = $dimension
    and weekly.dimension_value = $dimension_value
order by list_position(statistics, weekly.statistic)
