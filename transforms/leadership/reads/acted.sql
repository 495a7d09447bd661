-- The same of the KPIs that people acted on, pairs of groups too; parameter: the KPIs' ids as JSON.
select *
from kpi_weekly
where statistic in ('value', 'restricted_mean')
  and list_contains(from_json(cast(? as json), '["VARCHAR"]'), kpi)
order by kpi, dimension, dimension_value, week
