-- The weeks that are over on every clock of the business.
select period as week
from periods
where grain = 'week' and is_over
order by week
