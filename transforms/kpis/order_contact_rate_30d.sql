/*
label       = "Orders with a contact in 30 days"
question    = "How many orders make their customer get in touch?"
meaning     = "Share of the orders with at least one inbound contact that names the order or its return, from the order until 30 days after."
kind        = "rate"
unit        = "share"
better      = "lower"
anchor      = "ordered_at"
grain       = "one row per order, on the day it was placed"
exclusions  = ["what the company sent", "contacts that name neither the order nor its return"]
dimensions  = ["market", "category", "seller_tier", "fulfilment"]
window_days = 30
nowcast     = true
owner       = "customer-service"
changes     = ["2026-11-24  first definition: an inbound contact that names the order or its return, within 30 days"]
*/

with contacted as (

    select
        orders.order_id,
        min(contacts.created_at) as created_at
    from facts.contacts
    inner join facts.orders using (order_id)
    where contacts.is_inbound
        and contacts.created_at between orders.ordered_at and orders.ordered_at + interval 30 day
    group by orders.order_id

)

select
    orders.ordered_on as observed_on,
    orders.market,
    orders.category,
    orders.seller_tier,
    orders.fulfilment,
    orders.order_id   as subject_id,
    orders.order_id,
    cast(contacted.order_id is not null as integer) as numerator,
    1                 as denominator,
    contacted.created_at as counted_at,
    orders.ordered_at as based_at
from facts.orders
left join contacted using (order_id)
