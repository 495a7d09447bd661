/*
label = "Refunds"
key   = "refund_id"

[columns]
refund_id   = { type = "id", required = true }
return_id   = "id"
order_id    = { type = "id", required = true }
amount      = { type = "money", required = true }
method      = { type = "code", codes = ["card", "wallet", "bank_transfer", "cash_on_delivery"] }
issued_at   = { type = "timestamp", required = true }
credited_at = "timestamp"
updated_at  = { type = "timestamp", required = true }

[[rules]]
check  = "credited_at >= issued_at - interval 1 second"
reason = "credited_at is before issued_at"
*/

-- One row per refund issued by the as-of time. completes_return: with this credit the return became fully
-- credited, to within 0.01 of its approved amount; without an approved amount the first credit completes it.
-- is_before_request: credited before its return was asked for, which is a fault: the return counts in no duration.
-- credited_to_date: what the return's customer has received by then; NULL = not credited, or no return.
with credited as (

    select
        refunds.refund_id,
        refunds.return_id,
        returns.approved_amount,
        refunds.credited_at < returns.requested_at - interval 1 second as is_before_request,
        sum(refunds.amount) over running           as credited_to_date,
        sum(refunds.amount) over running - refunds.amount as credited_before
    from records.refunds
    cross join run.clock
    inner join records.returns on returns.return_id = refunds.return_id
    where refunds.credited_at <= as_of
    window running as (
        partition by refunds.return_id
        order by refunds.credited_at, refunds.refund_id
        rows between unbounded preceding and current row
    )

)

select
    refunds.refund_id,
    refunds.return_id,
    refunds.order_id,
    refunds.amount,
    coalesce(refunds.method, 'unknown') as method,
    refunds.issued_at,
    case when refunds.credited_at <= as_of then refunds.credited_at end as credited_at,
    credited.credited_to_date,
    coalesce(
        case
            when coalesce(credited.approved_amount, 0) <= 0 then credited.credited_before = 0
            else credited.credited_to_date >= credited.approved_amount - 0.01
                and credited.credited_before < credited.approved_amount - 0.01
        end,
        false
    )                                   as completes_return,
    coalesce(credited.is_before_request, false) as is_before_request,
    refunds.updated_at
from records.refunds
cross join run.clock
left join credited using (refund_id)
where refunds.issued_at <= as_of
