-- Rows of earlier weeks that must not be shown, so that a prior value cannot show them either: of everything together
-- for any week, of slices for the two weeks compared with.
-- is_small: of too few cases, not only withheld. A row of no cases is small to nobody, but compares with nothing.
-- Parameters: the smallest n that may leave the analysts' circle, the same again, the first and the last Monday, the two Mondays.
select
    kpi,
    dimension,
    dimension_value,
    week,
    bool_or(coalesce(status = 'suppressed', false) or n between 1 and ? - 1) as is_small
from kpi_weekly
where (status in ('withheld', 'suppressed') or n < ?)
  and (dimension = 'all' and week between ? and ? or week in (?, ?))
group by all
order by all
