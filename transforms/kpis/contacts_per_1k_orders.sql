/*
label      = "Contacts per 1,000 orders"
question   = "How much work do our orders make for customer service?"
meaning    = "Inbound contacts created in the period per 1,000 orders placed in it, cancelled ones included."
kind       = "rate"
unit       = "per_1k"
per        = 1000
better     = "lower"
anchor     = "created_at of a contact, ordered_at of an order"
grain      = "one row per inbound contact (numerator) and one per order (denominator), each on its own day"
exclusions = ["what the company sent"]
dimensions = ["market", "category", "seller_tier", "fulfilment"]
numerator_dimensions = ["contact_reason", "channel"]
owner      = "customer-service"
changes    = ["2026-11-24  first definition: inbound contacts created over orders placed, gross"]
*/

-- A reason's or a channel's rate is its contacts over all orders: orders have neither (NULL).
select
    created_on as observed_on,
    market,
    category,
    seller_tier,
    fulfilment,
    contact_reason,
    channel,
    contact_id as subject_id,
    order_id,
    1          as numerator,
    0          as denominator
from facts.contacts
where is_inbound

union all

select
    ordered_on as observed_on,
    market,
    category,
    seller_tier,
    fulfilment,
    null       as contact_reason,
    null       as channel,
    order_id   as subject_id,
    order_id,
    0          as numerator,
    1          as denominator
from facts.orders
