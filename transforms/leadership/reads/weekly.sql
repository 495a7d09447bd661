-- One row per KPI, statistic and week for everything together; parameters: first and last Monday.
select *
from kpi_weekly
where dimension = 'all'
  and week between ? and ?
order by kpi, statistic, week
