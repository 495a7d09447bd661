/*
label       = "Returns with a contact"
question    = "How many returns make their customer get in touch before it is settled?"
meaning     = "Share of the returns with at least one inbound contact that names the return, or names its order between the request and 7 days after full credit."
kind        = "rate"
unit        = "share"
better      = "lower"
anchor      = "requested_at"
grain       = "one row per return, on the day it was requested"
exclusions  = ["what the company sent", "contacts that name neither the return nor its order"]
dimensions  = ["market", "category", "seller_tier", "fulfilment", "reason_code", "carrier", "resolution"]
window_days = 44
nowcast     = true
owner       = "customer-service"
changes     = ["2026-11-24  first definition: a contact that names the return, or its order until 7 days after full credit"]
# A contact that names neither is the right order's in tier 3 or 4, or one of several's in tier 5.
also        = { value_tiers_1_4 = "numerator_tiers_1_4", bound_low = "numerator", bound_high = "numerator_tiers_1_5" }
*/

-- A contact that names the return counts whenever it is made; one about its order while the return is on.
with told as (

    select named_order_id as order_id, created_at, 2 as tier from facts.contacts where is_inbound
    union all
    select order_id, created_at, attribution_tier from facts.attributions where attribution_tier >= 3

),

-- settled_at: full credit; a return that is not credited yet can be asked about until now.
settled as (

    select return_id, min(credited_at) as settled_at from facts.refunds where completes_return group by return_id

),

asking as (

    select return_id, created_at, 1 as tier from facts.contacts where is_inbound and return_id is not null
    union all
    select returns.return_id, told.created_at, told.tier
    from told
    inner join facts.returns on returns.order_id = told.order_id and told.created_at >= returns.requested_at
    left join settled on settled.return_id = returns.return_id
    where coalesce(told.created_at <= settled.settled_at + interval 7 day, true)

),

contacted as (

    select
        return_id,
        min(tier) as tier,
        min(created_at) filter (where tier <= 2) as created_at
    from asking
    group by return_id

)

select
    returns.requested_on as observed_on,
    returns.market,
    returns.category,
    returns.seller_tier,
    returns.fulfilment,
    returns.reason_code,
    returns.carrier,
    returns.resolution,
    returns.return_id    as subject_id,
    returns.order_id,
    cast(contacted.tier is not null and contacted.tier <= 2 as integer) as numerator,
    1                    as denominator,
    cast(contacted.tier is not null and contacted.tier <= 4 as integer) as numerator_tiers_1_4,
    cast(contacted.tier is not null and contacted.tier <= 5 as integer) as numerator_tiers_1_5,
    contacted.created_at as counted_at,
    returns.requested_at as based_at
from facts.returns
left join contacted using (return_id)
