/*
label       = "Rejection rate"
question    = "How many returns that were decided on were turned down?"
meaning     = "Share of the returns that were approved or rejected whose request, or goods at the inspection, were turned down."
kind        = "share"
unit        = "share"
better      = "lower"
anchor      = "requested_at"
grain       = "one row per return that was approved or rejected, on the day it was requested"
exclusions  = ["returns that nobody has decided on, or that were cancelled or expired before"]
dimensions  = ["market", "category", "seller_tier", "fulfilment", "reason_code", "carrier", "resolution"]
window_days = 44
owner       = "returns-and-refunds"
changes     = ["2026-11-24  first definition: rejected, at the request or at the inspection, of all approved or rejected"]
*/

-- A return that was cancelled or expired before anybody decided is no decision. One approved and rejected at its
-- inspection is rejected: that takes until the goods have come back.
select
    requested_on as observed_on,
    market,
    category,
    seller_tier,
    fulfilment,
    reason_code,
    carrier,
    resolution,
    return_id    as subject_id,
    order_id,
    cast(rejected_at is not null as integer) as numerator,
    1            as denominator
from facts.returns
where approved_at is not null
    or rejected_at is not null
