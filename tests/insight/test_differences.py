"""Differences of two groups against published numbers, the golden cases and other libraries."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep

from transforms.insight.differences import (
    cluster_ratio,
    mean_of_counts,
    nps_difference,
    nps_difference_mover,
    rate_difference,
    rate_ratio,
    share_difference,
    welch,
)
from transforms.insight.fdr import adjusted, adjusted_in_groups

GOLDEN = Path(__file__).parents[1] / "golden"


def cases(stem: str, start: str = "") -> list[Any]:
    found = json.loads((GOLDEN / f"{stem}.json").read_text())["cases"]
    return [pytest.param(case, id=case["id"]) for case in found if case["id"].startswith(start)]


def close(expected: float | None) -> Any:
    return pytest.approx(math.nan if expected is None else expected, rel=1e-9, abs=1e-9, nan_ok=True)


def groups(case: Any) -> tuple[Any, Any]:
    return tuple({int(k): v for k, v in case["inputs"][group].items()} for group in "ab")


@pytest.mark.parametrize("case", cases("nps_diff"))
def test_nps(case: Any) -> None:
    a, b = (tuple(case["inputs"][g][part] for part in ("promoters", "passives", "detractors")) for g in "ab")
    found, e = nps_difference(a, b), case["expected"]
    assert (found.value, found.se) == (close(e["diff_adj"]), close(e["se_adj"]))
    assert (found.low, found.high) == (close(e["lo"]), close(e["hi"]))
    assert (found.statistic, found.p_value) == (close(e["z"]), close(e["p_two_sided"]))
    assert nps_difference_mover(a, b) == (close(e["mover_score_lo"]), close(e["mover_score_hi"]))


def test_nps_of_promoters_alone_has_limits() -> None:
    low, high = nps_difference_mover((20, 0, 0), (0, 0, 20))
    assert 100 < low < 200
    assert high == close(200)


@pytest.mark.parametrize("case", cases("csat_diff"))
def test_shares(case: Any) -> None:
    counts = [case["inputs"][k] for k in ("k1", "n1", "k2", "n2")]
    found, e = share_difference(*counts), case["expected"]
    assert (found.value, found.low, found.high) == (close(e["diff"]), close(e["newcombe_lo"]), close(e["newcombe_hi"]))
    assert (found.statistic, found.p_value) == (close(e["z_pooled"]), close(e["p_pooled"]))
    other = confint_proportions_2indep(*counts, method="newcomb", compare="diff")
    assert (found.low, found.high) == pytest.approx(other, abs=1e-9)


@pytest.mark.parametrize(
    ("counts", "printed"),
    [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((0, 10, 0, 20), (-0.1611, 0.2775)),
    ],
)
def test_shares_as_newcombe_printed_them(counts: Any, printed: Any) -> None:
    """Newcombe (1998), Statistics in Medicine 17:873-890, method 10."""
    found = share_difference(*counts)
    assert (found.low, found.high) == pytest.approx(printed, abs=5e-5)


def test_a_share_of_nobody_is_not_compared() -> None:
    assert math.isnan(share_difference(0, 0, 3, 10).value)


@pytest.mark.parametrize("case", cases("contact_rate_diff"))
def test_contact_rates(case: Any) -> None:
    a, b = groups(case)
    found, e = rate_difference(a, b), case["expected"]
    assert (found.value, found.se) == (close(e["diff"]), close(e["se_robust"]))
    assert (found.low, found.high) == (close(e["lo"]), close(e["hi"]))
    assert (found.statistic, found.p_value) == (close(e["z_robust"]), close(e["p_robust"]))
    ratio = rate_ratio(a, b)
    assert (ratio.value, ratio.low, ratio.high) == tuple(close(e.get(k)) for k in ("ratio", "ratio_lo", "ratio_hi"))


@pytest.mark.parametrize("case", cases("csat_mean", "mean"))
def test_mean_scores(case: Any) -> None:
    found, e = mean_of_counts(dict(enumerate(case["inputs"]["counts_1_to_5"], 1))), case["expected"]
    assert (found.value, found.se) == (close(e["mean"]), close(e["se"]))
    assert (found.low, found.high) == (close(e["t_lo"]), close(e["t_hi"]))


@pytest.mark.parametrize("case", cases("csat_mean", "welch"))
def test_welch(case: Any) -> None:
    a, b = (case["inputs"][group] for group in "ab")
    found, e = welch(dict(enumerate(a, 1)), dict(enumerate(b, 1))), case["expected"]
    assert (found.value, found.statistic, found.df) == (close(e["diff"]), close(e["t"]), close(e["df"]))
    assert (found.p_value, found.low, found.high) == (close(e["p"]), close(e["lo"]), close(e["hi"]))
    other = stats.ttest_ind(np.repeat(np.arange(1, 6), a), np.repeat(np.arange(1, 6), b), equal_var=False)
    assert (found.statistic, found.p_value) == (close(other.statistic), close(other.pvalue))


def test_two_constant_scores_are_not_compared() -> None:
    found = welch({5: 9}, {4: 9})
    assert (found.value, found.p_value) == (1, close(None))


@pytest.mark.parametrize("case", cases("contact_ratio_cluster"))
def test_a_ratio_of_customers(case: Any) -> None:
    customers = case["inputs"]["customers"]
    c, o = (np.array([customer[k] for customer in customers], float) for k in ("contacts", "orders"))
    found, e = cluster_ratio(c, o), case["expected"]
    assert (found.value, found.se) == (close(e["rate"]), close(e["se"]))
    assert (found.low, found.high) == (close(e["lo"]), close(e["hi"]))
    if len(c) > 1:
        # The same as a cluster-robust weighted regression on a constant.
        rows = np.repeat(np.arange(len(c)), o.astype(int))
        fit = OLS((c / o)[rows], np.ones(len(rows))).fit(
            cov_type="cluster", cov_kwds={"groups": rows, "use_correction": False}
        )
        assert found.se == close(float(fit.bse[0]) * math.sqrt(len(c) / (len(c) - 1)))


@pytest.mark.parametrize("case", cases("fdr_bh"))
def test_false_discovery(case: Any) -> None:
    p, q, e = case["inputs"]["p"], case["inputs"]["q"], case["expected"]
    assert list(adjusted(p)) == [close(x) for x in e["bh_adjusted"]]
    assert list(adjusted(p, any_dependence=True)) == [close(x) for x in e["by_adjusted"]]
    assert int((adjusted(p) <= q).sum()) == e["rejected"]
    assert list(adjusted(p)) == [close(x) for x in multipletests(p, method="fdr_bh")[1]]


def test_groups_are_corrected_each_on_its_own_and_unknown_p_values_count_for_nothing() -> None:
    p = [0.01, 0.04, math.nan, 0.03, 0.02]
    found = adjusted_in_groups(p, ["a", "a", "a", "b", "b"])
    assert list(found) == [close(x) for x in (0.02, 0.04, None, 0.03, 0.03)]


def test_swapping_the_groups_swaps_the_sign() -> None:
    there, back = share_difference(40, 90, 30, 100), share_difference(30, 100, 40, 90)
    assert (there.value, there.low, there.high) == (close(-back.value), close(-back.high), close(-back.low))
    there, back = rate_difference({0: 50, 1: 8}, {0: 70, 2: 9}), rate_difference({0: 70, 2: 9}, {0: 50, 1: 8})
    assert (there.value, there.p_value) == (close(-back.value), close(back.p_value))
