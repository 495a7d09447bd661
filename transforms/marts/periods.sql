-- The days, weeks and months that are published, and when each was over everywhere. One row per grain and period.
select
    periods.grain,
    periods.period,
    periods.ends_at at time zone 'UTC' as ends_at,
    periods.ends_at <= clock.as_of     as is_over
from estimates.periods
cross join run.clock
