/*
label      = "CES"
question   = "Did customers find it easy to get their matter settled?"
kind       = "share"
unit       = "share"
better     = "higher"
anchor     = "responded_at"
grain      = "one row per answered effort survey, on the day it was answered"
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
