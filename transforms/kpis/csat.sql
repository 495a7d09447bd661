/*
label      = "CSAT"
question   = "Were customers satisfied with what happened?"
meaning    = "Share of the satisfaction surveys answered in the top two boxes: 4 or 5 of 1-5. Of 1-7 it is 6 or 7, in the rows of dimension scale only."
kind       = "share"
unit       = "share"
better     = "higher"
anchor     = "responded_at"
grain      = "one row per answered CSAT survey, on the day it was answered"
exclusions = ["dismissed surveys, which have no score", "a second answer of the same customer on the same order and touchpoint within 10 minutes", "answers on 1-7, but for the rows of dimension scale"]
dimensions = ["market", "category", "seller_tier", "fulfilment", "reason_code", "carrier", "resolution", "touchpoint", "scale"]
headline   = { scale = "1-5" }
weights    = { by = ["market", "touchpoint"], of = "survey_response_rate", where = { survey_type = "csat" } }
owner      = "experience-insights"
changes    = ["2026-11-24  first definition: the top two boxes; scales are never pooled, the headline is 1-5"]
*/

-- Two questions on two scales are two KPIs: only the rows of dimension `scale` show the 1-7 one.
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
    scale,
    response_id  as subject_id,
    order_id,
    case
        when scale = '1-5' then cast(score >= 4 as integer)
        when scale = '1-7' then cast(score >= 6 as integer)
        -- no else: an unforeseen scale stays NULL and fails the KPI contract
    end          as numerator,
    1            as denominator
from facts.surveys
where survey_type = 'csat'
    and is_answered
    and not is_duplicate
