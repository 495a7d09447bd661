-- One row per week that was published; as_of is the moment the whole publication looks back from.
select
    week,
    max(as_of) as as_of
from kpi_weekly
group by week
order by week
