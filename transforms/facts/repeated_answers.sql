/*
needs = ["surveys"]
*/

-- Answers that are duplicates: at most ten minutes after an answer that counts, by the same customer on the same order,
-- survey type and touchpoint. One row each. An answer is held against the one that counts, not against the one before it:
-- of answers at 0, 8 and 16 minutes the first and the third count. Only answers that name customer and order can repeat.
with recursive answers as (

    select
        response_id,
        [customer_id, order_id, survey_type, touchpoint] as matter,
        coalesce(responded_at, updated_at)               as answered_at
    from records.surveys
    cross join run.clock
    where score is not null
        and coalesce(responded_at, updated_at) <= as_of
        and customer_id is not null
        and order_id is not null

),

-- Most answers are alone, and need no second look.
close as (

    select *
    from answers
    window of_matter as (partition by matter order by answered_at, response_id)
    qualify answered_at <= lag(answered_at) over of_matter + interval 10 minute
        or lead(answered_at) over of_matter <= answered_at + interval 10 minute

),

-- The first counts; then the first that is more than ten minutes after it; and so on.
counting as (

    select
        matter,
        min(answered_at)                                as answered_at,
        min_by(response_id, (answered_at, response_id)) as response_id
    from close
    group by matter

    union all

    select
        close.matter,
        min(close.answered_at)                          as answered_at,
        min_by(close.response_id, (close.answered_at, close.response_id)) as response_id
    from counting
    inner join close
        on close.matter = counting.matter
        and close.answered_at > counting.answered_at + interval 10 minute
    group by close.matter

)

select close.response_id
from close
anti join counting using (response_id)
