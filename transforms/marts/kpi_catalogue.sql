-- What each KPI means and how it is made, all that is needed to cite a number. One row per KPI, from the header of its
-- SQL file. statistic_window_days: days after the period's end until each of `statistics` is final, in their order.
-- within: the dimension that every pair has; part_of: the duration that this dimension takes apart.
select
    kpis.kpi,
    kpis.label,
    kpis.question,
    citations.meaning,
    citations.formula,
    kpis.kind,
    kpis.unit,
    kpis.per,
    kpis.better,
    kpis.anchor,
    kpis.grain,
    kpis.dimensions,
    kpis.numerator_dimensions,
    kpis.within,
    kpis.part_of,
    kpis.window_days,
    citations.exclusions,
    citations.maturity,
    citations.interval_method,
    kpis.owner,
    kpis.statistics,
    citations.statistic_window_days,
    kpis.headline_statistic,
    targets.target,
    kpis.definition,
    kpis.version as definition_version,
    kpis.changes,
    kpis.sources,
    citations.source_columns
from run.kpis
inner join run.citations using (kpi)
cross join run.clock
left join run.targets
    on targets.kpi = kpis.kpi
    and targets.statistic = kpis.headline_statistic
    and cast(clock.as_of as date) between targets.valid_from and targets.valid_until - 1
