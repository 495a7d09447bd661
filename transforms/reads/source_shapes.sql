-- Where tonight's files have other columns or types than the file before: one row per source, expectation and column.
-- Tonight's came since the last night that published ($last_published): one that was killed had told nobody.
with files as (

    select
        source,
        file,
        rows_read,
        columns,
        run_id,
        row_number() over (partition by source order by run_id, file) as place
    from ledger.ingest_files
    where refused_reason is null
        and columns is not null

),

fields as (

    select
        source,
        file,
        run_id,
        place,
        unnest(columns) as field
    from files

),

named as (

    select
        *,
        split_part(field, ' ', 1) as name,
        substr(field, length(split_part(field, ' ', 1)) + 2) as type
    from fields

),

shapes as (

    select
        coalesce(one.source, other.source) as source,
        coalesce(one.name, other.name) as column_name,
        coalesce(one.place, other.place + 1) as place,
        one.name is null as is_missing,
        other.name is null as is_new,
        one.type <> other.type as is_retyped,
        other.type as type_before,
        one.type as type_now
    from named as one
    full join named as other on other.source = one.source and other.name = one.name and other.place = one.place - 1

),

-- Text has no types: a column of which every tenth value cannot be read has changed its form.
unread as (

    select
        quarantine.source,
        'types_as_before' as expectation,
        regexp_extract(quarantine.reason, '^([a-z_]+): ', 1) as column_name,
        'values of the contract''s type' as expected,
        concat(count(*), ' of ', any_value(files.rows_read), ' values in ', files.file, ' cannot be read') as observed,
        false as success
    from ledger.quarantine
    inner join files on files.source = quarantine.source and files.file = quarantine.file
    where files.run_id > $last_published
        and regexp_matches(quarantine.reason, '^[a-z_]+: ''.* is not ')
    group by quarantine.source, column_name, files.file
    having count(*) >= 5 and count(*) * 10 >= any_value(files.rows_read)

),

changed as (

    select
        shapes.source,
        case when is_missing then 'no_missing_columns' when is_new then 'no_new_columns' else 'types_as_before' end as expectation,
        shapes.column_name,
        'the columns of the file before' as expected,
        case
            when is_missing then concat(file, ' has no ', column_name, ', which the file before had')
            when is_new then concat(file, ' has ', column_name, ', which the file before had not')
            else concat(file, ' has ', column_name, ' as ', type_now, ', before it was ', type_before)
        end as observed,
        false as success
    from shapes
    inner join files on files.source = shapes.source and files.place = shapes.place
    where (is_missing or is_new or is_retyped)
        and files.place > 1
        and files.run_id > $last_published

),

found as (

    select * from changed
    union all
    select * from unread

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
