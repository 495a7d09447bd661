-- The finest sums of the KPIs that are a part of cases, or a duration, to be added up for any combination of their
-- dimensions: by week and all of them, for the last 60 weeks. One row per KPI, week and combination; a dimension that a
-- KPI does not have is NULL. For durations numerator is the hours waited within 30 days, an ended case counting all of
-- them (over denominator: the restricted mean, once the week is 30 days old), and hours_in_<n>_days those within the first
-- days of the case, however it ended; those of the stages add up to those of the whole. NULL for everything else.
select
    slices.* replace (
        cast(slices.numerator as double)   as numerator,
        cast(slices.denominator as double) as denominator
    )
from sums.slices_of_week as slices
cross join run.clock
inner join run.kpis on kpis.kpi = slices.kpi
anti join run.withheld on withheld.kpi = slices.kpi
anti join run.stopped
    on stopped.kpi = slices.kpi
    and slices.week + (7 + kpis.window_days) * interval 1 day > stopped.since
where slices.week >= cast(clock.as_of as date) - 60 * 7
