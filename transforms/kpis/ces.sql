/*
label      = "CES"
question   = "Did customers find it easy to get their matter settled?"
meaning    = "Share of the effort surveys that were answered with 5, 6 or 7 on the scale from 1 to 7."
kind       = "share"
unit       = "share"
better     = "higher"
anchor     = "responded_at"
grain      = "one row per answered effort survey, on the day it was answered"
exclusions = ["dismissed surveys, which have no score", "a second answer of the same customer on the same order and touchpoint within 10 minutes"]
dimensions = ["market", "category", "seller_tier", "fulfilment", "reason_code", "carrier", "resolution", "touchpoint"]
owner      = "experience-insights"
changes    = ["2026-11-24  first definition: 5-7 of 1-7 made it easy"]
*/

select
    responded_on as observed_on,
    market,
    category,
    seller_tier,
    fulfilment,
    reason_code,
    carrier,
    resolution,
    touchpoint,
    response_id  as subject_id,
    order_id,
    case when scale = '1-7' then cast(score >= 5 as integer) end as numerator,
    1            as denominator
from facts.surveys
where survey_type = 'ces'
    and is_answered
    and not is_duplicate
