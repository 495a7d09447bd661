select distinct
    kpi,
    note as reason
from kpi_weekly
where status = 'withheld'
order by kpi
