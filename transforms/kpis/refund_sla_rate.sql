/*
label       = "Refunds within the agreed time"
question    = "How many refunds reach the customer within the time we promise?"
meaning     = "Share of the returns to be refunded that were credited in full within the agreed time of their market, of all that were requested at least that long ago."
kind        = "share"
unit        = "share"
better      = "higher"
anchor      = "requested_at"
grain       = "one row per return to be refunded whose agreed time is over, on the day it was requested"
exclusions  = ["returns whose agreed time is not over", "returns that are exchanged or end in store credit", "returns with a credit from before their request"]
dimensions  = ["market", "category", "seller_tier", "fulfilment", "reason_code", "carrier", "resolution"]
window      = "sla"
owner       = "returns-and-refunds"
changes     = ["2026-11-24  first definition: credited in full within the market's agreed days of its request, of all requested that long ago"]
*/

-- Settled in time or not, open, rejected: whatever became of it, a request counts once its agreed time is over, and not
-- before. Leaving out what is open, or counting early what was quick, would both be biased.
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
    cast(outcome = 'credited' and settled_at <= due_at as integer) as numerator,
    1            as denominator
from facts.refund_cases
cross join run.clock
where due_at <= as_of
