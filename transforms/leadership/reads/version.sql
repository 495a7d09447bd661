-- Which version the marts are, and the hash of the ledger of files behind them.
select
    max(run_id) as version,
    (
        select sha256(coalesce(string_agg(concat(source, ' ', file, ' ', sha256), chr(10) order by source, file, sha256), ''))
        from ingest_files
        where refused_reason is null
    ) as inputs
from runs
