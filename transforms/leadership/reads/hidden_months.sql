-- The same for months, of everything together.
-- is_small: of too few cases, not only withheld. A row of no cases is small to nobody, but compares with nothing.
-- Parameters: the smallest n that may leave the analysts' circle, the same again, the first and the last month.
select
    kpi,
    dimension,
    dimension_value,
    month,
    bool_or(coalesce(status = 'suppressed', false) or n between 1 and ? - 1) as is_small
from kpi_monthly
where (status in ('withheld', 'suppressed') or n < ?)
  and dimension = 'all'
  and month between ? and ?
group by all
order by all
