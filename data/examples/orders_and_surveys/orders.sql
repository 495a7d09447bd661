-- from: web_shop/
/*
One order per row of the shop's export, which shows an order's current state.

- Times are written day.month.year hour:minute on the shop's clock (Europe/Berlin). One that cannot be read is handed on
  as it stands, so that the contract puts the row into quarantine: unreadable is not the same as empty.
- A country the list does not know stays null and goes to quarantine too, because market is required.
- The shop sells and ships its own goods: seller and tier are not known, fulfilment is the platform's.
*/
with moments as (

    select
        *,
        try_strptime("Placed", '%d.%m.%Y %H:%M') at time zone 'Europe/Berlin' at time zone 'UTC'    as placed_at,
        try_strptime("Delivered", '%d.%m.%Y %H:%M') at time zone 'Europe/Berlin' at time zone 'UTC' as delivered_utc,
        try_strptime("Cancelled", '%d.%m.%Y %H:%M') at time zone 'Europe/Berlin' at time zone 'UTC' as cancelled_utc,
        try_strptime("Changed", '%d.%m.%Y %H:%M') at time zone 'Europe/Berlin' at time zone 'UTC'   as changed_at
    from extract

)

select
    "Order No"                                                          as order_id,
    "Client"                                                            as customer_id,
    case "Country"
        when 'Germany' then 'DE'
        when 'Austria' then 'AT'
        when 'Switzerland' then 'CH'
    end                                                                 as market,
    lower("Department")                                                 as category,
    'platform'                                                          as fulfilment,
    'EUR'                                                               as currency,
    "Total"                                                             as order_value,
    "Pieces"                                                            as item_count,
    coalesce(strftime(placed_at, '%Y-%m-%dT%H:%M:%SZ'), "Placed")       as ordered_at,
    coalesce(strftime(delivered_utc, '%Y-%m-%dT%H:%M:%SZ'), "Delivered") as delivered_at,
    coalesce(strftime(cancelled_utc, '%Y-%m-%dT%H:%M:%SZ'), "Cancelled") as cancelled_at,
    coalesce(strftime(changed_at, '%Y-%m-%dT%H:%M:%SZ'), "Changed")     as updated_at,
    _line
from moments
