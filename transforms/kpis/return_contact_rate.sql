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
*/

-- settled_at: full credit; a return that is not credited yet can be asked about until now.
with settled as (

    select
        return_id,
        min(credited_at) as settled_at
    from facts.refunds
    where completes_return
    group by return_id

),

asking as (

    select
        return_id,
        created_at
    from facts.contacts
    where is_inbound
        and return_id is not null

    union all

    select
        returns.return_id,
        contacts.created_at
    from facts.contacts
    inner join facts.returns on returns.order_id = contacts.named_order_id
    left join settled on settled.return_id = returns.return_id
    where contacts.is_inbound
        and contacts.created_at >= returns.requested_at
        and (
            settled.settled_at is null
            or contacts.created_at <= settled.settled_at + interval 7 day
        )

),

contacted as (

    select
        return_id,
        min(created_at) as created_at
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
    cast(contacted.return_id is not null as integer) as numerator,
    1                    as denominator,
    contacted.created_at as counted_at,
    returns.requested_at as based_at
from facts.returns
left join contacted using (return_id)
