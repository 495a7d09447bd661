-- How far the records of each source reach, as of the run. latest_at NULL: none has arrived.
select
    source,
    latest_at at time zone 'UTC' as latest_at
from run.sources
