-- The run log: one row per step of every run.
select *
from ledger.runs
