-- Rows that broke the contract. line NULL: a mapping grouped lines, or the file's quotes do not pair.
-- raw is the row's text with the customer's id hashed and free text taken out; the warehouse keeps it as it came.
with hashed as (

    select
        *,
        case
            when length(customer_id) >= 3
                then replace(raw, customer_id, 'customer:' || left(sha256(getvariable('hash_key') || customer_id), 16))
            else raw
        end as text
    from ledger.quarantine

)

select
    source,
    file,
    line,
    reason,
    case
        when text like '{%'
            then regexp_replace(text, '("comment"\s*:\s*)"(?:[^"\\]|\\.)*"?', '\1"[text]"', 'g')
        -- Fields that need quotes, hold letters with a space between, letters beyond ASCII or an @ are free text.
        else regexp_replace(
            regexp_replace(text, '"(?:[^"]|"")*("|$)', '"[text]"', 'g'),
            '[^,\t]*(?:\pL+[^\S\t]+\pL|[^\x00-\x7F]|@)[^,\t]*', '[text]', 'g'
        )
    end as raw,
    run_id
from hashed
