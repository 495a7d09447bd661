-- Answers by stratum and by what their orders met with: one row per stratum and combination of exposures, with the
-- promoters, passives and detractors. at_risk_of: the exposures that the order's rows can tell of; met_with: those of
-- them that it met with.
-- Parameters: the exposures as JSON, the outcome KPI, the first and the last day of the answers.
with exposures as (

    select unnest(
        from_json(
            cast(? as json),
            '[{"id": "VARCHAR", "kpi": "VARCHAR", "hours_over": "DOUBLE", "counted_over": "DOUBLE",
               "outcome": "VARCHAR", "reason_codes": ["VARCHAR"]}]'
        )
    ) as told

),

answers as (

    select
        subject_id,
        order_id,
        market || ' × ' || touchpoint as stratum,
        numerator
    from kpi_rows
    where kpi = ?
        and observed_on between cast(? as date) and cast(? as date)
        and order_id is not null

),

met as (

    select
        told.id as exposure,
        order_id,
        bool_or(
            case
                when told.hours_over is not null
                    then case
                        when outcome = 'ended' then null
                        when duration_hours > told.hours_over then true
                        when outcome = 'credited' then false
                    end
                when told.counted_over is not null then numerator > told.counted_over
                when told.outcome is not null then outcome = told.outcome
                when told.reason_codes is not null then list_contains(told.reason_codes, reason_code)
            end
        )       as exposed
    from exposures
    inner join kpi_rows on kpi_rows.kpi = told.kpi
    where order_id is not null
    group by all

),

facing as (

    select
        answers.subject_id,
        answers.stratum,
        answers.numerator,
        list_sort(list(met.exposure) filter (met.exposed))             as met_with,
        list_sort(list(met.exposure) filter (met.exposed is not null)) as at_risk_of
    from answers
    left join met using (order_id)
    group by all

)

select
    stratum,
    coalesce(met_with, [])                      as met_with,
    coalesce(at_risk_of, [])                    as at_risk_of,
    count(*) filter (numerator = 1)             as promoters,
    count(*) filter (numerator = 0)             as passives,
    count(*) filter (numerator = -1)            as detractors
from facing
group by all
order by all
