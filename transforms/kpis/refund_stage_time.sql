/*
label       = "Refund time by stage"
question    = "Where does the time of a refund go, and on whose clock?"
meaning     = "Time that a return to be refunded spends in each stage of its way: approve, ship, transit, inspect, issue, credit. The stages of a return add up to its refund cycle time."
kind        = "duration"
unit        = "hours"
better      = "lower"
anchor      = "requested_at"
grain       = "one row per stage that a return to be refunded has entered, on the day it was requested"
exclusions  = ["returns that are exchanged or end in store credit", "returns with a credit from before their request"]
dimensions  = ["market", "category", "seller_tier", "fulfilment", "reason_code", "carrier", "resolution", "stage", "clock_owner"]
within      = "stage"
part_of     = "refund_cycle_time"
window_days = 30
owner       = "returns-and-refunds"
changes     = ["2026-11-24  first definition: approve, ship, transit, inspect, issue, credit; they add up to the refund cycle time"]
*/

-- credited: the stage was finished; open: it lasts; ended: the return ended in it without a refund.
-- A stage that was not entered has no row: unknown and not yet begun are not 0 hours.
select
    requested_on as observed_on,
    market,
    category,
    seller_tier,
    fulfilment,
    reason_code,
    carrier,
    resolution,
    stage,
    clock_owner,
    return_id || ' ' || stage as subject_id,
    order_id,
    date_diff('microsecond', started_at, finished_at) / 3600000000.0 as duration_hours,
    outcome,
    date_diff('microsecond', requested_at, started_at) / 3600000000.0 as begun_after_hours
from facts.refund_stages
