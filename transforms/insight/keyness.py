"""Words that one group of comments uses more than another: log-odds with an informative Dirichlet prior.

Source: Monroe, Colaresi and Quinn 2008, "Fightin' Words", equations 15 to 19.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, norm

PRIOR_TOKENS = 100
FEWEST = 3  # comments a term must stand in to be named
FALSE_SHARE = 0.1
_PLACEHOLDER = r"\[(?:name|mail|phone|address|order|card|link)\]"
_WORD = r"[^\W\d_\u0e00-\u0e7f\u4e00-\u9fff][^\W\d_\u0e00-\u0e7f\u4e00-\u9fff'’]+"
# Scripts without spaces between words: every run of so many letters stands for the words in it.
_RUNS = (r"(?=([\u4e00-\u9fff]{2}))", r"(?=([\u0e00-\u0e7f]{5}))")


def log_odds(first: pd.Series, second: pd.Series, prior: pd.Series) -> pd.DataFrame:
    """delta (log-odds ratio, above 0: more in the first), var and z of each term.

    first, second: counts by term; prior: pseudo-counts by term, above 0. The terms are those of the prior.
    """
    y1, y2 = (counts.reindex(prior.index, fill_value=0).astype(float) for counts in (first, second))
    a, a0 = prior.astype(float), float(prior.sum())
    odds1 = (y1 + a) / (y1.sum() + a0 - y1 - a)
    odds2 = (y2 + a) / (y2.sum() + a0 - y2 - a)
    delta = np.log(odds1) - np.log(odds2)
    var = 1 / (y1 + a) + 1 / (y2 + a)
    return pd.DataFrame({"delta": delta, "var": var, "z": delta / np.sqrt(var)})


def terms(comments: pd.Series) -> pd.Series:
    """The distinct words and pairs of neighbouring words of each comment, one row each; index = the comment's."""
    text = comments.str.lower().str.replace(_PLACEHOLDER, " . ", regex=True)
    found = text.str.findall(_WORD + r"|[.,!?;:\n]").explode().dropna().astype(str)
    following = found.groupby(level=0).shift(-1)
    is_word = ~found.str.fullmatch(r"[.,!?;:\n]")
    joined = is_word & following.notna() & ~following.fillna(".").str.fullmatch(r"[.,!?;:\n]")
    runs = [text.str.findall(run).explode().dropna().astype(str) for run in _RUNS]
    every = pd.concat([found[is_word], (found + " " + following.fillna(""))[joined], *runs])
    return every.groupby([every.index, every]).head(1).rename("term")


def new_words(said: pd.Series, before: pd.Series, at_most: int = 10) -> pd.DataFrame:
    """Terms that stand in more of the comments `said` than in those of `before`, the surest first.

    Columns term, n, n_before (comments with it), z. A term is named when it stands in three comments or more and is
    among those that Benjamini and Hochberg keep at a false share of 10 %.
    """
    first, second = terms(said).value_counts(), terms(before).value_counts()
    pooled = first.add(second, fill_value=0)
    if first.empty or second.empty or len(pooled) < 2:
        return pd.DataFrame({"term": [], "n": [], "n_before": [], "z": []})
    found = log_odds(first, second, pooled * PRIOR_TOKENS / pooled.sum())
    found["n"] = first.reindex(found.index, fill_value=0).astype(int)
    found["n_before"] = second.reindex(found.index, fill_value=0).astype(int)
    found = found[found["n"] >= FEWEST]
    kept = found[false_discovery_control(norm.sf(found["z"])) <= FALSE_SHARE] if len(found) else found
    kept = kept.rename_axis("term").reset_index().sort_values(["z", "term"], ascending=[False, True])
    return kept[["term", "n", "n_before", "z"]].head(at_most).reset_index(drop=True)
