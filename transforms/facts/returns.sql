/*
label = "Returns"
key   = "return_id"

[columns]
return_id       = { type = "id", required = true }
order_id        = { type = "id", required = true }
reason_code     = { type = "code", codes = ["damaged", "wrong_item", "not_as_described", "size_or_fit", "late_delivery", "changed_mind", "missing_parts", "quality"] }
resolution      = { type = "code", codes = ["refund", "returnless_refund", "exchange", "store_credit"] }
carrier         = "code"
approved_amount = "money"
requested_at    = { type = "timestamp", required = true }
approved_at     = "timestamp"
first_scan_at   = "timestamp"
received_at     = "timestamp"
inspected_at    = "timestamp"
rejected_at     = "timestamp"
cancelled_at    = "timestamp"
expired_at      = "timestamp"
updated_at      = { type = "timestamp", required = true }

# A return's clock runs forward; one second of disagreement between systems is let pass.
[[rules]]
check  = "approved_at >= requested_at - interval 1 second"
reason = "approved_at is before requested_at"
[[rules]]
check  = "first_scan_at >= greatest(requested_at, approved_at) - interval 1 second"
reason = "first_scan_at is before an earlier step of the return"
[[rules]]
check  = "received_at >= greatest(requested_at, approved_at, first_scan_at) - interval 1 second"
reason = "received_at is before an earlier step of the return"
[[rules]]
check  = "inspected_at >= greatest(requested_at, approved_at, first_scan_at, received_at) - interval 1 second"
reason = "inspected_at is before an earlier step of the return"
[[rules]]
check  = "rejected_at >= requested_at - interval 1 second"
reason = "rejected_at is before requested_at"
[[rules]]
check  = "cancelled_at >= requested_at - interval 1 second"
reason = "cancelled_at is before requested_at"
[[rules]]
check  = "expired_at >= requested_at - interval 1 second"
reason = "expired_at is before requested_at"
*/

-- One row per return requested by the as-of time, with the dimensions of its order ('unknown' when the
-- order has not arrived). ended_at: the return ended without a refund then; NULL = it did not.
-- requested_on: the date on the clock of the order's market.
select
    returns.return_id,
    returns.order_id,
    coalesce(orders.market, 'unknown')       as market,
    coalesce(orders.category, 'unknown')     as category,
    coalesce(orders.seller_tier, 'unknown')  as seller_tier,
    coalesce(orders.fulfilment, 'unknown')   as fulfilment,
    coalesce(returns.reason_code, 'unknown') as reason_code,
    coalesce(returns.carrier, 'unknown')     as carrier,
    coalesce(returns.resolution, 'unknown')  as resolution,
    returns.approved_amount,
    returns.requested_at,
    case when returns.approved_at <= as_of then returns.approved_at end     as approved_at,
    case when returns.first_scan_at <= as_of then returns.first_scan_at end as first_scan_at,
    case when returns.received_at <= as_of then returns.received_at end     as received_at,
    case when returns.inspected_at <= as_of then returns.inspected_at end   as inspected_at,
    case when returns.rejected_at <= as_of then returns.rejected_at end     as rejected_at,
    case when returns.cancelled_at <= as_of then returns.cancelled_at end   as cancelled_at,
    case when returns.expired_at <= as_of then returns.expired_at end       as expired_at,
    case
        when least(returns.rejected_at, returns.cancelled_at, returns.expired_at) <= as_of
            then least(returns.rejected_at, returns.cancelled_at, returns.expired_at)
    end                                      as ended_at,
    returns.updated_at,
    case
        when coalesce(zones.zone, clock.zone) is null then cast(returns.requested_at as date)
        else cast(returns.requested_at at time zone 'UTC' at time zone coalesce(zones.zone, clock.zone) as date)
    end                                      as requested_on
from records.returns
cross join run.clock
left join records.orders on orders.order_id = returns.order_id
left join run.zones on zones.market = orders.market
where returns.requested_at <= as_of
