/*
label      = "Refunds open past the agreed time"
question   = "How many customers wait for their money longer than we promised?"
meaning    = "Returns to be refunded that are neither credited in full nor ended when the period ends, and whose agreed time is over by then."
kind       = "count"
unit       = "count"
better     = "lower"
anchor     = "the end of a week"
grain      = "one row per refund open at the end of a week, and at the as-of time, on that day"
exclusions = ["returns that are exchanged or end in store credit", "returns with a credit from before their request"]
dimensions = ["market", "category", "seller_tier", "fulfilment", "reason_code", "carrier", "resolution"]
numerator_dimensions = ["overdue"]
owner      = "returns-and-refunds"
changes    = ["2026-11-24  first definition: returns to be refunded that are neither credited in full nor ended when their agreed time is over"]
*/

-- A stock: what is open when the week ends, late or not; n counts all of it. Weeks are compared as they stood: a late
-- refund that was paid since still counts in the weeks in which it was late. overdue: how long it had been late.
select
    day           as observed_on,
    market,
    category,
    seller_tier,
    fulfilment,
    reason_code,
    carrier,
    resolution,
    overdue,
    return_id || ' ' || day as subject_id,
    order_id,
    cast(overdue is not null as integer) as numerator,
    1             as denominator
from facts.open_refunds
