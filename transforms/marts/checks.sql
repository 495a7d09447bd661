-- Every expectation of the latest run with its result. withholds: the KPIs not published because of it.
select *
from ledger.checks
where run_id = (select run_id from run.current)
