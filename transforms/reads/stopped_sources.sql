-- Sources that brought nothing more while orders went on: for $stale_hours at least, and ten times as long as usually passes
-- between two of their records, which chance hardly ever does (e^-10 where they come at random). One row per source.
-- since: from when on it is not known what it would have brought; a pause as long as usual ones is none. Few records, or those
-- of few days, say nothing about what is usual.
with orders as (

    select latest_at from run.sources where source = 'orders'

),

usual as (

    select
        *,
        greatest(10 * epoch(latest_at - first_at) / (records - 1) / 3600, 6) as pause_hours
    from run.sources
    where source <> 'orders'
        and records >= 30
        and days >= 14

)

select
    usual.source,
    usual.latest_at + to_seconds(3600 * least(usual.pause_hours, $stale_hours)) as since,
    concat('the ', source, ' extract has brought nothing since ', strftime(usual.latest_at, '%Y-%m-%d %H:%M'), ' UTC') as reason
from usual
cross join orders
where epoch(orders.latest_at - usual.latest_at) >= 3600 * greatest(usual.pause_hours, $stale_hours)
