-- How long it takes, from the duration histogram of every cell: quantiles, shares credited by a day, restricted mean.
-- Headline: Aalen-Johansen cumulative incidence of "credited", a case that ended without a refund competing.
-- km_*: Kaplan-Meier, such a case censored. Open cases are censored in both. One row per cell and statistic.
-- value NULL = the curve does not get there (yet). Variance: Greenwood's, for the incidence as in Marubini and
-- Valsecchi (1995, 10.11); band: log-log of 1 - F (Kalbfleisch and Prentice); an interval of a quantile is where
-- the band meets it. The restricted mean is 30 days less the time that customers had their money in them; its variance is
-- that of the incidence's area, by the same way (for Kaplan-Meier it is Greenwood's). d = everybody at risk happens only in a cell's last moment.
-- Running sums are of whole 1e-15ths: sums of floating-point numbers depend on the order in which the engine adds them,
-- and a night that makes a cell again has to find the same bits.
with watched as (

    -- How long somebody was watched at least, and whether everybody was settled in the end. is_complete: nobody was cut
    -- off before the last case was settled, as in every cell that is old enough.
    select
        cell,
        sum(credited + ended + open)                                                      as n,
        sum(credited)                                                                     as credited,
        sum(cast(credited as bigint) * greatest(720 * 3600 - waited_seconds, 0))          as seconds_saved,
        cast(sum(credited * cast(greatest(720 * 3600 - waited_seconds, 0) as bigint) * greatest(720 * 3600 - waited_seconds, 0)) as double) / power(2592000, 2) as squares_saved,
        max(waited_seconds)                                                               as longest,
        max(waited_seconds) filter (where open > 0) is distinct from max(waited_seconds)  as is_exhausted,
        coalesce(
            min(waited_seconds) filter (where open > 0) > max(waited_seconds) filter (where credited + ended > 0), true
        )                                                                                 as is_complete
    from cells.durations
    group by cell

),

-- Two whole numbers run along in one sum, one above the other: a window costs by the sums that it keeps.
counted as (

    select
        durations.cell,
        durations.waited_seconds,
        watched.is_complete,
        watched.n                                                            as everybody,
        durations.credited,
        durations.ended,
        durations.credited + durations.ended + durations.open                as left_now,
        cast(sum((cast(durations.credited as bigint) << 32) + left_now) over until_now as bigint) as both_until_now
    from cells.durations
    inner join watched using (cell)
    window until_now as (
        partition by durations.cell order by durations.waited_seconds rows between unbounded preceding and current row
    )

),

cases as (

    -- n: at risk just before.
    select
        cell,
        waited_seconds,
        is_complete,
        cast(everybody as double)                                            as everybody,
        cast(credited as double)                                             as d,
        cast(credited + ended as double)                                     as s,
        cast(both_until_now >> 32 as double)                                 as credited_until_now,
        cast(everybody - (both_until_now & 4294967295) + left_now as double) as n
    from counted
    where credited + ended > 0 -- who is only cut off has been counted among those at risk

),

stepping as (

    select
        *,
        sum(
            case
                when d < n
                    then (cast(-1e15 * ln(1 - d / n) as hugeint) << 60) + cast(1e15 * d / (n * (n - d)) as bigint)
                else 0
            end
        ) over until_now as both_steps
    from cases
    window until_now as (partition by cell order by waited_seconds rows between unbounded preceding and current row)

),

kaplan_meier as (

    -- km: not credited by then, with ended cases censored.
    select
        * exclude (both_steps),
        case when d < n then exp(-(both_steps >> 60) / 1e15) else 0 end as km,
        (both_steps & 1152921504606846975) / 1e15                       as greenwood -- below 1: it has room in 60 bits
    from stepping

),

jumps as (

    -- stay: not settled either way by then. jump: the share at risk just before, and what of it is credited. Only a
    -- cell's last moment exhausts it.
    select
        *,
        case when s < n then s / (n * (n - s)) else 0 end                        as hazard_variance,
        exp(sum(case when s < n then cast(1e15 * ln(1 - s / n) as bigint) else 0 end) over until_now / 1e15) as stay,
        case when s < n then stay / (1 - s / n) else stay end                    as stay_before,
        stay_before * d / n                                                      as jump
    from kaplan_meier
    where not is_complete
    window until_now as (partition by cell order by waited_seconds rows between unbounded preceding and current row)

),

incidence as (

    select
        *,
        least(sum(cast(1e15 * jump as bigint)) over until_now / 1e15, 1) as f, -- a sum of many parts may pass 1 by rounding
        sum(cast(1e15 * hazard_variance as bigint)) over until_now / 1e15 as hazard_variances
    from jumps
    window until_now as (partition by cell order by waited_seconds rows between unbounded preceding and current row)

),

