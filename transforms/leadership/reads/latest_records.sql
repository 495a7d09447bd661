-- One row per source: its most recent record (NULL: none has arrived), and from when on it lacks some, in words too (NULL: it does not).
select
    source,
    latest_at,
    lacking_since,
    reason
from sources
order by source
