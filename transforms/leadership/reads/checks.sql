-- Every expectation of the latest run, without the sample of offending values.
select
    layer,
    table_name,
    expectation,
    column_name,
    severity,
    success,
    element_count,
    unexpected_count,
    observed,
    expected,
    withholds
from checks
where run_id = (select run_id from checks order by checked_at desc, run_id desc limit 1)
order by success, layer, table_name, expectation, column_name
