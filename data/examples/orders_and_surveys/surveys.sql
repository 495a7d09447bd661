-- from: survey_tool/
/*
One survey per invitation; without points it was not answered, and counts in the response rate only.

- "Recommend" is the 0-10 question (NPS), "Satisfied" the five stars (CSAT). Another kind gets no survey type, which the
  contract requires: quarantine.
- Points are handed on as they stand; those outside the scale go to quarantine, they are not clipped.
- The tool knows the order, not the customer. Every invitation is sent after the delivery.
*/
with moments as (

    select
        *,
        try_strptime("Sent on", '%d.%m.%Y %H:%M') at time zone 'Europe/Berlin' at time zone 'UTC'     as sent_at,
        try_strptime("Answered on", '%d.%m.%Y %H:%M') at time zone 'Europe/Berlin' at time zone 'UTC' as answered_at
    from extract

)

select
    "Response"                                                             as response_id,
    "Order No"                                                             as order_id,
    case "Kind" when 'Recommend' then 'nps' when 'Satisfied' then 'csat' end as survey_type,
    case "Kind" when 'Recommend' then '0' when 'Satisfied' then '1' end    as scale_min,
    case "Kind" when 'Recommend' then '10' when 'Satisfied' then '5' end   as scale_max,
    "Points"                                                               as score,
    "Remark"                                                               as comment,
    'post_delivery'                                                        as touchpoint,
    coalesce(strftime(sent_at, '%Y-%m-%dT%H:%M:%SZ'), "Sent on")           as invited_at,
    coalesce(strftime(answered_at, '%Y-%m-%dT%H:%M:%SZ'), "Answered on")   as responded_at,
    strftime(coalesce(answered_at, sent_at), '%Y-%m-%dT%H:%M:%SZ')         as updated_at,
    _line
from moments
