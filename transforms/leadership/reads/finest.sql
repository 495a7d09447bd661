-- A KPI's finest sums, to look for what explains its move; parameters: its id, first and last Monday.
select *
from kpi_slices
where kpi = ?
  and week between ? and ?
order by all
