/*
label = "Survey responses"
key   = "response_id"

[columns]
response_id  = { type = "id", required = true }
customer_id  = "id"
order_id     = "id"
return_id    = "id"
contact_id   = "id"
survey_type  = { type = "code", required = true, codes = ["nps", "csat", "ces"] }
scale_min    = { type = "integer", required = true }
scale_max    = { type = "integer", required = true }
score        = "integer"
comment      = "text"
language     = "code"
touchpoint   = { type = "code", codes = ["post_delivery", "post_refund", "post_contact"] }
invited_at   = "timestamp"
responded_at = "timestamp"
updated_at   = { type = "timestamp", required = true }

# A scale is part of the question that was asked; another one is another question and is never rescaled.
[[rules]]
check  = "case survey_type when 'nps' then scale_min = 0 and scale_max = 10 end"
reason = "the scale of an nps survey is 0-10, not {scale_min}-{scale_max}"
[[rules]]
check  = "case survey_type when 'csat' then scale_min = 1 and scale_max in (5, 7) end"
reason = "the scale of a csat survey is 1-5 or 1-7, not {scale_min}-{scale_max}"
[[rules]]
check  = "case survey_type when 'ces' then scale_min = 1 and scale_max = 7 end"
reason = "the scale of a ces survey is 1-7, not {scale_min}-{scale_max}"
[[rules]]
check  = "score between scale_min and scale_max"
reason = "score {score} lies outside its scale {scale_min}-{scale_max}"
*/

-- One row per survey sent or answered by the as-of time. is_answered: it has a score by then; a dismissed
-- survey has none. An answer whose time is not known counts when its record was last changed.
-- is_duplicate: at most ten minutes after an answer that counts, by the same customer on the same order, survey type and
-- touchpoint. invited_on, responded_on: dates on the clock of the order's market.
with answers as (

    select
        *,
        case when score is not null then coalesce(responded_at, updated_at) end as answered_at
    from records.surveys
    cross join run.clock

),

known as (

    select
        answers.*,
        coalesce(answers.answered_at <= answers.as_of, false) as is_answered,
        repeats.response_id is not null                       as is_duplicate
    from answers
    left join facts.repeated_answers as repeats using (response_id)
    where coalesce(answers.invited_at, answers.responded_at, answers.updated_at) <= answers.as_of

)

select
    known.response_id,
    known.customer_id,
    coalesce(known.order_id, returns.order_id) as order_id,
    known.return_id,
    known.contact_id,
    coalesce(known.survey_type, 'unknown')     as survey_type,
    known.scale_min || '-' || known.scale_max  as scale,
    case when known.is_answered then known.score end as score,
    known.is_answered,
    known.is_duplicate,
    case when known.is_answered then known.comment end as comment,
    known.language,
    coalesce(known.touchpoint, 'unknown')      as touchpoint,
    coalesce(orders.market, 'unknown')         as market,
    coalesce(orders.category, 'unknown')       as category,
    coalesce(orders.seller_tier, 'unknown')    as seller_tier,
    coalesce(orders.fulfilment, 'unknown')     as fulfilment,
    coalesce(returns.reason_code, 'unknown')   as reason_code,
    coalesce(returns.carrier, 'unknown')       as carrier,
    coalesce(returns.resolution, 'unknown')    as resolution,
    known.invited_at,
    case when known.is_answered then known.answered_at end as responded_at,
    known.updated_at,
    case
        when coalesce(zones.zone, known.zone) is null then cast(known.invited_at as date)
        else cast(known.invited_at at time zone 'UTC' at time zone coalesce(zones.zone, known.zone) as date)
    end                                        as invited_on,
    case
        when not known.is_answered then null
        when coalesce(zones.zone, known.zone) is null then cast(known.answered_at as date)
        else cast(known.answered_at at time zone 'UTC' at time zone coalesce(zones.zone, known.zone) as date)
    end                                        as responded_on
from known
left join records.returns on returns.return_id = known.return_id
left join records.orders on orders.order_id = coalesce(known.order_id, returns.order_id)
left join run.zones on zones.market = orders.market
