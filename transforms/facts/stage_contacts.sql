/*
needs = ["contacts", "returns", "refunds"]
*/

-- Inbound contacts by the stage of a refund in which they were made: one row per contact of tiers 1 and 2 that has one.
-- A contact belongs to the stage its return was in when it was made; before the request and after the settlement there is
-- none. Two returns of one order may wait at a time: a contact that names the order is about the one requested last.
select
    attributions.contact_id,
    stages.return_id,
    stages.stage,
    attributions.created_at
from facts.attributions
inner join facts.refund_stages as stages
    on stages.order_id = attributions.order_id
    and attributions.created_at >= stages.started_at
    and attributions.created_at < stages.finished_at
where attributions.attribution_tier = 2
    or attributions.attribution_tier = 1
    and attributions.return_id = stages.return_id
qualify row_number() over (
    partition by attributions.contact_id order by stages.requested_at desc, stages.return_id desc
) = 1
