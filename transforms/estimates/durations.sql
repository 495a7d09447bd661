-- How long it takes, from the duration histogram of every cell: quantiles, shares credited by a day, restricted mean.
-- Headline: Aalen-Johansen cumulative incidence of "credited", a case that ended without a refund competing.
-- km_*: Kaplan-Meier, such a case censored. Open cases are censored in both. One row per cell and statistic.
-- value NULL = the curve does not get there (yet). Variance: Greenwood's, for the incidence as in Marubini and
-- Valsecchi (1995, 10.11); band: log-log of 1 - F (Kalbfleisch and Prentice); an interval of a quantile is where
-- the band meets it. d = everybody at risk happens only in a cell's last hour.
with cases as (

    select
        cell,
        waited_seconds,
        credited,
        cast(credited as double)          as d,
        cast(credited + ended as double)  as s,
        sum(cast(credited + ended + open as double)) over (
            partition by cell order by waited_seconds rows between current row and unbounded following
        )                                 as n,
        sum(cast(credited as double)) over until_now         as credited_until_now,
        sum(cast(credited + ended as double)) over until_now as settled_until_now,
        sum(cast(open as double)) over cell_of               as still_open
    from cells.durations
    window
        until_now as (partition by cell order by waited_seconds rows between unbounded preceding and current row),
        cell_of as (
            partition by cell order by waited_seconds rows between unbounded preceding and unbounded following
        )

),

kaplan_meier as (

    select
        *,
        s = n                             as is_exhausted,
        case
            when d < n then exp(sum(case when d < n then ln(1 - d / n) else 0 end) over until_now)
            else 0
        end                               as km,
        sum(case when d < n then d / (n * (n - d)) else 0 end) over until_now    as greenwood
    from cases
    window until_now as (partition by cell order by waited_seconds rows between unbounded preceding and current row)

),

-- While nobody is cut off, the incidence is a plain share of all and its variance a share's: what the general way
-- below comes to then, without its running sums. Most cells are of this kind.
complete as (

    select
        *,
        credited_until_now / (n + settled_until_now - s) as f,
        d / (n + settled_until_now - s)                  as jump
    from kaplan_meier
    where still_open = 0

),

staying as (

    select
        *,
        case when s < n then s / (n * (n - s)) else 0 end                        as hazard_variance,
        exp(sum(case when s < n then ln(1 - s / n) else 0 end) over until_now)   as stay
    from kaplan_meier
    where still_open > 0
    window until_now as (partition by cell order by waited_seconds rows between unbounded preceding and current row)

),

jumps as (

    -- The share at risk just before, and what of it is credited. Only a cell's last moment exhausts it.
    select
        *,
        case when s < n then stay / (1 - s / n) else stay end                    as stay_before,
        case when s < n then stay / (1 - s / n) else stay end * d / n            as jump
    from staying

),

incidence as (

    select
        *,
        least(sum(jump) over until_now, 1) as f, -- a sum of many parts may pass 1 by rounding
        sum(hazard_variance) over until_now as hazard_variances
    from jumps
    window until_now as (partition by cell order by waited_seconds rows between unbounded preceding and current row)

),

variances as (

    -- sum over s <= t of (F(t) - F(s))2 d/(n (n - d)) + S(s-)2 d1 (n - d1)/n3 - 2 (F(t) - F(s)) S(s-) d1/n2,
    -- multiplied out into sums that run along with t.
    select
        cell, waited_seconds, credited, n, is_exhausted, km, greenwood, f, jump,
        greatest(
            f * f * hazard_variances
            - 2 * f * sum(f * hazard_variance + jump / n) over until_now
            + sum(f * f * hazard_variance + stay_before * jump * (n - d) / (n * n) + 2 * f * jump / n) over until_now,
            0
        )                                 as f_variance
    from incidence
    window until_now as (partition by cell order by waited_seconds rows between unbounded preceding and current row)

    union all

    select
        cell, waited_seconds, credited, n, is_exhausted, km, greenwood, f, jump,
        f * (1 - f) / (n + settled_until_now - s) as f_variance
    from complete

),

spreads as (

    -- Half the width of the band on the log-log scale; NULL where the curve stands at 0 or 1.
    select
        *,
        case when f between 1e-12 and 1 - 1e-12
            then 1.959963984540054 * sqrt(f_variance) / abs((1 - f) * ln(1 - f)) end as f_spread,
        case when km between 1e-12 and 1 - 1e-12
            then 1.959963984540054 * sqrt(greenwood) / abs(ln(km)) end               as km_spread
    from variances

),

