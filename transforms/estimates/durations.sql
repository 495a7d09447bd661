-- How long it takes, from the duration histogram of every cell: quantiles, shares credited by a day, restricted mean.
-- Headline: Aalen-Johansen cumulative incidence of "credited", a case that ended without a refund competing.
-- km_*: Kaplan-Meier, such a case censored. Open cases are censored in both. One row per cell and statistic.
-- value NULL = the curve does not get there (yet). Variance: Greenwood's, for the incidence as in Marubini and
-- Valsecchi (1995, 10.11); band: log-log of 1 - F (Kalbfleisch and Prentice); an interval of a quantile is where
-- the band meets it. The restricted mean is 30 days less the time that customers had their money in them; its variance is
-- that of the incidence's area, by the same way (for Kaplan-Meier it is Greenwood's). d = everybody at risk happens only in a cell's last moment.
-- Running sums are of whole 1e-15ths: sums of floating-point numbers depend on the order in which the engine adds them,
-- and a night that makes a cell again has to find the same bits.
with ordered as (

    -- From a cell's longest wait to its shortest, cell after cell, so that sums run along in the order of the rows; what has
    -- run up before a cell is taken off again. That costs the engine a tenth of sums that are told apart by cell.
    select
        cell,
        waited_seconds,
        credited,
        ended,
        open,
        lag(cell) over () is distinct from cell            as is_first,
        credited + ended + open                            as left_now,
        sum(credited + ended + open) over so_far           as left_so_far
    from (from cells.durations order by cell, waited_seconds desc)
    window so_far as (rows between unbounded preceding and current row)

),

at_risk as (

    -- n: at risk just before, which is all who waited as long or longer.
    select
        * exclude (is_first, left_now, left_so_far),
        cast(left_so_far - max(case when is_first then left_so_far - left_now end) over so_far as bigint) as n
    from ordered
    window so_far as (rows between unbounded preceding and current row)

),

stepping as materialized (

    select
        cell,
        waited_seconds,
        credited,
        ended,
        open,
        n,
        case when credited < n then cast(-1e15 * ln(1 - credited / n) as bigint) else 0 end                                as step,
        case when credited < n then cast(1e15 * credited / (cast(n as double) * (n - credited)) as bigint) else 0 end as greenwood_step,
        sum(credited) over so_far       as credited_so_far,
        sum(step) over so_far           as steps_so_far,
        sum(greenwood_step) over so_far as greenwood_so_far
    from at_risk
    window so_far as (rows between unbounded preceding and current row)

),

watched as (

    -- How long somebody was watched at least, and whether everybody was settled in the end. is_complete: nobody was cut
    -- off before the last case was settled, as in every cell that is old enough.
    select
        cell,
        max(n)                                                                            as n,
        sum(credited)                                                                     as credited,
        max(credited_so_far)                                                              as all_credited,
        max(steps_so_far)                                                                 as all_steps,
        max(greenwood_so_far)                                                             as all_greenwood,
        sum(cast(credited as bigint) * greatest(720 * 3600 - waited_seconds, 0))          as seconds_saved,
        cast(sum(credited * cast(greatest(720 * 3600 - waited_seconds, 0) as bigint) * greatest(720 * 3600 - waited_seconds, 0)) as double) / power(2592000, 2) as squares_saved,
        max(waited_seconds)                                                               as longest,
        max(waited_seconds) filter (where open > 0) is distinct from max(waited_seconds)  as is_exhausted,
        coalesce(
            min(waited_seconds) filter (where open > 0) > max(waited_seconds) filter (where credited + ended > 0), true
        )                                                                                 as is_complete
    from stepping
    group by cell

),

kaplan_meier as not materialized (

    -- Where somebody was settled, by then: how many were credited; descent, -ln of the share not credited with ended cases
    -- censored, NULL once nobody is left; and Greenwood's sum. Read twice, which costs less than to keep it.
    select
        stepping.cell,
        stepping.waited_seconds,
        watched.is_complete,
        cast(watched.n as double)                                                                   as everybody,
        cast(stepping.credited as double)                                                           as d,
        cast(stepping.credited + stepping.ended as double)                                          as s,
        cast(stepping.n as double)                                                                  as n,
        cast(watched.all_credited - stepping.credited_so_far + stepping.credited as double)         as credited_until_now,
        case when stepping.credited < stepping.n then (watched.all_steps - stepping.steps_so_far + stepping.step) / 1e15 end as descent,
        (watched.all_greenwood - stepping.greenwood_so_far + stepping.greenwood_step) / 1e15        as greenwood
    from stepping
    inner join watched using (cell)
    where stepping.credited + stepping.ended > 0

),

