-- Every figure that went into a weekly file, as it was then.
select *
from ledger.published_numbers
