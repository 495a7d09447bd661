/*
label       = "Contacts repeated within 7 days"
question    = "How many contacts have to be made again, because the first did not settle the matter?"
meaning     = "Share of the inbound contacts that the same customer made again about the same order or return, for the same reason, within 7 days of their resolution, or of the contact itself where it has none."
kind        = "share"
unit        = "share"
better      = "lower"
anchor      = "created_at"
grain       = "one row per inbound contact at least 7 days old, on the day it was made"
exclusions  = ["what the company sent", "contacts of the last 7 days"]
dimensions  = ["market", "category", "seller_tier", "fulfilment", "contact_reason", "channel"]
window_days = 14
owner       = "customer-service"
changes     = ["2026-11-24  first definition: another contact of the customer about the same order or return, for the same reason, within 7 days of the resolution"]
*/

-- The 7 days run from the resolution, or from the contact itself while it has none. A contact that names neither order
-- nor return cannot be seen to be repeated. window_days: 7 for the contact's resolution and 7 after it.
with inbound as (

    select
        *,
        coalesce(order_id, return_id)                      as matter,
        greatest(created_at, resolved_at)                  as answered_at
    from facts.contacts
    where is_inbound

)

select
    inbound.created_on as observed_on,
    inbound.market,
    inbound.category,
    inbound.seller_tier,
    inbound.fulfilment,
    inbound.contact_reason,
    inbound.channel,
    inbound.contact_id as subject_id,
    inbound.order_id,
    cast(again.contact_id is not null and again.created_at <= inbound.answered_at + interval 7 day as integer) as numerator,
    1                  as denominator
from inbound
asof left join inbound as again
    on again.customer_id = inbound.customer_id
    and again.matter = inbound.matter
    and again.contact_reason = inbound.contact_reason
    and again.created_at > inbound.answered_at
cross join run.clock
where inbound.created_at <= clock.as_of - interval 7 day