staying as (

    -- From here on what only cells with somebody cut off need, from the shortest wait to the longest.
    select
        *,
        lag(cell) over () is distinct from cell                                            as is_first,
        case when s < n then s / (n * (n - s)) else 0 end                                  as hazard_variance,
        case when s < n then cast(-1e15 * ln(1 - s / n) as bigint) else 0 end              as step,
        sum(step) over so_far                                                              as steps
    from (from kaplan_meier where not is_complete order by cell, waited_seconds)
    window so_far as (rows between unbounded preceding and current row)

),

jumps as (

    -- stay: not settled either way by then. jump: the share at risk just before, and what of it is credited. Only a
    -- cell's last moment exhausts it.
    select
        * exclude (step, steps),
        exp(-(steps - max(case when is_first then steps - step end) over so_far) / 1e15) as stay,
        case when s < n then stay / (1 - s / n) else stay end                            as stay_before,
        stay_before * d / n                                                              as jump,
        cast(1e15 * jump as bigint)                                                      as f_step,
        cast(1e15 * hazard_variance as bigint)                                           as hazard_step,
        cast(1e15 * (jump * greatest(1 - waited_seconds / 3600.0 / 720, 0)) as bigint)   as saved_step
    from staying
    window so_far as (rows between unbounded preceding and current row)

),

adding as (

    select
        *,
        sum(f_step) over so_far      as f_steps,
        sum(hazard_step) over so_far as hazard_steps,
        sum(saved_step) over so_far  as saved_steps
    from jumps
    window so_far as (rows between unbounded preceding and current row)

),

incidence as (

    -- saved: the share of 30 days that customers had their money.
    select
        * exclude (f_step, f_steps, hazard_step, hazard_steps, saved_step, saved_steps),
        least((f_steps - max(case when is_first then f_steps - f_step end) over so_far) / 1e15, 1) as f, -- a sum of many parts may pass 1 by rounding
        (hazard_steps - max(case when is_first then hazard_steps - hazard_step end) over so_far) / 1e15 as hazard_variances,
        (saved_steps - max(case when is_first then saved_steps - saved_step end) over so_far) / 1e15 as saved,
        cast(1e15 * (f * hazard_variance + jump / n) as bigint)                                          as second_step,
        cast(1e15 * (f * f * hazard_variance + stay_before * jump * (n - d) / (n * n) + 2 * f * jump / n) as bigint) as third_step
    from adding
    window so_far as (rows between unbounded preceding and current row)

),

varying as (

    select
        *,
        sum(second_step) over so_far as second_steps,
        sum(third_step) over so_far  as third_steps
    from incidence
    window so_far as (rows between unbounded preceding and current row)

),

censored as materialized (

    -- sum over s <= t of (F(t) - F(s))2 d/(n (n - d)) + S(s-)2 d1 (n - d1)/n3 - 2 (F(t) - F(s)) S(s-) d1/n2,
    -- multiplied out into sums that run along with t.
    select
        * exclude (second_step, second_steps, third_step, third_steps),
        greatest(
            f * f * hazard_variances
            - 2 * f * ((second_steps - max(case when is_first then second_steps - second_step end) over so_far) / 1e15)
            + (third_steps - max(case when is_first then third_steps - third_step end) over so_far) / 1e15,
            0
        )                                              as f_variance,
        greatest(1 - waited_seconds / 3600.0 / 720, 0) as left_over -- of the 30 days
    from varying
    window so_far as (rows between unbounded preceding and current row)

),

curves as (

    select cell, waited_seconds, descent, greenwood, f, f_variance from censored
    union all
    -- While nobody has been cut off the incidence is a plain share of all, and its variance a share's: what the general
    -- way comes to then, without its running sums.
    select
        cell,
        waited_seconds,
        descent,
        greenwood,
        credited_until_now / everybody as f,
        f * (1 - f) / everybody        as f_variance
    from kaplan_meier
    where is_complete

),

