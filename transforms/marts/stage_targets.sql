-- The target of a stage of a refund, in hours from its beginning. One row per stage that has one in the settings.
select
    stage,
    hours as target_hours
from run.stage_targets
