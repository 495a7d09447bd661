select
    source,
    column_name,
    code,
    sum(rows) as rows
from unlisted_codes
group by all
order by rows desc
limit 20
