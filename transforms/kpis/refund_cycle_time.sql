/*
label       = "Refund cycle time"
question    = "How long do customers wait from asking for a return to having their money?"
meaning     = "Time from the request of a return to the moment its approved amount is credited in full. A return that is not credited yet has waited at least until now."
kind        = "duration"
unit        = "hours"
better      = "lower"
anchor      = "requested_at"
grain       = "one row per return to be refunded, on the day it was requested"
exclusions  = ["returns that are exchanged or end in store credit", "returns with a credit from before their request"]
dimensions  = ["market", "category", "seller_tier", "fulfilment", "reason_code", "carrier", "resolution"]
window_days = 30
owner       = "returns-and-refunds"
changes     = ["2026-11-24  first definition: request to full credit; open refunds censored, ended returns a competing event"]
*/

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
    -- Systems may disagree by a second: such a return took no time.
    greatest(date_diff('microsecond', requested_at, settled_at), 0) / 3600000000.0 as duration_hours,
    outcome
from facts.refund_cases
