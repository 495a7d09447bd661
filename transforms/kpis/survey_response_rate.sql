/*
label       = "Survey response rate"
question    = "How many of the customers we asked gave us a score?"
meaning     = "Share of the survey invitations answered with a score within 14 days; dismissed and late ones count as not answered."
kind        = "share"
unit        = "share"
better      = "higher"
anchor      = "invited_at"
grain       = "one row per invitation, on the day it was sent"
exclusions  = ["answers whose invitation has no time"]
dimensions  = ["market", "category", "seller_tier", "fulfilment", "reason_code", "carrier", "resolution", "touchpoint", "survey_type"]
window_days = 14
nowcast     = true
owner       = "experience-insights"
changes     = ["2026-11-24  first definition: answered with a score within 14 days of the invitation"]
*/

-- A dismissed survey has no score and was asked all the same: it stays below the line.
select
    invited_on  as observed_on,
    market,
    category,
    seller_tier,
    fulfilment,
    reason_code,
    carrier,
    resolution,
    touchpoint,
    survey_type,
    response_id as subject_id,
    order_id,
    cast(is_answered and responded_at <= invited_at + interval 14 day as integer) as numerator,
    1           as denominator,
    case when is_answered and responded_at <= invited_at + interval 14 day then responded_at end as counted_at,
    invited_at  as based_at
from facts.surveys
where invited_on is not null
