-- The target of a stage of a refund, in hours from its beginning, for those that begin from a day on. One row per stage that
-- has one in the settings, and day from which on it holds; valid_until: the first day on which it does not, NULL for none.
select
    stage,
    hours                                     as target_hours,
    valid_from,
    nullif(valid_until, date '9999-12-31')    as valid_until
from run.stage_targets
