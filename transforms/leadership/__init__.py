"""The weekly leadership file: one payload from the published marts, then page, print, workbook and data.

Formats, never computes: every number is one of kpi_weekly or kpi_monthly, or a finding of transforms/insight.
"""
