/*
label = "Contacts"
key   = "contact_id"

[columns]
contact_id  = { type = "id", required = true }
customer_id = { type = "id", required = true }
order_id    = "id"
return_id   = "id"
channel     = { type = "code", codes = ["chat", "email", "phone", "bot", "social"] }
direction   = { type = "code", codes = ["inbound", "outbound"] }
reason_code = { type = "code", codes = ["where_is_my_refund", "how_to_return", "return_rejected", "damaged_item", "where_is_my_order", "payment", "other"] }
created_at  = { type = "timestamp", required = true }
resolved_at = "timestamp"
updated_at  = { type = "timestamp", required = true }
*/

-- One row per contact created by the as-of time. order_id: the order it names, through its return or itself; NULL = it
-- names neither. named_order_id: the one it carries itself. What a contact that names nothing is about: facts.attributions.
-- A contact that does not say its direction is counted as inbound: only what the company sent is marked.
-- created_on: the date on the clock of the order's market.
select
    contacts.contact_id,
    contacts.customer_id,
    coalesce(returns.order_id, contacts.order_id) as order_id,
    contacts.order_id                             as named_order_id,
    contacts.return_id,
    coalesce(contacts.channel, 'unknown')         as channel,
    coalesce(contacts.direction, 'unknown')       as direction,
    contacts.direction is distinct from 'outbound' as is_inbound,
    coalesce(contacts.reason_code, 'unknown')     as contact_reason,
    returns.return_id is not null                 as names_return,
    coalesce(orders.market, 'unknown')            as market,
    coalesce(orders.category, 'unknown')          as category,
    coalesce(orders.seller_tier, 'unknown')       as seller_tier,
    coalesce(orders.fulfilment, 'unknown')        as fulfilment,
    contacts.created_at,
    case when contacts.resolved_at <= as_of then contacts.resolved_at end as resolved_at,
    contacts.updated_at,
    case
        when coalesce(zones.zone, clock.zone) is null then cast(contacts.created_at as date)
        else cast(contacts.created_at at time zone 'UTC' at time zone coalesce(zones.zone, clock.zone) as date)
    end                                           as created_on
from records.contacts
cross join run.clock
left join records.returns on returns.return_id = contacts.return_id and returns.requested_at <= as_of
left join records.orders on orders.order_id = coalesce(returns.order_id, contacts.order_id)
left join run.zones on zones.market = orders.market
where contacts.created_at <= as_of
