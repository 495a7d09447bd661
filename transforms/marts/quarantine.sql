-- Rows that broke the contract. line NULL: a mapping grouped lines, or the file's quotes do not pair.
-- raw is the row's text as far as it may leave: the contract's columns but free text, the customer's id hashed. The
-- warehouse keeps it as it came. fields: the header of a CSV file, NULL for a record that names its columns itself.
with split as (

    select
        quarantine.*,
        contract.plain,
        contract.key,
        'customer:' || left(sha256(getvariable('hash_key') || quarantine.customer_id), 16) as customer,
        case
            when quarantine.fields is not null
                then regexp_extract_all(quarantine.raw, '("(?:[^"]|"")*"|[^,\t"]*)(?:,|\t|$)', 1)
        end                                                                              as parts,
        case when json_valid(quarantine.raw) then json_type(quarantine.raw) = 'OBJECT' end   as is_record
    from ledger.quarantine
    inner join run.contract using (source)

)

select
    source,
    file,
    line,
    reason,
    case
        when fields is not null
            then array_to_string(
                list_transform(
                    parts[1:greatest(len(fields), len(parts) - 1)],
                    lambda part, i: case
                        when part = '' or list_contains(plain, fields[i]) then part
                        when fields[i] = 'customer_id' and customer is not null then customer
                        else '[text]'
                    end
                ), ','
            )
        when is_record
            then '{' || array_to_string(
                list_transform(
                    json_keys(raw),
                    lambda name: to_json(name)::varchar || ': ' || case
                        when list_contains(plain, name) then json_extract(raw, '$."' || name || '"')::varchar
                        when name = 'customer_id' and customer is not null then to_json(customer)::varchar
                        else '"[text]"'
                    end
                ), ', '
            ) || '}'
        else '{"' || key || '": "' || regexp_extract(raw, '"' || key || '"\s*:\s*"?([\w.:-]*)', 1) || '", … broken off'
    end as raw,
    run_id
from split
