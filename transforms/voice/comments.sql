-- What customers wrote with their answers, fit to leave the warehouse: one row per comment of the published weeks.
-- The comment is redacted; its themes are read from it as it came. themes: ids of themes.toml, the leading one first,
-- empty when none is recognised. score is on `scale`; no customer, order or return.
with written as (

    select
        surveys.*,
        run.plain(surveys.comment) as said
    from facts.surveys
    cross join run.clock
    cross join run.horizon
    where surveys.is_answered
        and not surveys.is_duplicate
        and surveys.comment is not null
        and surveys.responded_on >= cast(clock.as_of as date) - horizon.row_weeks * 7

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
    run.themes(said)    as themes,
    run.redact(comment) as comment
from written
where trim(said) <> ''
