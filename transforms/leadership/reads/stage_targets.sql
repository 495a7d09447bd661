-- The target of each stage of a refund that has one, in hours.
select
    stage,
    target_hours
from stage_targets
order by stage
