select
    file,
    refused_reason as reason
from ingest_files
where refused_reason is not null
order by file
