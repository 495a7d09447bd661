/*
label       = "Refund time by stage, in office hours"
question    = "How many of its own office hours does each owner of a step take for it?"
meaning     = "Hours of each stage of a refund in which its owner's office was open, in the market's time zone and without its public holidays; a day of credited_by_day and restricted_mean is 24 such hours."
kind        = "duration"
unit        = "hours"
better      = "lower"
anchor      = "requested_at"
grain       = "one row per stage that a return to be refunded has entered and whose owner has office hours, on the day the return was requested"
dimensions  = ["market", "category", "seller_tier", "fulfilment", "reason_code", "carrier", "resolution", "stage", "clock_owner"]
within      = "stage"
window_days = 60
exclusions  = ["stages of owners without office hours in the settings"]
owner       = "returns-and-refunds"
changes     = ["2026-11-24  first definition: the stages of refund_stage_time, on the clock of their owner's office"]
*/

-- Beside refund_stage_time: what a weekend adds to a stage is nobody's work. A stage within which the office did not open
-- has lasted 0 hours, which was measured. An office that never closes gives the calendar's hours exactly.
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
    business_seconds / 3600.0 as duration_hours,
    outcome
from facts.office_stages
