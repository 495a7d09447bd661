-- The quoted value of a reason is cut out, so that one fault is one line. An example to look at first.
select
    source,
    regexp_replace(reason, '''[^'']*''', '…', 'g') as reason,
    count(*)                                       as rows,
    min(file || coalesce(' line ' || line, ''))    as example
from quarantine
group by all
order by rows desc, source, reason
limit 20
