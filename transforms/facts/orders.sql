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

-- One row per order placed by the as-of time. An event after it has not happened: its time is NULL.
select
    order_id,
    customer_id,
    seller_id,
    market,
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
    cast(ordered_at as date)         as ordered_on
from records.orders
cross join run.clock
where ordered_at <= as_of
