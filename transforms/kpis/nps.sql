/*
label      = "NPS"
question   = "Would customers recommend us to a friend?"
meaning    = "Answers of 9 and 10 less answers of 0 to 6, per 100 answers to the question asked on a scale of 0-10."
kind       = "net_share"
unit       = "points"
per        = 100
better     = "higher"
anchor     = "responded_at"
grain      = "one row per answered NPS survey, on the day it was answered"
exclusions = ["dismissed surveys, which have no score", "a second answer of the same customer on the same order and touchpoint within 10 minutes"]
dimensions = ["market", "category", "seller_tier", "fulfilment", "reason_code", "carrier", "resolution", "touchpoint"]
weights    = { by = ["market", "touchpoint"], of = "survey_response_rate", where = { survey_type = "nps" } }
owner      = "experience-insights"
changes    = ["2026-11-24  first definition: 9-10 promote, 0-6 detract, asked on 0-10 only"]
*/

-- A promoter is worth +1, a detractor -1 and a passive 0, so sum over sum is the score of any week,
-- market or mix of them: no percentages to subtract.
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
    case
        when score between 9 and 10 then 1
        when score between 7 and 8 then 0
        when score between 0 and 6 then -1
        -- no else: an impossible score stays NULL and fails the KPI contract
    end          as numerator,
    1            as denominator
from facts.surveys
where survey_type = 'nps'
    and is_answered
    and not is_duplicate
