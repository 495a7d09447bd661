-- Answers weighted to who was asked (post-stratification, Holt and Smith 1979), with Kish's effective sample size (1965).
-- Two rows per cell of sums.strata: poststratified, and n_eff. A stratum that nobody answered for is taken together with
-- the others of its area; an area without an answer leaves a part of the population out: then value is NULL, and note
-- says how much is not. Where no answer differs from another there is no interval: it would say that all is known.
-- note also says where the weighted value is more than a standard error from the raw one.
with judged as (

    select
        *,
        bool_or(n = 0 and population > 0) over (partition by cell, area) as is_collapsed
    from sums.strata

),

strata as (

    select
        cell,
        per,
        floor,
        cast(sum(population) as double) as population,
        cast(sum(numerator) as double)  as events,
        cast(sum(squares) as double)    as squares,
        cast(sum(n) as double)          as n
    from judged
    group by cell, per, floor, area, case when not is_collapsed then stratum end

),

totals as (

    select
        cell,
        sum(population)                                         as population,
        sum(case when n > 0 then population else 0 end)         as covered,
        sum(n)                                                  as n,
        sum(events)                                             as events,
        sum(events) / sum(n)                                    as raw,
        sum(squares) / sum(n) - power(sum(events) / sum(n), 2)  as variance
    from strata
    group by cell
    having sum(n) > 0

),

shares as (

    -- spread: the variance within the stratum; an answer alone shows none and is given that of all.
    select
        strata.cell,
        strata.per,
        strata.floor,
        strata.n,
        strata.population / nullif(totals.population, 0) as share,
        strata.events / strata.n                         as mean,
        case
            when strata.n > 1
                then (strata.squares - strata.events * strata.events / strata.n) / (strata.n - 1)
            else totals.variance
        end                                              as spread
    from strata
    inner join totals using (cell)
    where strata.n > 0

),

weighted as (

    -- Added up in one order: fractions that come in another differ in their last digit, from night to night.
    select
        cell,
        per,
        floor,
        sum(share * mean order by share * mean)                                  as value,
        sqrt(sum(share * share * spread / n order by share * share * spread / n)) as error,
        max(spread) > 0                                                          as is_spread,
        power(sum(share order by share), 2)
            / nullif(sum(share * share / n order by share * share / n), 0)       as n_eff
    from shares
    group by cell, per, floor

),

told as (

    select
        weighted.*,
        totals.n                                                            as answers,
        totals.events,
        totals.raw,
        totals.covered / nullif(totals.population, 0)                       as covered,
        -- Shares that add up to one may pass it by rounding.
        case
            when totals.covered = totals.population and totals.population > 0
                then greatest(least(weighted.value, 1), weighted.floor)
        end                                                                 as known
    from weighted
    inner join totals using (cell)

)

select
    cell,
    cast('week' as term)                                                         as grain,
    cast(statistic as term)                                                      as statistic,
    case statistic
        when 'poststratified' then per * known
        when 'n_eff' then case when known is not null then n_eff end
    end                                                                          as value,
    case when statistic = 'poststratified' and known is not null and is_spread then per * greatest(known - 1.959963984540054 * error, floor) end as ci_low,
    case when statistic = 'poststratified' and known is not null and is_spread then per * least(known + 1.959963984540054 * error, 1) end     as ci_high,
    cast(answers as bigint)                                                      as n,
    events                                                                       as numerator,
    answers                                                                      as denominator,
    case
        when known is null
            then 'nobody answered for ' || round(100 * (1 - coalesce(covered, 0)), 1) || ' % of those who were asked'
        when statistic = 'poststratified' and abs(known - raw) > error
            then 'more than a standard error from the raw value: who answers is not who was asked'
    end                                                                          as note
from told
cross join (values ('poststratified'), ('n_eff')) as statistics (statistic)
