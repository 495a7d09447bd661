-- What each KPI means and how it is made. One row per KPI, from the header of its SQL file.
select
    kpis.kpi,
    kpis.label,
    kpis.question,
    kpis.kind,
    kpis.unit,
    kpis.better,
    kpis.anchor,
    kpis.grain,
    kpis.dimensions,
    kpis.numerator_dimensions,
    kpis.window_days,
    kpis.owner,
    kpis.statistics,
    kpis.headline_statistic,
    targets.target,
    kpis.definition,
    kpis.version as definition_version,
    kpis.changes,
    kpis.sources
from run.kpis
left join run.targets
    on targets.kpi = kpis.kpi
    and targets.statistic = kpis.headline_statistic
