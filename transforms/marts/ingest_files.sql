-- The ledger: every file that arrived and what became of its rows. rows_read = accepted + superseded + quarantined.
-- refused_reason NULL = the file was loaded. rows_in_file: the file's own rows where a mapping returned others.
-- assumed: how the file departs from the contract's way of writing, and was read all the same.
select
    file,
    source,
    sha256,
    rows_read,
    rows_accepted,
    rows_superseded,
    rows_quarantined,
    rows_in_file,
    refused_reason,
    columns_ignored,
    columns_missing,
    assumed,
    ingested_at,
    run_id
from ledger.ingest_files
