/*
needs     = ["returns", "refunds"]
only_with = "stage_targets"
*/

-- The time that stages of a refund went on past the target of the day they began on (run.stage_targets, hours on the
-- calendar's clock), by week:
-- one row per return, stage and week in which it was late, on the clock of the return's market.
-- late_from, late_until: the part of the wait that lies in the week, in UTC; an open stage is late until the as-of time.
-- late_on: the last day of it. A stage that met its target, or has none, has no row.
with late as (

    select
        stages.*,
        stages.started_at + to_seconds(targets.hours * 3600) as due_at,
        coalesce(zones.zone, clock.zone, 'UTC')              as zone
    from facts.refund_stages as stages
    cross join run.clock
    left join run.zones on zones.market = stages.market
    inner join run.stage_targets as targets
        on targets.stage = stages.stage
        and cast(stages.started_at at time zone 'UTC' at time zone coalesce(zones.zone, clock.zone, 'UTC') as date)
        between targets.valid_from and targets.valid_until - 1
    where stages.finished_at > stages.started_at + to_seconds(targets.hours * 3600)

),

weeks as (

    -- The end itself is no part of the wait: what ends at midnight ends in the day before.
    select
        *,
        unnest(generate_series(
            date_trunc('week', due_at at time zone 'UTC' at time zone zone),
            (finished_at - interval 1 microsecond) at time zone 'UTC' at time zone zone,
            interval 7 day
        )) as monday
    from late

),

parts as (

    select
        * exclude (monday),
        cast(monday as date)                                                                     as week,
        greatest(due_at, cast(monday as timestamp) at time zone zone at time zone 'UTC')         as late_from,
        least(finished_at, (monday + interval 7 day) at time zone zone at time zone 'UTC')       as late_until
    from weeks

)

select
    return_id,
    order_id,
    stage,
    clock_owner,
    market,
    category,
    seller_tier,
    fulfilment,
    reason_code,
    carrier,
    resolution,
    week,
    late_from,
    late_until,
    cast((late_until - interval 1 microsecond) at time zone 'UTC' at time zone zone as date) as late_on
from parts
