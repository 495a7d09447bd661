-- One row per refused file, the newest first. A file without a header row has its first row for column names:
-- what was found in the place of the expected columns stays with the analysts.
select
    source,
    file,
    regexp_replace(
        regexp_replace(
            regexp_replace(refused_reason, $$(?s)\bfound .*?; expected $$, 'found others; expected '),
            $$(?s); the file's columns are .*$$, ''
        ),
        $$(?s)^column .* stands in the header$$, 'a column stands in the header'
    ) as refused_reason,
    ingested_at
from ingest_files
where refused_reason is not null
order by ingested_at desc, source, file
