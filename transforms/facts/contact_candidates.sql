/*
needs = ["contacts"]
*/

-- The orders that an inbound contact which names none may be about: those of its customer with a return that was open
-- then (is_waiting), and those of the 60 days before. One row per contact and order. return_id: the open return, when it
-- is the only one of its order.
-- Sought among the customer's latest 20 returns and 20 orders: more of them tell nothing about any, and a wholesaler
-- with thousands of orders costs no more than others.
with unnamed as (

    select
        contact_id,
        customer_id,
        created_at
    from facts.contacts
    where is_inbound
        and order_id is null

),

placed as (

    select
        order_id,
        customer_id,
        ordered_at as moment,
        row_number() over (partition by customer_id order by ordered_at, order_id) as place
    from facts.orders
    where customer_id in (select customer_id from unnamed)

),

credits as (

    select
        return_id,
        min(credited_at) as credited_at
    from facts.refunds
    where completes_return
    group by return_id

),

-- Money ends the wait with the full credit, goods and store credit with the inspection.
asked as (

    select
        returns.return_id,
        returns.order_id,
        placed.customer_id,
        returns.requested_at as moment,
        least(
            returns.ended_at,
            credits.credited_at,
            case when returns.resolution in ('exchange', 'store_credit') then returns.inspected_at end
        )                    as settled_at,
        row_number() over (partition by placed.customer_id order by returns.requested_at, returns.return_id) as place
    from facts.returns
    inner join placed using (order_id)
    left join credits using (return_id)

),

-- How many orders and returns the customer had by the time of the contact.
reached as (

    select
        unnamed.*,
        orders_by_then.place  as orders_until_then,
        returns_by_then.place as returns_until_then
    from unnamed
    asof left join (select customer_id, moment, max(place) as place from placed group by customer_id, moment) as orders_by_then
        on orders_by_then.customer_id = unnamed.customer_id
        and orders_by_then.moment <= unnamed.created_at
    asof left join (select customer_id, moment, max(place) as place from asked group by customer_id, moment) as returns_by_then
        on returns_by_then.customer_id = unnamed.customer_id
        and returns_by_then.moment <= unnamed.created_at

),

looked_back as (

    select
        reached.*,
        back.steps
    from reached
    cross join range(20) as back (steps)

)

select
    contact_id,
    order_id,
    case when count(return_id) = 1 then min(return_id) end as return_id,
    count(return_id) > 0                                   as is_waiting
from (
    select
        looked_back.contact_id,
        asked.order_id,
        asked.return_id
    from looked_back
    inner join asked
        on asked.customer_id = looked_back.customer_id
        and asked.place = looked_back.returns_until_then - looked_back.steps
    where coalesce(asked.settled_at > looked_back.created_at, true)

    union all

    select
        looked_back.contact_id,
        placed.order_id,
        null as return_id
    from looked_back
    inner join placed
        on placed.customer_id = looked_back.customer_id
        and placed.place = looked_back.orders_until_then - looked_back.steps
    where placed.moment >= looked_back.created_at - interval 60 day
) as found
group by contact_id, order_id
