/*
label      = "Contacts per waiting day of a return"
question   = "Which wait makes customers get in touch?"
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
changes    = ["2026-11-24  first definition: inbound contacts that name the return or its order, made during a stage, over the days spent in it"]
*/

with counted as (

    select
        return_id,
        stage,
        count(*) as contacts
    from facts.stage_contacts
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
from facts.refund_stages as stages
left join counted using (return_id, stage)
