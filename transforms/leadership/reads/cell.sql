-- One figure; parameters: KPI, statistic, dimension, its value, Monday.
select *
from kpi_weekly
where kpi = ?
  and statistic = ?
  and dimension = ?
  and dimension_value = ?
  and week = ?
