-- One row per source: its most recent record. NULL: none has arrived.
select
    source,
    latest_at
from sources
order by source
