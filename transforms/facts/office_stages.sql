/*
needs     = ["returns", "refunds"]
only_with = "office_hours"
*/

-- The stages of refund_stages whose owner has office hours, each with what of it lay in these hours, on the clock of its
-- market and without its public holidays (run.office_calendar): a row per day and owner that is open, with the open
-- microseconds of all days before. business_seconds: what was open until the stage's end, less what was until its start.
with zoned as (

    select
        refund_stages.*,
        coalesce(zones.zone, clock.zone, 'UTC') as zone
    from facts.refund_stages
    cross join run.clock
    left join run.zones on zones.market = refund_stages.market
    where refund_stages.clock_owner in (select office_hours.owner from run.office_hours)

)

select
    zoned.return_id,
    zoned.order_id,
    zoned.stage,
    zoned.clock_owner,
    zoned.market,
    zoned.category,
    zoned.seller_tier,
    zoned.fulfilment,
    zoned.reason_code,
    zoned.carrier,
    zoned.resolution,
    zoned.started_at,
    zoned.finished_at,
    zoned.outcome,
    zoned.requested_on,
    (
        last_day.open_before
        + date_diff('microsecond', last_day.opens_at, greatest(least(zoned.finished_at, last_day.closes_at), last_day.opens_at))
        - first_day.open_before
        - date_diff('microsecond', first_day.opens_at, greatest(least(zoned.started_at, first_day.closes_at), first_day.opens_at))
    ) / 1000000.0 as business_seconds
from zoned
left join run.office_calendar as first_day
    on first_day.owner = zoned.clock_owner
    and first_day.market = zoned.market
    and first_day.day = cast(zoned.started_at at time zone 'UTC' at time zone zoned.zone as date)
left join run.office_calendar as last_day
    on last_day.owner = zoned.clock_owner
    and last_day.market = zoned.market
    and last_day.day = cast(zoned.finished_at at time zone 'UTC' at time zone zoned.zone as date)
