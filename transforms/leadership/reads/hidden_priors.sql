-- Rows of the weeks compared with that must not be shown, so that a prior value cannot show them either;
-- parameters: the two Mondays, and the smallest n that may leave the analysts' circle.
select
    kpi,
    dimension,
    dimension_value,
    statistic,
    week
from kpi_weekly
where week in (?, ?)
  and (status in ('withheld', 'suppressed') or n < ?)
order by all
