-- The last ten runs, newest first: how long, how many rows, and where a failed one stopped.
select
    run_id                                   as run,
    strftime(min(as_of), '%Y-%m-%d %H:%M')   as as_of,
    round(sum(seconds), 1)                   as seconds,
    sum(rows) filter (where step like 'ingest %') as rows_read,
    coalesce(max(step) filter (where status = 'failed'), 'published') as ended_with,
    max(message) filter (where status = 'failed') as error
from runs
group by run_id
order by run_id desc
limit 10
