-- The target that each stage of a refund has on the first day of a week, in hours.
select
    stage,
    target_hours
from stage_targets
where valid_from <= $1
    and coalesce(valid_until > $1, true)
order by stage
