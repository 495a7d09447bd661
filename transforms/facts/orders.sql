/*
label = "Orders"
key   = "order_id"

[columns]
order_id     = { type = "id", required = true }
customer_id  = { type = "id", required = true }
seller_id    = "id"
market       = { type = "code", required = true }
category     = "code"
seller_tier  = { type = "code", codes = ["managed", "standard", "new"] }
fulfilment   = { type = "code", codes = ["platform", "seller"] }
currency     = "code"
order_value  = "money"
item_count   = "integer"
ordered_at   = { type = "timestamp", required = true }
delivered_at = "timestamp"
cancelled_at = "timestamp"
updated_at   = { type = "timestamp", required = true }
*/

-- One row per order placed by the as-of time. An event after it has not happened: its time is NULL. ordered_on: the date
-- on the clock of its market (zone NULL = UTC, as in every fact: the conversion is left out).
select
    order_id,
    customer_id,
    seller_id,
    orders.market,
    coalesce(category, 'unknown')    as category,
    coalesce(seller_tier, 'unknown') as seller_tier,
    coalesce(fulfilment, 'unknown')  as fulfilment,
    currency,
    order_value,
    item_count,
    ordered_at,
    case when delivered_at <= as_of then delivered_at end as delivered_at,
    case when cancelled_at <= as_of then cancelled_at end as cancelled_at,
    updated_at,
    case
        when coalesce(zones.zone, clock.zone) is null then cast(ordered_at as date)
        else cast(ordered_at at time zone 'UTC' at time zone coalesce(zones.zone, clock.zone) as date)
    end                              as ordered_on
from records.orders
cross join run.clock
left join run.zones on zones.market = orders.market
where ordered_at <= as_of