bands as (

    select
        *,
        cast(floor(waited_seconds / 3600.0) as integer) as hour,
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
        max(n)                                                    as n,
        sum(credited)                                             as credited,
        min(hour) filter (where f >= 0.25 - 1e-12)                as p25,
        min(hour) filter (where f_high >= 0.25 - 1e-12)           as p25_low,
        min(hour) filter (where f_low >= 0.25 - 1e-12)            as p25_high,
        min(hour) filter (where f >= 0.5 - 1e-12)                 as p50,
        min(hour) filter (where f_high >= 0.5 - 1e-12)            as p50_low,
        min(hour) filter (where f_low >= 0.5 - 1e-12)             as p50_high,
        min(hour) filter (where f >= 0.9 - 1e-12)                 as p90,
        min(hour) filter (where f_high >= 0.9 - 1e-12)            as p90_low,
        min(hour) filter (where f_low >= 0.9 - 1e-12)             as p90_high,
        min(hour) filter (where g >= 0.25 - 1e-12)                as km_p25,
        min(hour) filter (where g_high >= 0.25 - 1e-12)           as km_p25_low,
        min(hour) filter (where g_low >= 0.25 - 1e-12)            as km_p25_high,
        min(hour) filter (where g >= 0.5 - 1e-12)                 as km_p50,
        min(hour) filter (where g_high >= 0.5 - 1e-12)            as km_p50_low,
        min(hour) filter (where g_low >= 0.5 - 1e-12)             as km_p50_high,
        min(hour) filter (where g >= 0.9 - 1e-12)                 as km_p90,
        min(hour) filter (where g_high >= 0.9 - 1e-12)            as km_p90_low,
        min(hour) filter (where g_low >= 0.9 - 1e-12)             as km_p90_high,
        -- A share by a day, or a mean over 30, is known only where somebody was watched that long.
        case when max(waited_seconds) >= 72 * 3600 or bool_or(is_exhausted)
            then coalesce(max(f) filter (where waited_seconds < 72 * 3600), 0) end as day_3,
        max_by(f_low, waited_seconds) filter (where waited_seconds < 72 * 3600) as day_3_low,
        max_by(f_high, waited_seconds) filter (where waited_seconds < 72 * 3600) as day_3_high,
        case when max(waited_seconds) >= 168 * 3600 or bool_or(is_exhausted)
            then coalesce(max(f) filter (where waited_seconds < 168 * 3600), 0) end as day_7,
        max_by(f_low, waited_seconds) filter (where waited_seconds < 168 * 3600) as day_7_low,
        max_by(f_high, waited_seconds) filter (where waited_seconds < 168 * 3600) as day_7_high,
        case when max(waited_seconds) >= 336 * 3600 or bool_or(is_exhausted)
            then coalesce(max(f) filter (where waited_seconds < 336 * 3600), 0) end as day_14,
        max_by(f_low, waited_seconds) filter (where waited_seconds < 336 * 3600) as day_14_low,
        max_by(f_high, waited_seconds) filter (where waited_seconds < 336 * 3600) as day_14_high,
        case when max(waited_seconds) >= 72 * 36000 or bool_or(is_exhausted)
            then 720 - sum(jump * greatest(720 - waited_seconds / 3600.0, 0)) end    as restricted_mean
    from bands
    group by cell

)

select
    cell,
    statistic.name                     as statistic,
    cast(statistic.value as double)    as value,
    case when statistic.value is not null then cast(statistic.low as double) end as ci_low,
    case when statistic.value is not null then cast(statistic.high as double) end as ci_high,
    cast(read_off.n as bigint)         as n,
    cast(read_off.credited as double)  as numerator,
    read_off.n                         as denominator
from read_off
cross join lateral (
    values
    ('p25', p25, p25_low, p25_high),
    ('p50', p50, p50_low, p50_high),
    ('p90', p90, p90_low, p90_high),
    ('km_p25', km_p25, km_p25_low, km_p25_high),
    ('km_p50', km_p50, km_p50_low, km_p50_high),
    ('km_p90', km_p90, km_p90_low, km_p90_high),
    ('credited_by_day_3', day_3, case when day_3 > 0 and day_3 < 1 then day_3_low end, case when day_3 > 0 and day_3 < 1 then day_3_high end),
    ('credited_by_day_7', day_7, case when day_7 > 0 and day_7 < 1 then day_7_low end, case when day_7 > 0 and day_7 < 1 then day_7_high end),
    ('credited_by_day_14', day_14, case when day_14 > 0 and day_14 < 1 then day_14_low end, case when day_14 > 0 and day_14 < 1 then day_14_high end),
    ('restricted_mean', restricted_mean, null, null)
) as statistic (name, value, low, high)
