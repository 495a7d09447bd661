-- Per source: how far its records reach, and how far that is behind the as-of time.
select
    sources.source,
    count(ingest_files.file) filter (where refused_reason is null) as files,
    coalesce(sum(rows_read), 0)                                    as rows_read,
    coalesce(sum(rows_quarantined), 0)                             as quarantined,
    strftime(sources.latest_at, '%Y-%m-%d %H:%M')                  as latest_record,
    round(date_diff('minute', sources.latest_at, (select max(as_of) from kpi_weekly)) / 60.0, 1) as lag_hours
from sources
left join ingest_files using (source)
group by sources.source, sources.latest_at
order by sources.source
