-- One row per source: what its files brought. A refused file brought nothing.
select
    source,
    count(*)                                                   as files,
    count(*) filter (where refused_reason is not null)         as files_refused,
    cast(coalesce(sum(rows_read), 0) as bigint)                as rows_read,
    cast(coalesce(sum(rows_accepted), 0) as bigint)            as rows_accepted,
    cast(coalesce(sum(rows_superseded), 0) as bigint)          as rows_superseded,
    cast(coalesce(sum(rows_quarantined), 0) as bigint)         as rows_quarantined,
    max(ingested_at) filter (where refused_reason is null)     as latest_delivery
from ingest_files
group by source
order by source
