-- Laws that hold every night, whatever arrives: what went into the records by the as-of time comes out of the facts.
-- One row per law: its fact, both sides, and whether they are equal. A source without records has nothing to conserve.
with laws as (

    select
        'orders_conserved' as law,
        'facts.orders' as table_name,
        (select count(*) from records.orders cross join run.clock where ordered_at <= as_of) as arrived,
        (select count(*) from facts.orders) as counted,
        'orders' as what

    union all

    select
        'returns_conserved',
        'facts.returns',
        (select count(*) from records.returns cross join run.clock where requested_at <= as_of),
        (select count(*) from facts.returns),
        'returns'

    union all

    -- Every return ends in one way: credited in full, ended without a refund, or still open. Returns that are lost or
    -- doubled break the law before; what breaks this one is a return that two refunds complete.
    select
        'return_outcomes_conserved',
        'facts.refunds',
        (select count(*) from records.returns cross join run.clock where requested_at <= as_of),
        (
            select
                count(*) filter (where paid.return_id is not null)
                + count(*) filter (where paid.return_id is null and returns.ended_at is not null)
                + count(*) filter (where paid.return_id is null and returns.ended_at is null)
            from facts.returns
            left join (select return_id from facts.refunds where completes_return) as paid on paid.return_id = returns.return_id
        ),
        'outcomes of returns'

    union all

    select
        'refunds_conserved',
        'facts.refunds',
        (select coalesce(sum(amount), 0) from records.refunds cross join run.clock where issued_at <= as_of),
        (select coalesce(sum(amount), 0) from facts.refunds),
        'of money refunded'

    union all

    select
        'contacts_conserved',
        'facts.contacts',
        (
            select count(*)
            from records.contacts
            cross join run.clock
            where created_at <= as_of and direction is distinct from 'outbound'
        ),
        (select count(*) from facts.contacts where is_inbound),
        'inbound contacts'

    union all

    -- Every contact is attributed in one way, and counts once: it is in one tier, on as many rows as it has candidates
    -- (one where it has none), each of the weight that so many rows share. These are whole numbers, and a weight is
    -- the quotient it was made of: no sum of fractions, and nothing to round.
    select
        'contact_tiers_conserved',
        'facts.attributions',
        (
            select count(*)
            from records.contacts
            cross join run.clock
            where created_at <= as_of and direction is distinct from 'outbound'
        ),
        (
            select count(*)
            from (
                select contact_id
                from facts.attributions
                group by contact_id
                having min(attribution_tier) between 1 and 6
                    and min(attribution_tier) = max(attribution_tier)
                    and count(*) = greatest(max(candidates), 1)
                    and min(candidates) = max(candidates)
                    and bool_and(weight = 1.0 / greatest(candidates, 1))
            )
        ),
        'inbound contacts in one tier, counted once'

)

select
    law as expectation,
    table_name,
    counted = arrived as success,
    concat(arrived, ' ', what, ', as arrived') as expected,
    concat(counted, ' ', what) as observed
from laws
order by law
