/*
needs = ["contacts"]
*/

-- What every inbound contact is about: one row per contact and order that it may be about. attribution_tier:
--   1 the return it names   2 the order it names   3 the one order of its customer with an open return at that time
--   4 the customer's one order of the 60 days before   5 several of those   6 none (order_id NULL, candidates 0)
-- weight: a contact counts once, however many rows it has. return_id: named, or in tier 3 the open one.
with sought as (

    select
        *,
        count(*) filter (where is_waiting) over (partition by contact_id) as waiting
    from facts.contact_candidates

),

-- One order with an open return decides; else every order that was open or recent is a candidate.
kept as (

    select
        contact_id,
        order_id,
        case when waiting = 1 then return_id end           as return_id,
        case
            when waiting = 1 then 3
            when count(*) over (partition by contact_id) = 1 then 4
            else 5
        end                                                as attribution_tier,
        count(*) over (partition by contact_id)            as candidates
    from sought
    where waiting <> 1
        or is_waiting

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
