-- Every row of one week, single dimensions and pairs; parameter: its Monday.
select *
from kpi_weekly
where week = ?
order by kpi, dimension, dimension_value, statistic
