-- The observations behind every KPI, of the weeks that analysts drill into most. One row per KPI and observation.
-- numerator and denominator are NULL for durations; duration_hours and outcome for everything else.
select *
from sums.recent_observations
