-- What customers wrote with their answers, fit to leave the warehouse: one row per comment of the published weeks.
-- The comment is redacted; its themes are read from it as it came. themes: ids of themes.toml, the leading one first,
-- empty when none is recognised. score is on `scale`; no customer, order or return.
with written as (

    select surveys.*
    from facts.surveys
    cross join run.clock
    cross join run.horizon
    where surveys.is_answered
        and not surveys.is_duplicate
        and surveys.comment is not null
        and surveys.responded_on >= cast(clock.as_of as date) - horizon.row_weeks * 7

),

-- What many have written ("ok", "late again") is read once.
plain as (

    select
        comment,
        run.plain(comment) as said
    from (select distinct comment from written)

),

told as (

    select
        comment as original,
        run.themes(said)    as themes,
        run.redact(comment) as comment
    from plain
    where trim(said) <> ''

)

select
    response_id,
    responded_on,
    survey_type,
    scale,
    score,
    language,
    touchpoint,
    market,
    category,
    seller_tier,
    fulfilment,
    reason_code,
    carrier,
    resolution,
    told.themes,
    told.comment
from written
inner join told on told.original = written.comment
