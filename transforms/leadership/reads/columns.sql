-- The columns of every table that was published.
select
    table_name,
    column_name
from information_schema.columns
order by table_name, ordinal_position
