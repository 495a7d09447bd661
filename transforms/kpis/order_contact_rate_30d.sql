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
# A contact that names neither is the right order's in tier 3 or 4, or one of several's in tier 5.
also        = { value_tiers_1_4 = "numerator_tiers_1_4", bound_low = "numerator", bound_high = "numerator_tiers_1_5" }
*/

with contacted as (

    select
        orders.order_id,
        min(attributions.attribution_tier) as tier,
        min(attributions.created_at) filter (where attribution_tier <= 2) as created_at
    from facts.attributions
    inner join facts.orders using (order_id)
    where attributions.created_at between orders.ordered_at and orders.ordered_at + interval 30 day
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
    cast(contacted.tier is not null and contacted.tier <= 2 as integer) as numerator,
    1                 as denominator,
    cast(contacted.tier is not null and contacted.tier <= 4 as integer) as numerator_tiers_1_4,
    cast(contacted.tier is not null and contacted.tier <= 5 as integer) as numerator_tiers_1_5,
    contacted.created_at as counted_at,
    orders.ordered_at as based_at
from facts.orders
left join contacted using (order_id)
