/*
label      = "Contacts per day past a stage's target"
question   = "How many contacts would not have been made if each stage of a refund had met its target?"
meaning    = "Inbound contacts made while a stage of a refund was past its target, over the days spent so. numerator: the contacts that would be avoided if the stage met its target, taking it that without those days they would not have been made; an association, since who waits long may also have other reasons to ask."
kind       = "rate"
unit       = "per_day"
per        = 86400
better     = "lower"
anchor     = "the days past the target"
grain      = "one row per stage of a refund and week in which it was past its target: the contacts and the seconds of that part of it, on its last day"
dimensions = ["market", "category", "seller_tier", "fulfilment", "reason_code", "carrier", "resolution", "clock_owner", "late_stage"]
within     = "late_stage"
exclusions = ["stages without a target in the settings", "contacts that name neither the return nor its order"]
owner      = "customer-service"
changes    = ["2026-11-24  first definition: contacts of the part of a stage that lies past its target, over the days of that part"]
*/

-- The days past the target alone, with the contacts they really drew: no rate of the days before it stands in for theirs.
-- A part that crosses weeks is cut at their ends, so that a week has what was late in it, whenever the refund was asked for.
select
    late.late_on as observed_on,
    late.market,
    late.category,
    late.seller_tier,
    late.fulfilment,
    late.reason_code,
    late.carrier,
    late.resolution,
    late.clock_owner,
    late.stage   as late_stage,
    late.return_id || ' ' || late.stage || ' ' || late.week as subject_id,
    late.order_id,
    count(made.contact_id) as numerator,
    date_diff('second', late.late_from, late.late_until) as denominator
from facts.late_stages as late
left join facts.stage_contacts as made
    on made.return_id = late.return_id
    and made.stage = late.stage
    and made.created_at >= late.late_from
    and made.created_at < late.late_until
group by all
