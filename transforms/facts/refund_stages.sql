/*
needs = ["returns", "refunds"]
*/

-- One row per stage that a return to be paid back has been in; a return's stages add up to its whole wait.
--   approve (seller or platform, who fulfils)  request to approval      inspect (warehouse)  to the inspection
--   ship    (customer)                         to the first scan        issue   (platform)   to the issue of the money
--   transit (carrier)                          to the receipt           credit  (bank)       to full credit
-- A stage runs from the last known step to its own. A step without a time has no stage: its wait is part of the next
-- one's. So are steps that the money did not wait for: those of a returnless refund, those after the money was issued.
-- Paid in parts: issued is the part that completes the payment, or the last one that is on its way.
-- outcome: credited = the stage was finished; open or ended = the return's last stage, where it waits or came to its end.
with underway as (

    select
        return_id,
        max(issued_at) as issued_at
    from facts.refunds
    where credited_at is null
    group by return_id

),

cases as (

    select
        refund_cases.* replace (greatest(refund_cases.requested_at, refund_cases.settled_at) as settled_at),
        case
            when refund_cases.outcome = 'credited' then refund_cases.completed_by_issue_at
            when underway.issued_at <= refund_cases.settled_at then underway.issued_at
        end as issued_at
    from facts.refund_cases
    left join underway using (return_id)

),

steps as (

    select
        cases.return_id,
        cases.outcome,
        cases.requested_at,
        cases.issued_at,
        cases.settled_at,
        stages.place,
        stages.stage,
        stages.clock_owner,
        case stages.stage
            when 'approve' then cases.approved_at
            when 'ship' then cases.first_scan_at
            when 'transit' then cases.received_at
            when 'inspect' then cases.inspected_at
            when 'issue' then cases.issued_at
            when 'credit' then case when cases.outcome = 'credited' then cases.settled_at end
        end as done_at
    from cases
    cross join (
        values
        (1, 'approve', null), (2, 'ship', 'customer'), (3, 'transit', 'carrier'),
        (4, 'inspect', 'warehouse'), (5, 'issue', 'platform'), (6, 'credit', 'bank')
    ) as stages (place, stage, clock_owner)
    where not (cases.is_returnless and stages.stage in ('ship', 'transit', 'inspect'))

),

known as (

    select
        *,
        coalesce(done_at <= least(issued_at, settled_at) or place >= 5 and done_at is not null, false) as is_done,
        coalesce(lag(place) over (partition by return_id order by place), 0)                            as place_before
    from steps

),

entered as (

    select *
    from known
    qualify is_done
        or outcome <> 'credited' and place_before = max(case when is_done then place else 0 end) over (partition by return_id)

),

finished as (

    -- Clocks may disagree by a second: no step is before the one it follows, none after the end.
    select
        *,
        case
            when is_done then least(settled_at, greatest(requested_at, max(done_at) over until_now))
            else settled_at
        end as finished_at
    from entered
    window until_now as (partition by return_id order by place rows between unbounded preceding and current row)

)

select
    finished.return_id,
    cases.order_id,
    finished.stage,
    coalesce(finished.clock_owner, cases.fulfilment) as clock_owner,
    cases.market,
    cases.category,
    cases.seller_tier,
    cases.fulfilment,
    cases.reason_code,
    cases.carrier,
    cases.resolution,
    coalesce(
        lag(finished.finished_at) over (partition by finished.return_id order by finished.place), finished.requested_at
    )                                                as started_at,
    finished.finished_at,
    case when finished.is_done then 'credited' else finished.outcome end as outcome,
    cases.requested_at,
    cases.requested_on
from finished
inner join facts.refund_cases as cases using (return_id)
