/*
needs = ["contacts"]
*/

-- What every inbound contact is about: one row per contact and order that it may be about. attribution_tier:
--   1 the return it names   2 the order it names   3 its customer's one open return at that time
--   4 the customer's one order of the 60 days before, or the one with several open returns
--   5 several of those      6 none (order_id NULL, candidates 0)
-- weight: a contact counts once, however many rows it has. return_id: named, or in tier 3 the open one.
with sought as (

    select
        *,
        -- Two open returns of one order are two.
        count(*) filter (where is_waiting) over (partition by contact_id) = 1
        and count(return_id) over (partition by contact_id) = 1 as is_one_return
    from facts.contact_candidates

),

-- One open return decides; else every order that was open or recent is a candidate.
kept as (

    select
        contact_id,
        order_id,
        case when is_one_return then return_id end         as return_id,
        case
            when is_one_return then 3
            when count(*) over (partition by contact_id) = 1 then 4
            else 5
        end                                                as attribution_tier,
        count(*) over (partition by contact_id)            as candidates
    from sought
    where is_waiting
        or not is_one_return

)

select
    contacts.contact_id,
    coalesce(contacts.order_id, kept.order_id)             as order_id,
    case when contacts.names_return then contacts.return_id else kept.return_id end as return_id,
    case
        when contacts.names_return then 1
        when contacts.order_id is not null then 2
        else coalesce(kept.attribution_tier, 6)
    end                                                    as attribution_tier,
    case when contacts.order_id is not null then 1 else coalesce(kept.candidates, 0) end as candidates,
    1.0 / coalesce(kept.candidates, 1)                     as weight,
    contacts.created_at
from facts.contacts
left join kept using (contact_id)
where contacts.is_inbound
