-- How far the records of each source reach, as of the run. latest_at NULL: none has arrived. lacking_since: from when on
-- it brought nothing while orders went on, longer than it ever would by chance, and reason: so in words. NULL: it goes on.
select
    sources.source,
    sources.latest_at at time zone 'UTC' as latest_at,
    stopped_sources.since at time zone 'UTC' as lacking_since,
    stopped_sources.reason
from run.sources
left join run.stopped_sources using (source)
