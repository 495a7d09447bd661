-- The same for months, of everything together.
-- Parameters: the smallest n that may leave the analysts' circle, the first and the last month.
select
    kpi,
    dimension,
    dimension_value,
    statistic,
    month
from kpi_monthly
where (status in ('withheld', 'suppressed') or n < ?)
  and dimension = 'all'
  and month between ? and ?
order by all
