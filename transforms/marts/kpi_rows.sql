-- The observations behind every KPI, of the weeks that analysts drill into most. One row per KPI and observation.
-- numerator and denominator are NULL for durations; duration_hours and outcome for everything else.
select observations.*
from sums.observations
cross join run.clock
cross join run.horizon
where observations.observed_on >= cast(clock.as_of as date) - horizon.row_weeks * 7
