-- Codes that the contract does not list: their rows are kept and counted as `unknown`.
select *
from ledger.unlisted_codes
