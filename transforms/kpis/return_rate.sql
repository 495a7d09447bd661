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
owner       = "returns-and-refunds"
changes     = ["2026-11-24  first definition: delivered orders with at least one return"]
*/

with returned as (

    select distinct order_id
    from facts.returns

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
    1                 as denominator
from facts.orders
left join returned using (order_id)
where orders.delivered_at is not null
