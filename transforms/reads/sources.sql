-- Per source: how far its records reach, and how far that is behind the as-of time.
select
    source,
    count(*) filter (where refused_reason is null)  as files,
    sum(rows_read)                                  as rows_read,
    sum(rows_quarantined)                           as quarantined,
    strftime(max(latest_at), '%Y-%m-%d %H:%M')      as latest_record,
    round(date_diff('minute', max(latest_at), (select max(as_of) from kpi_weekly)) / 60.0, 1) as lag_hours
from ingest_files
group by source
order by source
