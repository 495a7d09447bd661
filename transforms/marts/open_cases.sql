-- The refunds that customers wait for: one row per return to be paid back that is open at the as-of time. Without a
-- single refund on record none is listed: that extract is missing, not every customer unpaid. No customer id.
-- waits_for: the step that is outstanding, as of what the extracts say. contacts: inbound ones since the request that
-- name the return or its order. nps_class: the last NPS answer about the order; NULL = none. order_value: in `currency`.
with paid as (

    select
        return_id,
        max(case when completes_return then credited_at end) as completed_at,
        max(credited_to_date)                                as credited_to_date,
        sum(case when credited_at is null then 1 else 0 end) as on_their_way
    from facts.refunds
    where return_id is not null
    group by return_id

),

open_returns as (

    select
        returns.*,
        clock.as_of,
        cases.sla_days,
        coalesce(paid.credited_to_date, 0)   as credited_to_date,
        coalesce(paid.on_their_way, 0)       as on_their_way,
        date_diff('microsecond', returns.requested_at, clock.as_of) / 86400000000.0 as waiting_days
    from facts.returns
    cross join run.clock
    inner join facts.refund_cases as cases using (return_id)
    left join paid using (return_id)
    where returns.resolution in ('refund', 'returnless_refund')
        and returns.ended_at is null
        and paid.completed_at is null
        and exists (select 1 from facts.refunds)

),

asked as (

    select
        open_returns.return_id,
        count(*)                 as contacts,
        max(contacts.created_at) as last_contact_at
    from open_returns
    inner join facts.contacts
        on contacts.order_id = open_returns.order_id
        and contacts.created_at >= open_returns.requested_at
        -- one that names another return of the order is about that one
        and coalesce(contacts.return_id, open_returns.return_id) = open_returns.return_id
    where contacts.is_inbound
    group by open_returns.return_id

),

answers as (

    select
        surveys.order_id,
        surveys.score,
        row_number() over (
            partition by surveys.order_id
            order by surveys.responded_at desc, surveys.response_id desc
        ) as age
    from facts.surveys
    inner join (select distinct order_id from open_returns) as orders using (order_id)
    where surveys.scale = '0-10'  -- of the surveys only NPS is asked on it
        and surveys.is_answered
        and not surveys.is_duplicate

)

select
    open_returns.return_id,
    open_returns.order_id,
    open_returns.market,
    open_returns.category,
    open_returns.seller_tier,
    open_returns.fulfilment,
    open_returns.reason_code,
    open_returns.carrier,
    open_returns.resolution,
    case
        when open_returns.on_their_way > 0 then 'credit'
        when open_returns.approved_at is null and open_returns.first_scan_at is null
            and open_returns.received_at is null and open_returns.inspected_at is null then 'approve'
        when open_returns.resolution = 'returnless_refund' or open_returns.inspected_at is not null then 'issue'
        when open_returns.received_at is not null then 'inspect'
        when open_returns.first_scan_at is not null then 'transit'
        else 'ship'
    end                                    as waits_for,
    open_returns.requested_at,
    open_returns.waiting_days,
    open_returns.sla_days,
    orders.currency,
    orders.order_value,
    open_returns.approved_amount,
    open_returns.credited_to_date,
    coalesce(asked.contacts, 0)            as contacts,
    asked.last_contact_at,
    case
        when answers.score between 9 and 10 then 'promoter'
        when answers.score between 7 and 8 then 'passive'
        when answers.score between 0 and 6 then 'detractor'
    end                                    as nps_class,
    open_returns.as_of
from open_returns
left join facts.orders as orders on orders.order_id = open_returns.order_id
left join asked on asked.return_id = open_returns.return_id
left join answers
    on answers.order_id = open_returns.order_id
    and answers.age = 1
