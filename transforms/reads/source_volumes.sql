-- How much tonight's files bring against what their source usually brings: one row per source and expectation.
-- Tonight's came since the last night that published ($last_published): one that was killed had told nobody.
-- A file's rows are compared with those of the eight files before it (four at least).
-- $stale_hours: for how long a source may bring nothing newer.
with files as (

    select
        source,
        file,
        rows_read,
        run_id,
        row_number() over (partition by source order by run_id, file) as place
    from ledger.ingest_files
    where refused_reason is null

),

usual as (

    select
        files.*,
        count(*) over eight_before       as before,
        min(rows_read) over eight_before as fewest,
        max(rows_read) over eight_before as most
    from files
    window eight_before as (partition by source order by place rows between 8 preceding and 1 preceding)

),

volume as (

    select
        source,
        'volume_as_usual' as expectation,
        null as column_name,
        concat('from ', fewest, ' to ', most, ' rows in each of the ', before, ' files before, half or double allowed') as expected,
        concat(rows_read, ' rows in ', file) as observed,
        rows_read between fewest / 2 and most * 2 as success
    from usual
    where before >= 4
        and run_id > $last_published

),

fresh as (

    select
        source,
        'fresh' as expectation,
        null as column_name,
        concat('a record of the last ', $stale_hours, ' hours') as expected,
        concat('none later than ', strftime(latest_at, '%Y-%m-%d %H:%M'), ' UTC') as observed,
        latest_at >= as_of - $stale_hours * interval 1 hour as success
    from run.sources
    cross join run.clock
    where latest_at is not null

),

found as (

    select * from volume
    union all
    select * from fresh

)

select
    source,
    expectation,
    column_name,
    bool_and(success) as success,
    count(*) as element_count,
    count(*) filter (where not success) as unexpected_count,
    coalesce(min(observed) filter (where not success), min(observed)) as observed,
    coalesce(min(expected) filter (where not success), min(expected)) as expected
from found
group by source, expectation, column_name
order by source, expectation, column_name