-- The curves and their bands move where somebody is settled: only there can a quantile lie. Half the width of a band is
-- taken on the log-log scale, and there it is compared: 1 - (1 - f)^exp(+-spread) >= q where ln(-ln(1 - f)) +- spread >=
-- ln(-ln(1 - q)). A curve that stands at 0 or 1 has no band.
spreads as (

    select
        cell,
        waited_seconds,
        f,
        f_variance,
        case when descent is null then 1 else 1 - exp(-descent) end as g,
        case when f between 1e-12 and 1 - 1e-12 then -ln(1 - f) end as f_descent,
        case when g between 1e-12 and 1 - 1e-12 then descent end    as g_descent,
        1.959963984540054 * sqrt(f_variance) / ((1 - f) * f_descent) as f_spread,
        1.959963984540054 * sqrt(greenwood) / g_descent              as g_spread,
        coalesce(ln(f_descent) + f_spread, case when f < 0.5 then -1e9 else 1e9 end) as f_high,
        coalesce(ln(f_descent) - f_spread, case when f < 0.5 then -1e9 else 1e9 end) as f_low,
        coalesce(ln(g_descent) + g_spread, case when g < 0.5 then -1e9 else 1e9 end) as g_high,
        coalesce(ln(g_descent) - g_spread, case when g < 0.5 then -1e9 else 1e9 end) as g_low
    from curves

),

-- How many of a quarter, a half and nine tenths each curve and each side of its band have reached by a moment, and on which
-- side of three days it lies: a digit each, to base four, so that only a few moments of each cell are left to be looked at.
moments as (

    select
        cell,
        case when f >= 0.9 - 1e-12 then 3 when f >= 0.5 - 1e-12 then 2 when f >= 0.25 - 1e-12 then 1 else 0 end
            + case when f_high >= ln(-ln(0.1 + 1e-12)) then 12 when f_high >= ln(-ln(0.5 + 1e-12)) then 8 when f_high >= ln(-ln(0.75 + 1e-12)) then 4 else 0 end
            + case when f_low >= ln(-ln(0.1 + 1e-12)) then 48 when f_low >= ln(-ln(0.5 + 1e-12)) then 32 when f_low >= ln(-ln(0.75 + 1e-12)) then 16 else 0 end
            + case when g >= 0.9 - 1e-12 then 192 when g >= 0.5 - 1e-12 then 128 when g >= 0.25 - 1e-12 then 64 else 0 end
            + case when g_high >= ln(-ln(0.1 + 1e-12)) then 768 when g_high >= ln(-ln(0.5 + 1e-12)) then 512 when g_high >= ln(-ln(0.75 + 1e-12)) then 256 else 0 end
            + case when g_low >= ln(-ln(0.1 + 1e-12)) then 3072 when g_low >= ln(-ln(0.5 + 1e-12)) then 2048 when g_low >= ln(-ln(0.75 + 1e-12)) then 1024 else 0 end
            + case when waited_seconds < 72 * 3600 then 12288 when waited_seconds < 168 * 3600 then 8192 when waited_seconds < 336 * 3600 then 4096 else 0 end as reached,
        min(waited_seconds)                as first_second,
        max(waited_seconds)                as last_second,
        max_by(f, waited_seconds)          as last_f,
        max_by(f_variance, waited_seconds) as last_variance
    from spreads
    group by cell, reached

),

