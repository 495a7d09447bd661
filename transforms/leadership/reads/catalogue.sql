-- One row per KPI, in the order in which the catalogue was published.
select * from kpi_catalogue
