"""kpi_weekly as arrays: series side by side, each ending with the week in which it is tested."""

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
SERIES = ["kpi", "statistic", "dimension", "dimension_value"]

# kpi (None: all of them), first and last Monday of something known: a sale, a strike, an incident.
Marked = tuple[str | None, date, date]


@dataclass(frozen=True)
class Weeks:
    """Series × weeks. The last column is the week tested, whichever week that is for the series' KPI."""

    keys: pd.DataFrame  # SERIES, tested, per, alpha: one row per series
    value: Floats
    numerator: Floats
    denominator: Floats
    n: Floats
    status: np.ndarray  # None: no such row
    final: Flags
    near: Flags  # the weeks of the baseline
    far: Flags  # as many again before them, for the spread
    marked: Flags


def tested_weeks(rows: pd.DataFrame) -> pd.Series:
    """Per row, the newest week of its KPI and statistic whose headline cannot move any more; NaT where there is none.

    A value that is not reached yet says so even while its window is open: what counts is that the window is over.
    """
    kpi = rows.groupby(["kpi", "statistic"], sort=False).ngroup()
    is_headline = (rows["dimension"] == ALL) | ~(rows["dimension"] == ALL).groupby(kpi).transform("any")
    over = rows["week"] + pd.to_timedelta(7 + rows["window_days"], unit="D")
    as_of = pd.to_datetime(rows["as_of"], utc=True).dt.tz_localize(None)
    settled = is_headline & (over <= as_of) & (rows["status"] != "provisional")
    return rows["week"].where(settled).groupby(kpi).transform("max")


def weeks_of(rows: pd.DataFrame, marked: Sequence[Marked], warm_up: int, recent: int) -> Weeks:
    """The arrays of `rows` (kpi_weekly with `tested`, none of it NaT, `per` and `alpha`).

    The baseline is the 26 latest final weeks before the `recent` ones, without marked weeks and without the first
    `warm_up` of the KPI's history in `rows`.
    """
    began = rows.groupby(["kpi", "statistic"], sort=False)["week"].transform("min") + pd.Timedelta(weeks=warm_up)
    rows = rows.assign(began=began)[rows["week"] <= rows["tested"]]
    series = rows.groupby(SERIES, sort=True).ngroup().to_numpy()
    back = ((rows["tested"] - rows["week"]).dt.days // 7).to_numpy()
    one_each = rows.assign(series=series).drop_duplicates("series").sort_values("series").reset_index(drop=True)
    shape = (len(one_each), int(back.max(initial=0)) + 1)

    def grid(name: str) -> Floats:
        found = np.full(shape, np.nan)
        found[series, shape[1] - 1 - back] = rows[name].to_numpy(float, na_value=np.nan)
        return found

    status = np.full(shape, None, object)
    status[series, shape[1] - 1 - back] = rows["status"].to_numpy(object)
    value = grid("value")
    final = (status == "final") & ~np.isnan(value)
    ago = pd.to_timedelta(7 * np.arange(shape[1])[::-1], unit="D").to_numpy()
    mondays = one_each["tested"].to_numpy()[:, None] - ago
    is_marked = _marked(mondays, one_each["kpi"], marked)
    can = final & ~is_marked & (mondays >= one_each["began"].to_numpy()[:, None])
    can[:, max(shape[1] - recent, 0) :] = False
    rank = can[:, ::-1].cumsum(axis=1)[:, ::-1]
    keys = one_each[[*SERIES, "tested", "per", "alpha"]]
    near, far = can & (rank <= BASELINE), can & (rank > BASELINE) & (rank <= 2 * BASELINE)
    sums = (grid("numerator"), grid("denominator"), grid("n"))
    return Weeks(keys, value, *sums, status[:, -1], final, near, far, is_marked)


def _marked(mondays: np.ndarray, kpi: pd.Series, marked: Sequence[Marked]) -> Flags:
    found = np.zeros(mondays.shape, bool)
    for about, first, last in marked:
        concerned = np.ones(len(kpi), bool) if about is None else (kpi == about).to_numpy()
        within = (mondays >= np.datetime64(first)) & (mondays <= np.datetime64(last))
        found |= concerned[:, None] & within
    return found
