-- Shares, net shares and rates of every cell, with their 95 % intervals. One row per cell of cells.counts.
-- value is NULL when nothing was counted below the line; an interval is NULL when it cannot be known.
--   share      Wilson (1927); mix the same, and the whole of it, which is 1, has no interval
--   net_share  adjusted Wald of Rocks (2016): three quarters of a promoter and of a detractor more, three answers more
--   rate       the order is the unit: s2 = (n sum(c2) - sum(c)2) / (n (n - 1)); log scale below 100; Garwood (1936) at 0
--   count      what was counted, without a denominator and without an interval: nothing was sampled
with counted as (

    select
        counts.cell,
        names.grain,
        slices.statistic,
        case when kpis.kind = 'mix' and slices.base is null then 'whole' else kpis.kind end as kind,
        kpis.per,
        kpis.unit,
        counts.numerator,
        counts.denominator,
        counts.n                                 as counted_rows,
        cast(counts.numerator as double)         as events,
        cast(counts.numerator_squared as double) as squares,
        cast(counts.denominator as double)       as n,
        1.959963984540054                        as z
    from cells.counts
    inner join cells.names using (cell)
    inner join cells.slices on slices.slice = counts.slice
    inner join run.kpis using (kpi)

),

ratios as (

    -- The one division of a numerator by its denominator.
    select
        *,
        events / nullif(n, 0)                                                as ratio,
        -- NULL in a cell so small that its contacts are about more orders than it has, or where no row differs from
        -- another: it knows nothing of its uncertainty, and has no interval.
        case when squares * n > events * events
            then (squares - events * events / nullif(n, 0)) / nullif(n - 1, 0) end as variance,
        -- (squares + events) / 2 promoters and (squares - events) / 2 detractors, and what Rocks adds
        events / (n + 3)                                                     as adjusted,
        (squares + 1.5) / (n + 3) - power(events / (n + 3), 2)               as adjusted_variance
    from counted

),

bands as (

    select
        *,
        case
            when kind in ('share', 'mix')
                then (ratio + z * z / (2 * n) - z * sqrt(ratio * (1 - ratio) / n + z * z / (4 * n * n))) / (1 + z * z / n)
            when kind = 'net_share' then adjusted - z * sqrt(adjusted_variance / (n + 3))
            when kind = 'rate'
                then case
                    when events = 0 then 0
                    when events < 100 then ratio * exp(-z * sqrt(variance / n) / ratio)
                    else ratio - z * sqrt(variance / n)
                end
        end as low,
        case
            when kind in ('share', 'mix')
                then (ratio + z * z / (2 * n) + z * sqrt(ratio * (1 - ratio) / n + z * z / (4 * n * n))) / (1 + z * z / n)
            when kind = 'net_share' then adjusted + z * sqrt(adjusted_variance / (n + 3))
            when kind = 'rate'
                then case
                    when events = 0 then 3.688879454113936 / n -- half the 97.5 % point of chi-squared with 2 degrees
                    when events < 100 then ratio * exp(z * sqrt(variance / n) / ratio)
                    else ratio + z * sqrt(variance / n)
                end
        end as high
    from ratios

)

select
    cell,
    grain,
    statistic,
    case when kind = 'count' then events else per * ratio end as value,
    case when n > 0 and low is not null then per * greatest(low, case when kind = 'net_share' then -1 else 0 end) end as ci_low,
    case when n > 0 and high is not null then per * case when unit in ('share', 'points') then least(high, 1) else high end end as ci_high,
    counted_rows              as n,
    cast(numerator as double) as numerator,
    case when kind <> 'count' then n end as denominator
from bands

