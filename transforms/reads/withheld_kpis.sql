select
    kpi,
    case when bool_or(dimension = 'all') then 'all of it' else concat('by ', string_agg(distinct dimension, ', ' order by dimension)) end as withheld,
    note as reason
from kpi_weekly
where status = 'withheld'
    and dimension not like '% × %'
group by kpi, note
order by kpi
