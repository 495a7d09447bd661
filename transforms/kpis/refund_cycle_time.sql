/*
label       = "Refund cycle time"
question    = "How long do customers wait from asking for a return to having their money?"
meaning     = "Time from the request of a return to the moment its approved amount is credited in full. A return that is not credited yet has waited at least until now."
kind        = "duration"
unit        = "hours"
better      = "lower"
anchor      = "requested_at"
grain       = "one row per return to be refunded, on the day it was requested"
exclusions  = ["returns that are exchanged or end in store credit", "returns with a credit from before their request"]
dimensions  = ["market", "category", "seller_tier", "fulfilment", "reason_code", "carrier", "resolution"]
window_days = 30
owner       = "returns-and-refunds"
changes     = ["2026-11-24  first definition: request to full credit; open refunds censored, ended returns a competing event"]
*/

-- credited: the day's customers have all their money; ended: they never will (rejected, cancelled, expired);
-- open: they have waited at least this long. Whichever comes first counts.
with credits as (

    select
        return_id,
        min(credited_at) as credited_at
    from facts.refunds
    where completes_return
    group by return_id

),

cases as (

    select
        returns.*,
        case
            when credits.credited_at <= coalesce(returns.ended_at, credits.credited_at) then 'credited'
            when returns.ended_at is not null then 'ended'
            when credits.credited_at is null then 'open'
        end as outcome,
        coalesce(least(credits.credited_at, returns.ended_at), returns.seen_until) as settled_at
    from facts.returns
    left join credits using (return_id)
    where returns.resolution in ('refund', 'returnless_refund')
        -- A credit from before the request is a fault of the sources (facts check): no duration is made up for it.
        and coalesce(credits.credited_at >= returns.requested_at - interval 1 second, true)

)

select
    requested_on as observed_on,
    market,
    category,
    seller_tier,
    fulfilment,
    reason_code,
    carrier,
    resolution,
    return_id    as subject_id,
    order_id,
    -- Systems may disagree by a second: such a return took no time.
    greatest(date_diff('microsecond', requested_at, settled_at), 0) / 3600000000.0 as duration_hours,
    outcome
from cases
