"""False discovery rate: p-values corrected for how many were looked at."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats


def adjusted(p: ArrayLike, *, any_dependence: bool = False) -> NDArray[np.float64]:
    """Benjamini-Hochberg (1995) adjusted p-values; Benjamini-Yekutieli (2001) under any dependence. NaN stays NaN."""
    values = np.asarray(p, float)
    known = ~np.isnan(values)
    found = np.full(values.shape, np.nan)
    if known.any():
        method = "by" if any_dependence else "bh"
        found[known] = stats.false_discovery_control(values[known], method=method)
    return found


def adjusted_in_groups(p: ArrayLike, groups: ArrayLike | pd.MultiIndex) -> NDArray[np.float64]:
    """Benjamini-Hochberg within each group of equal labels: one family of questions each. NaN stays NaN."""
    frame = pd.DataFrame({"p": np.asarray(p, float), "group": pd.factorize(np.asarray(groups))[0]})
    known = frame.dropna().sort_values(["group", "p"], kind="stable")
    rank = known.groupby("group").cumcount() + 1
    known["q"] = known["p"] * known.groupby("group")["p"].transform("size") / rank
    # From the largest down, none is larger than the one after it.
    known["q"] = known[::-1].groupby("group")["q"].cummin()[::-1].clip(upper=1)
    return known["q"].reindex(frame.index).to_numpy(float)
