/*
needs = ["returns", "refunds"]
*/

-- The stock of refunds that are waited for: one row per return to be paid back and day at whose end it was open, on the
-- clock of its market. Days are the Sundays and the last day that was looked at, which is the business's for all markets:
-- a stock is of one day. is_late: its agreed time was over. overdue: for how long; NULL = not.
with cases as (

    select
        refund_cases.*,
        clock.as_of,
        clock.last_day,
        cast(date_trunc('week', requested_on) as date) + 6   as first_sunday,
        requested_on + sla_days                              as due_on
    from facts.refund_cases
    cross join (
        select as_of, cast((as_of - interval 1 microsecond) at time zone 'UTC' at time zone coalesce(zone, 'UTC') as date) as last_day
        from run.clock
    ) as clock

),

days as (

    select
        *,
        cast(unnest(generate_series(
            cast(first_sunday as timestamp), least(settled_on - 1, last_day), interval 7 day
        )) as date) as day
    from cases

    union all

    select
        *,
        last_day as day
    from cases
    where coalesce(settled_on > last_day, true)
        and requested_on <= last_day
        and isodow(last_day) <> 7

)

select
    return_id,
    order_id,
    market,
    category,
    seller_tier,
    fulfilment,
    reason_code,
    carrier,
    resolution,
    day,
    due_on <= day and due_at <= as_of as is_late,
    case
        when due_on > day or due_at > as_of then null
        when day - due_on <= 7 then '0-7 days'
        when day - due_on <= 14 then '8-14 days'
        when day - due_on <= 30 then '15-30 days'
        else 'over 30 days'
    end                                    as overdue
from days
