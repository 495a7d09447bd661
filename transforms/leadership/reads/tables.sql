-- The tables that were published: marts that know the newest record of a source tell more than ones that only know files.
select table_name
from information_schema.tables
order by table_name
