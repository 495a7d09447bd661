/*
label       = "Resolution mix"
question    = "How are returns settled: money, money without sending back, exchange, store credit?"
meaning     = "Share of the completed returns that were settled by refund, returnless refund, exchange or store credit. Money back is complete with full credit, goods and store credit with the inspection."
kind        = "mix"
unit        = "share"
better      = "higher"
anchor      = "requested_at"
grain       = "one row per completed return, on the day it was requested"
exclusions  = ["returns that are under way, or ended without a settlement"]
dimensions  = ["market", "category", "seller_tier", "fulfilment", "reason_code", "carrier"]
numerator_dimensions = ["resolution"]
window_days = 44
owner       = "returns-and-refunds"
changes     = ["2026-11-24  first definition: shares of completed returns by resolution; money back completes with full credit, goods or store credit with the inspection"]
*/

-- By resolution a share of all completed returns: they add up to 1, which is what the row of all says.
with paid as (

    select
        return_id,
        min(credited_at) as credited_at
    from facts.refunds
    where completes_return
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
    1                    as numerator,
    1                    as denominator
from facts.returns
left join paid using (return_id)
where paid.credited_at <= coalesce(returns.ended_at, paid.credited_at)
    or returns.ended_at is null
    and returns.resolution in ('exchange', 'store_credit')
    and returns.inspected_at is not null
