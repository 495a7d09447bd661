-- The history of every KPI as a whole and of each group, for telling signal from noise: parameters: first and last Monday.
select *
from kpi_weekly
where week between ? and ?
  and statistic in ('value', 'restricted_mean')
  and not contains(dimension, ' × ')
order by kpi, dimension, dimension_value, week
