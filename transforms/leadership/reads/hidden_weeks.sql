-- Rows of earlier weeks that must not be shown, so that a prior value cannot show them either: of everything together
-- for any week, of slices for the two weeks compared with.
-- Parameters: the smallest n that may leave the analysts' circle, the first and the last Monday, the two Mondays.
select
    kpi,
    dimension,
    dimension_value,
    statistic,
    week
from kpi_weekly
where (status in ('withheld', 'suppressed') or n < ?)
  and (dimension = 'all' and week between ? and ? or week in (?, ?))
order by all
