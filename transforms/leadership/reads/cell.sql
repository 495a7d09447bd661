-- One figure, week by week; parameters: KPI, statistic, dimension, its value, first and last Monday.
select *
from kpi_weekly
where kpi = ?
  and statistic = ?
  and dimension = ?
  and dimension_value = ?
  and week between ? and ?
order by week
