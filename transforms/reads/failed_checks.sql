select
    severity,
    table_name,
    expectation,
    column_name,
    observed,
    array_to_string(withholds, ', ') as withholds
from checks
where not success
order by severity, table_name
