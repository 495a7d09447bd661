-- When each period of the release is over everywhere: in the last of the business's time zones. One row per grain and
-- period. ends_at is UTC: days that are 23 or 25 hours long are. place: of its cells' numbers the part that says the period.
-- to_prior, to_prior_year: days back to the period that it is compared with, and to that of the year before.
with zones as (

    select coalesce(zone, 'UTC') as zone from run.clock
    union
    select zone from run.zones

),

periods as (

    select distinct
        ['day', 'week', 'month'][1 + grain] as grain,
        period
    from cells.fingerprints_tonight

)

select
    periods.grain,
    periods.period,
    cast(list_position(['day', 'week', 'month'], periods.grain) - 1 as bigint) * 100000
        + date_diff('day', date '1970-01-01', periods.period) as place,
    max(
        case periods.grain
            when 'day' then periods.period + interval 1 day
            when 'week' then periods.period + interval 7 day
            when 'month' then periods.period + interval 1 month
        end at time zone zones.zone at time zone 'UTC'
    ) as ends_at,
    case
        when periods.grain = 'month' then date_diff('day', periods.period - interval 1 month, periods.period)
        else 7
    end   as to_prior,
    case
        when periods.grain = 'month' then date_diff('day', periods.period - interval 1 year, periods.period)
        else 364
    end   as to_prior_year
from periods
cross join zones
group by periods.grain, periods.period
