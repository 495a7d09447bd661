/*
needs = ["returns", "refunds"]
*/

-- One row per return that is to be paid back. outcome: credited = its customer has all the money; ended = will never have
-- it (rejected, cancelled, expired); open = waits. Whichever came first counts. settled_at: when it came; for an open
-- case how long we looked. settled_on: the date on the clock of the order's market. due_at: when the agreed time (run.sla, as of the request) was over.
-- A credit from before the request is a fault of the sources (quarantined): no duration is made up for such a return.
with credits as (

    select
        return_id,
        min(credited_at)                                              as credited_at,
        -- A return paid in parts waits for the part that completes it.
        min_by(issued_at, (credited_at, refund_id))                   as issued_at
    from facts.refunds
    where completes_return
    group by return_id

),

-- Terms of a market begin with their day and hold until its next ones; market NULL: of every market without its own.
terms as (

    select
        market,
        days,
        valid_from,
        lead(valid_from, 1, date '9999-12-31') over (partition by market order by valid_from) as valid_until
    from run.sla

)

select
    returns.*,
    returns.resolution = 'returnless_refund'   as is_returnless,
    case
        when credits.credited_at <= coalesce(returns.ended_at, credits.credited_at) then 'credited'
        when returns.ended_at is not null then 'ended'
        else 'open'
    end                                        as outcome,
    credits.issued_at                          as completed_by_issue_at,
    coalesce(least(credits.credited_at, returns.ended_at), clock.as_of) as settled_at,
    case
        when coalesce(zones.zone, clock.zone) is null then cast(least(credits.credited_at, returns.ended_at) as date)
        else cast(least(credits.credited_at, returns.ended_at) at time zone 'UTC' at time zone coalesce(zones.zone, clock.zone) as date)
    end                                        as settled_on,
    coalesce(own.days, common.days)            as sla_days,
    returns.requested_at + coalesce(own.days, common.days) * interval 1 day    as due_at
from facts.returns
cross join run.clock
left join run.zones on zones.market = returns.market
left join credits using (return_id)
left join terms as own
    on own.market = returns.market
    and returns.requested_on >= own.valid_from
    and returns.requested_on < own.valid_until
left join terms as common
    on common.market is null
    and returns.requested_on >= common.valid_from
    and returns.requested_on < common.valid_until
where returns.resolution in ('refund', 'returnless_refund')
    and coalesce(credits.credited_at >= returns.requested_at - interval 1 second, true)