variances as (

    -- sum over s <= t of (F(t) - F(s))2 d/(n (n - d)) + S(s-)2 d1 (n - d1)/n3 - 2 (F(t) - F(s)) S(s-) d1/n2,
    -- multiplied out into sums that run along with t. saved: the share of 30 days that customers had their money.
    select
        cell,
        waited_seconds,
        d,
        s,
        km,
        greenwood,
        f,
        greatest(
            f * f * hazard_variances
            - 2 * f * sum(cast(1e15 * (f * hazard_variance + jump / n) as bigint)) over until_now / 1e15
            + sum(cast(1e15 * (f * f * hazard_variance + stay_before * jump * (n - d) / (n * n) + 2 * f * jump / n) as bigint))
                over until_now / 1e15,
            0
        )                                   as f_variance,
        n,
        jump,
        stay_before,
        hazard_variance,
        greatest(1 - waited_seconds / 3600.0 / 720, 0) as left_over, -- of the 30 days
        sum(cast(1e15 * (jump * greatest(1 - waited_seconds / 3600.0 / 720, 0)) as bigint)) over until_now / 1e15 as saved
    from incidence
    window until_now as (partition by cell order by waited_seconds rows between unbounded preceding and current row)

    union all

    -- While nobody has been cut off the incidence is a plain share of all, and its variance a share's: what the general
    -- way comes to then, without its running sums.
    select
        cell,
        waited_seconds,
        d,
        s,
        km,
        greenwood,
        credited_until_now / everybody      as f,
        f * (1 - f) / everybody             as f_variance,
        null                                as n,
        null                                as jump,
        null                                as stay_before,
        null                                as hazard_variance,
        null                                as left_over,
        null                                as saved
    from kaplan_meier
    where is_complete

),

-- The curves and their bands move where somebody is settled: only there can a quantile lie. Half the width of the band is taken
-- on the log-log scale; NULL where a curve stands at 0 or 1.
spreads as (

    select
        *,
        case when f between 1e-12 and 1 - 1e-12
            then 1.959963984540054 * sqrt(f_variance) / abs((1 - f) * ln(1 - f)) end as f_spread,
        case when km between 1e-12 and 1 - 1e-12
            then 1.959963984540054 * sqrt(greenwood) / abs(ln(km)) end               as km_spread,
        -- What the variance of all saved, A, is made of: A2 x first - 2 A x second + third.
        cast(1e15 * case when left_over > 0 then hazard_variance end as bigint)      as first_part,
        cast(1e15 * case when left_over > 0 then saved * hazard_variance + left_over * jump / n end as bigint) as second_part,
        cast(1e15 * case when left_over > 0 then saved * saved * hazard_variance
            + left_over * left_over * stay_before * jump * (n - d) / (n * n) + 2 * saved * left_over * jump / n
        end as bigint)                                                               as third_part
    from variances

),

bands as (

    select
        *,
        1 - km                            as g,
        case when f_spread is null then f else 1 - power(1 - f, exp(-f_spread)) end   as f_low,
        case when f_spread is null then f else 1 - power(1 - f, exp(f_spread)) end    as f_high,
        case when km_spread is null then 1 - km else 1 - power(km, exp(-km_spread)) end as g_low,
        case when km_spread is null then 1 - km else 1 - power(km, exp(km_spread)) end  as g_high
    from spreads

),

read_off as (

    select
        cell,
        min(case when f >= 0.25 - 1e-12 then waited_seconds end) as p25,
        min(case when f_high >= 0.25 - 1e-12 then waited_seconds end) as p25_low,
        min(case when f_low >= 0.25 - 1e-12 then waited_seconds end) as p25_high,
        min(case when f >= 0.5 - 1e-12 then waited_seconds end) as p50,
        min(case when f_high >= 0.5 - 1e-12 then waited_seconds end) as p50_low,
        min(case when f_low >= 0.5 - 1e-12 then waited_seconds end) as p50_high,
        min(case when f >= 0.9 - 1e-12 then waited_seconds end) as p90,
        min(case when f_high >= 0.9 - 1e-12 then waited_seconds end) as p90_low,
        min(case when f_low >= 0.9 - 1e-12 then waited_seconds end) as p90_high,
        min(case when g >= 0.25 - 1e-12 then waited_seconds end) as km_p25,
        min(case when g_high >= 0.25 - 1e-12 then waited_seconds end) as km_p25_low,
        min(case when g_low >= 0.25 - 1e-12 then waited_seconds end) as km_p25_high,
        min(case when g >= 0.5 - 1e-12 then waited_seconds end) as km_p50,
        min(case when g_high >= 0.5 - 1e-12 then waited_seconds end) as km_p50_low,
        min(case when g_low >= 0.5 - 1e-12 then waited_seconds end) as km_p50_high,
        min(case when g >= 0.9 - 1e-12 then waited_seconds end) as km_p90,
        min(case when g_high >= 0.9 - 1e-12 then waited_seconds end) as km_p90_low,
        min(case when g_low >= 0.9 - 1e-12 then waited_seconds end) as km_p90_high,
        max(f) filter (where waited_seconds < 72 * 3600)          as day_3,
        max_by(f_low, waited_seconds) filter (where waited_seconds < 72 * 3600)   as day_3_low,
        max_by(f_high, waited_seconds) filter (where waited_seconds < 72 * 3600)  as day_3_high,
        max(f) filter (where waited_seconds < 168 * 3600)         as day_7,
        max_by(f_low, waited_seconds) filter (where waited_seconds < 168 * 3600)  as day_7_low,
        max_by(f_high, waited_seconds) filter (where waited_seconds < 168 * 3600) as day_7_high,
        max(f) filter (where waited_seconds < 336 * 3600)         as day_14,
        max_by(f_low, waited_seconds) filter (where waited_seconds < 336 * 3600)  as day_14_low,
        max_by(f_high, waited_seconds) filter (where waited_seconds < 336 * 3600) as day_14_high,
        max_by(saved, waited_seconds)                             as saved_of_30_days,
        sum(first_part) / 1e15                                    as first_part,
        sum(second_part) / 1e15                                   as second_part,
        sum(third_part) / 1e15                                    as third_part
    from bands
    group by cell

),

