"""kpi_weekly as arrays: for one KPI and statistic, its series side by side, up to the week that is tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from transforms.insight.control import Flags, Floats

ALL = "all"
BASELINE = 26  # complete weeks that limits are learned from
# With fewer the limits are so uncertain that a lasting shift of two standard deviations is found within three weeks
# in less than a third of cases: silence would be read as calm.
LEAST_BASELINE = 10
WARM_UP = 6  # first weeks of a history: what was ordered before it is missing from them

# kpi (None: all of them), first and last Monday of something known: a sale, a strike, an incident.
Marked = tuple[str | None, date, date]


@dataclass(frozen=True)
class Weeks:
    """Series × weeks of one KPI and statistic. The last week is the one tested."""

    keys: pd.DataFrame  # dimension, dimension_value of each series
    mondays: pd.DatetimeIndex
    value: Floats
    numerator: Floats
    denominator: Floats
    n: Floats
    status: pd.Series  # of the tested week, one per series; NULL: no such row
    final: Flags
    near: Flags  # the weeks of the baseline
    far: Flags  # as many again before them, for the spread
    marked: Flags  # one per week


def weeks_of(
    rows: pd.DataFrame, kpi: str, window_days: int, marked: Sequence[Marked], warm_up: int, recent: int
) -> Weeks | None:
    """The arrays of one KPI and statistic, or None where no week is settled.

    Tested is the newest week whose headline cannot move any more. The baseline is the 26 latest final weeks before the
    `recent` ones, without marked weeks and without the first `warm_up` of the KPI's history in `rows`.
    """
    headline = rows[rows["dimension"] == ALL]
    headline = headline if len(headline) else rows
    # A value that is not reached yet says so even while its window is open.
    is_over = headline["week"] + pd.Timedelta(days=7 + window_days) <= _naive(headline["as_of"])
    settled = headline["week"][is_over & (headline["status"] != "provisional")]
    if settled.empty:
        return None
    mondays = pd.date_range(rows["week"].min(), settled.max(), freq="7D")
    rows = rows[rows["week"] <= settled.max()]
    series = rows.groupby(["dimension", "dimension_value"], sort=True).ngroup().to_numpy()
    keys = rows[["dimension", "dimension_value"]].assign(series=series).drop_duplicates("series")
    place = (series, ((rows["week"] - mondays[0]).dt.days // 7).to_numpy())
    shape = (len(keys), len(mondays))

    def grid(column: pd.Series, empty: object, kind: type) -> np.ndarray:
        found = np.full(shape, empty, kind)
        found[place] = column.to_numpy(kind)
        return found

    value, n = grid(rows["value"].astype(float), np.nan, float), grid(rows["n"].astype(float), np.nan, float)
    status = grid(rows["status"].astype(object), None, object)
    final = (status == "final") & ~np.isnan(value)
    is_marked = _marked(mondays, kpi, marked)
    can = final & ~is_marked & (np.arange(len(mondays)) >= warm_up)
    can[:, max(len(mondays) - recent, 0) :] = False
    back = can[:, ::-1].cumsum(axis=1)[:, ::-1]
    return Weeks(
        keys.sort_values("series")[["dimension", "dimension_value"]].reset_index(drop=True),
        mondays,
        value,
        grid(rows["numerator"].astype(float), np.nan, float),
        grid(rows["denominator"].astype(float), np.nan, float),
        n,
        pd.Series(status[:, -1], dtype=object),
        final,
        can & (back <= BASELINE),
        can & (back > BASELINE) & (back <= 2 * BASELINE),
        is_marked,
    )


def _marked(mondays: pd.DatetimeIndex, kpi: str, marked: Sequence[Marked]) -> Flags:
    found = np.zeros(len(mondays), bool)
    for about, first, last in marked:
        if about in (None, kpi):
            found |= (mondays >= pd.Timestamp(first)) & (mondays <= pd.Timestamp(last))
    return found


def _naive(moments: pd.Series) -> pd.Series:
    """As UTC without saying so, as weeks are."""
    return pd.to_datetime(moments, utc=True).dt.tz_localize(None)
