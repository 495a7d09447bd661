-- One row per KPI, statistic and month for everything together; parameters: first and last month.
select *
from kpi_monthly
where dimension = 'all'
  and month between ? and ?
order by kpi, statistic, month
