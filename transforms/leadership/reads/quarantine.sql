-- One row per source and reason. The raw rows stay with the analysts, and so do the values that a reason quotes:
-- what cannot be read as a number may be a customer's comment that slipped a column.
select
    source,
    regexp_replace(
        regexp_replace(reason, $$(?s)'.*?' is not $$, 'a value that is not ', 'g'),
        $$(?s)'.*'$$, '…'
    )        as reason,
    count(*) as rows_quarantined
from quarantine
group by all
order by rows_quarantined desc, source, reason