-- The mean over 30 days, and the variance of it as a share of them: nothing but rounding where no case differs from another.
means as (

    select
        watched.cell,
        720 * (1 - case when is_complete then cast(seconds_saved as double) / 2592000 / n else coalesce(saved_of_30_days, 0) end) as mean,
        case
            when is_complete then (squares_saved - power(cast(seconds_saved as double) / 2592000, 2) / n) / n / n
            else saved_of_30_days * saved_of_30_days * first_part - 2 * saved_of_30_days * second_part + third_part
        end as variance
    from watched
    left join read_off using (cell)

),

-- A quantile is told by the whole hour. A share by a day, or a mean over 30, is known only where somebody was watched
-- that long.
told as (

    select
        watched.cell,
        statistics.statistic,
        case statistics.statistic
        when 'p25' then floor(p25 / 3600.0)
        when 'p50' then floor(p50 / 3600.0)
        when 'p90' then floor(p90 / 3600.0)
        when 'km_p25' then floor(km_p25 / 3600.0)
        when 'km_p50' then floor(km_p50 / 3600.0)
        when 'km_p90' then floor(km_p90 / 3600.0)
        when 'credited_by_day_3' then case when longest >= 72 * 3600 or is_exhausted then coalesce(day_3, 0) end
        when 'credited_by_day_7' then case when longest >= 168 * 3600 or is_exhausted then coalesce(day_7, 0) end
        when 'credited_by_day_14' then case when longest >= 336 * 3600 or is_exhausted then coalesce(day_14, 0) end
        when 'restricted_mean' then case when longest >= 720 * 3600 or is_exhausted then mean end
        end as value,
        case statistics.statistic
        when 'p25' then floor(p25_low / 3600.0)
        when 'p50' then floor(p50_low / 3600.0)
        when 'p90' then floor(p90_low / 3600.0)
        when 'km_p25' then floor(km_p25_low / 3600.0)
        when 'km_p50' then floor(km_p50_low / 3600.0)
        when 'km_p90' then floor(km_p90_low / 3600.0)
        when 'credited_by_day_3' then case when day_3 between 1e-12 and 1 - 1e-12 then day_3_low end
        when 'credited_by_day_7' then case when day_7 between 1e-12 and 1 - 1e-12 then day_7_low end
        when 'credited_by_day_14' then case when day_14 between 1e-12 and 1 - 1e-12 then day_14_low end
        when 'restricted_mean' then case when variance > 1e-13 then greatest(mean - 720 * 1.959963984540054::double * sqrt(variance), 0) end
        end as low,
        case statistics.statistic
        when 'p25' then floor(p25_high / 3600.0)
        when 'p50' then floor(p50_high / 3600.0)
        when 'p90' then floor(p90_high / 3600.0)
        when 'km_p25' then floor(km_p25_high / 3600.0)
        when 'km_p50' then floor(km_p50_high / 3600.0)
        when 'km_p90' then floor(km_p90_high / 3600.0)
        when 'credited_by_day_3' then case when day_3 between 1e-12 and 1 - 1e-12 then day_3_high end
        when 'credited_by_day_7' then case when day_7 between 1e-12 and 1 - 1e-12 then day_7_high end
        when 'credited_by_day_14' then case when day_14 between 1e-12 and 1 - 1e-12 then day_14_high end
        when 'restricted_mean' then case when variance > 1e-13 then least(mean + 720 * 1.959963984540054::double * sqrt(variance), 720) end
        end as high,
        watched.n,
        watched.credited
    from watched
    inner join means using (cell)
    left join read_off using (cell)
    cross join (
        values
        ('p25'), ('p50'), ('p90'), ('km_p25'), ('km_p50'), ('km_p90'),
        ('credited_by_day_3'), ('credited_by_day_7'), ('credited_by_day_14'), ('restricted_mean')
    ) as statistics (statistic)

)

select
    told.cell,
    names.grain,
    statistic,
    cast(value as double)                               as value,
    case when value is not null then cast(low as double) end  as ci_low,
    case when value is not null then cast(high as double) end as ci_high,
    cast(n as bigint)                                   as n,
    cast(credited as double)                            as numerator,
    cast(n as double)                                   as denominator
from told
inner join cells.names using (cell)

