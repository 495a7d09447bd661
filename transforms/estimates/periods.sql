-- When each period of the release is over everywhere: in the last of the business's time zones. One row per grain and
-- period. ends_at is UTC: days that are 23 or 25 hours long are.
with zones as (

    select coalesce(zone, 'UTC') as zone from run.clock
    union
    select zone from run.zones

),

periods as (

    select distinct
        grains.grain,
        case grains.grain
            when 'day' then observed_on
            when 'week' then cast(date_trunc('week', observed_on) as date)
            when 'month' then cast(date_trunc('month', observed_on) as date)
        end as period
    from cells.days_tonight
    cross join (values ('day'), ('week'), ('month')) as grains (grain)

)

select
    periods.grain,
    periods.period,
    max(
        case periods.grain
            when 'day' then periods.period + interval 1 day
            when 'week' then periods.period + interval 7 day
            when 'month' then periods.period + interval 1 month
        end at time zone zones.zone at time zone 'UTC'
    ) as ends_at
from periods
cross join zones
group by periods.grain, periods.period
