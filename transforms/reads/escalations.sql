-- The open refunds to look at now. A case is listed when it is past its agreed time, its customer asked at least 3 times,
-- or the last NPS answer about its order is a detractor's. impact is the sum of
--   lateness    days past the agreed time / the agreed time, at most 3
--   contacts    contacts / 3, at most 3
--   detractor   1
--   high value  1 where the order is among the most valuable tenth of the open ones in its currency (of at least 10)
with cases as (

    select
        *,
        greatest(waiting_days - sla_days, 0)                                     as days_late,
        coalesce(nps_class = 'detractor', false)                                 as is_detractor,
        order_value is not null
            and count(order_value) over (partition by currency) >= 10
            and percent_rank() over (partition by currency order by order_value desc nulls last) <= 0.1 as is_high_value
    from marts.open_cases

),

listed as (

    select
        *,
        least(days_late / sla_days, 3) + least(contacts / 3.0, 3)
        + cast(is_detractor as integer) + cast(is_high_value as integer)         as impact
    from cases
    where days_late > 0
        or contacts >= 3
        or is_detractor

)

select
    row_number() over (order by impact desc, waiting_days desc, return_id)       as rank,
    return_id,
    order_id,
    market,
    carrier,
    waits_for,
    round(waiting_days, 1)                                                       as waiting_days,
    sla_days,
    contacts,
    nps_class,
    order_value,
    currency,
    round(impact, 2)                                                             as impact,
    list_filter([
        case when days_late > 0 then 'open for ' || cast(floor(waiting_days) as integer) || ' days, agreed ' || sla_days end,
        case when contacts >= 3 then contacts || ' contacts' end,
        case when is_detractor then 'detractor' end,
        case when is_high_value then 'high value' end
    ], lambda reason: reason is not null)                                        as reasons,
    count(*) over ()                                                             as cases
from listed
order by rank
limit 20