read_off as (

    select
        cell,
        [
            min(first_second) filter (where reached % 4 >= 1), min(first_second) filter (where reached % 4 >= 2), min(first_second) filter (where reached % 4 >= 3),
            min(first_second) filter (where reached // 64 % 4 >= 1), min(first_second) filter (where reached // 64 % 4 >= 2), min(first_second) filter (where reached // 64 % 4 >= 3)
        ] as quantiles,
        [
            min(first_second) filter (where reached // 4 % 4 >= 1), min(first_second) filter (where reached // 4 % 4 >= 2), min(first_second) filter (where reached // 4 % 4 >= 3),
            min(first_second) filter (where reached // 256 % 4 >= 1), min(first_second) filter (where reached // 256 % 4 >= 2), min(first_second) filter (where reached // 256 % 4 >= 3)
        ] as lows,
        [
            min(first_second) filter (where reached // 16 % 4 >= 1), min(first_second) filter (where reached // 16 % 4 >= 2), min(first_second) filter (where reached // 16 % 4 >= 3),
            min(first_second) filter (where reached // 1024 % 4 >= 1), min(first_second) filter (where reached // 1024 % 4 >= 2), min(first_second) filter (where reached // 1024 % 4 >= 3)
        ] as highs,
        [
            max_by(last_f, last_second) filter (where last_second < 72 * 3600),
            max_by(last_f, last_second) filter (where last_second < 168 * 3600),
            max_by(last_f, last_second) filter (where last_second < 336 * 3600)
        ] as shares,
        [
            max_by(last_variance, last_second) filter (where last_second < 72 * 3600),
            max_by(last_variance, last_second) filter (where last_second < 168 * 3600),
            max_by(last_variance, last_second) filter (where last_second < 336 * 3600)
        ] as variances
    from moments
    group by cell

),

-- What the variance of all saved, A, is made of: A2 x first - 2 A x second + third.
areas as (

    select
        cell,
        max_by(saved, waited_seconds) as saved_of_30_days,
        sum(cast(1e15 * case when left_over > 0 then hazard_variance end as bigint)) / 1e15 as first_part,
        sum(cast(1e15 * case when left_over > 0 then saved * hazard_variance + left_over * jump / n end as bigint)) / 1e15 as second_part,
        sum(cast(1e15 * case when left_over > 0 then saved * saved * hazard_variance
            + left_over * left_over * stay_before * jump * (n - d) / (n * n) + 2 * saved * left_over * jump / n
        end as bigint)) / 1e15 as third_part
    from censored
    group by cell

),

-- The mean over 30 days, and the variance of it as a share of them: nothing but rounding where no case differs from another.
means as (

    select
        watched.cell,
        longest >= 720 * 3600 or is_exhausted as is_known,
        720 * (1 - case when is_complete then cast(seconds_saved as double) / 2592000 / n else coalesce(saved_of_30_days, 0) end) as mean,
        case
            when is_complete then (squares_saved - power(cast(seconds_saved as double) / 2592000, 2) / n) / n / n
            else saved_of_30_days * saved_of_30_days * first_part - 2 * saved_of_30_days * second_part + third_part
        end as variance,
        case when variance > 1e-13 then 720 * 1.959963984540054::double * sqrt(variance) end as spread
    from watched
    left join areas using (cell)

),

-- A quantile is told by the whole hour. A share by a day, or a mean over 30, is known only where somebody was watched
-- that long; the interval of a share is the band there.
told as (

    select
        cell,
        statistic,
        floor(quantiles[place] / 3600.0) as value,
        floor(lows[place] / 3600.0)      as low,
        floor(highs[place] / 3600.0)     as high
    from watched
    left join read_off using (cell)
    cross join (
        select unnest([1, 2, 3, 4, 5, 6]) as place,
            unnest(cast(['p25', 'p50', 'p90', 'km_p25', 'km_p50', 'km_p90'] as term[])) as statistic
    ) as statistics

    union all

    select
        cell,
        statistic,
        case when longest >= hours * 3600 or is_exhausted then coalesce(share, 0) end,
        1 - power(1 - share, exp(-spread)),
        1 - power(1 - share, exp(spread))
    from (
        select
            *,
            shares[place] as share,
            case when share between 1e-12 and 1 - 1e-12
                then 1.959963984540054 * sqrt(variances[place]) / ((1 - share) * -ln(1 - share)) end as spread
        from watched
        left join read_off using (cell)
        cross join (
            select unnest([1, 2, 3]) as place, unnest([72, 168, 336]) as hours,
                unnest(cast(['credited_by_day_3', 'credited_by_day_7', 'credited_by_day_14'] as term[])) as statistic
        ) as statistics
    )

    union all

    select
        cell,
        cast('restricted_mean' as term),
        case when is_known then mean end,
        case when spread is not null then greatest(mean - spread, 0) end,
        case when spread is not null then least(mean + spread, 720) end
    from means

)

select
    cell,
    names.grain,
    statistic,
    cast(value as double)                                     as value,
    case when value is not null then cast(low as double) end  as ci_low,
    case when value is not null then cast(high as double) end as ci_high,
    cast(watched.n as bigint)                                 as n,
    cast(watched.credited as double)                          as numerator,
    cast(watched.n as double)                                 as denominator
from told
inner join watched using (cell)
inner join cells.names using (cell)
