select
    max(as_of) as as_of,
    count(*) as weekly_rows,
    count(distinct kpi) filter (where status = 'withheld') as kpis_withheld
from kpi_weekly
