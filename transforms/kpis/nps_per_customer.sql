/*
label      = "NPS per customer"
question   = "Would customers recommend us, when each is heard once a quarter?"
meaning    = "Answers of 9 and 10 less answers of 0 to 6, per 100 answers, of those that their customer did not answer anew within 90 days."
kind       = "net_share"
unit       = "points"
per        = 100
better     = "higher"
anchor     = "responded_at"
grain      = "one row per NPS answer that its customer did not answer again within 90 days, on the day it was answered"
exclusions = ["dismissed surveys, which have no score", "a second answer of the same customer on the same order and touchpoint within 10 minutes", "answers that their customer gave anew within 90 days"]
dimensions = ["market", "category", "seller_tier", "fulfilment", "reason_code", "carrier", "resolution", "touchpoint"]
window_days = 90
owner      = "experience-insights"
changes    = ["2026-11-24  first definition: an answer counts unless the same customer gives another within the next 90 days"]
*/

-- The latest answer stands for its customer: one that is followed by another within 90 days is replaced by it, and that
-- one in turn, so of a chain of answers less than 90 days apart the last one counts. An answer without a customer counts.
with answers as (

    select
        *,
        lead(responded_at) over (
            partition by coalesce(customer_id, response_id), customer_id is null order by responded_at, response_id
        ) as answered_again_at
    from facts.surveys
    where survey_type = 'nps'
        and is_answered
        and not is_duplicate

)

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
from answers
where coalesce(answered_again_at > responded_at + interval 90 day, true)
