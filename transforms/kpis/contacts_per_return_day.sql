/*
label      = "Contacts per waiting day of a return"
question   = "Which wait makes customers get in touch?"
meaning    = "Inbound contacts about a return to be refunded, made while it waited, per day that it waited; by stage, of the stage it was in then. A return is followed for 44 days."
kind       = "rate"
unit       = "per_day"
per        = 86400
better     = "lower"
anchor     = "requested_at"
grain      = "one row per stage that a return to be refunded has entered: its contacts and its seconds, on the day it was requested"
dimensions = ["market", "category", "seller_tier", "fulfilment", "reason_code", "carrier", "resolution", "stage"]
within     = "stage"
window_days = 44
owner      = "customer-service"
exclusions = ["what the company sent", "what comes later than 44 days after the request"]
changes    = ["2026-11-24  first definition: inbound contacts that name the return or its order, made during a stage, over the days spent in it, until 44 days after the request"]
*/

-- A return is followed for window_days: one that is never paid would wait longer every night, and its week never be final.
with waits as (

    select * replace (least(finished_at, requested_at + interval 44 day) as finished_at)
    from facts.refund_stages
    where started_at < requested_at + interval 44 day

),

counted as (

    select
        return_id,
        stage,
        count(*) as contacts
    from facts.stage_contacts
    inner join waits using (return_id, stage)
    where stage_contacts.created_at < waits.finished_at
    group by return_id, stage

)

select
    stages.requested_on as observed_on,
    stages.market,
    stages.category,
    stages.seller_tier,
    stages.fulfilment,
    stages.reason_code,
    stages.carrier,
    stages.resolution,
    stages.stage,
    stages.return_id || ' ' || stages.stage as subject_id,
    stages.order_id,
    coalesce(counted.contacts, 0) as numerator,
    date_diff('second', stages.started_at, stages.finished_at) as denominator
from waits as stages
left join counted using (return_id, stage)
