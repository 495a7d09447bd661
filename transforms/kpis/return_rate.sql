/*
label       = "Return rate"
question    = "How many delivered orders come back?"
meaning     = "Share of the delivered orders with at least one return."
kind        = "share"
unit        = "share"
better      = "lower"
anchor      = "ordered_at"
grain       = "one row per delivered order, on the day it was placed"
exclusions  = ["orders that have not been delivered"]
dimensions  = ["market", "category", "seller_tier", "fulfilment"]
window_days = 44
nowcast     = true
owner       = "returns-and-refunds"
changes     = ["2026-11-24  first definition: delivered orders with at least one return"]
*/

with returned as (

    select
        order_id,
        min(requested_at) as requested_at
    from facts.returns
    group by order_id

)

select
    orders.ordered_on as observed_on,
    orders.market,
    orders.category,
    orders.seller_tier,
    orders.fulfilment,
    orders.order_id   as subject_id,
    orders.order_id,
    cast(returned.order_id is not null as integer) as numerator,
    1                 as denominator,
    case when returned.order_id is not null then greatest(returned.requested_at, orders.delivered_at) end as counted_at,
    orders.delivered_at as based_at
from facts.orders
left join returned using (order_id)
where orders.delivered_at is not null
