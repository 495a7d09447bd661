"""Numeric cases of weights, stratified comparisons, importance and keyness, from the literature and other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from transforms.insight.importance import explained, lmg, relative_weights
from transforms.insight.keyness import log_odds
from transforms.insight.stratified import associate, mantel_haenszel
from transforms.insight.weights import post_stratified, rake

GOLDEN = Path(__file__).parents[1] / "golden"
COUNTS = {"pop": "population", "P": "promoters", "N": "passives", "D": "detractors"}


def case(file: str, id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs and expected numbers of one case."""
    found = json.loads((GOLDEN / f"{file}.json").read_text(encoding="utf-8"))["cases"]
    (one,) = (c for c in found if c["id"] == id)
    return one["inputs"], one["expected"]


def near(value: object) -> object:
    return pytest.approx(value, abs=1e-9, rel=1e-9)


@pytest.mark.parametrize("id", ["poststrat_1", "poststrat_2"])
def test_post_stratified_nps(id: str) -> None:
    given, expected = case("survey_weights", id)
    found = post_stratified(pd.DataFrame(given["strata"]).rename(columns=COUNTS))
    assert (found.raw, found.raw_se) == near((expected["nps_raw"], expected["se_raw"]))
    assert (found.value, found.se) == near((expected["nps_poststratified"], expected["se_poststratified"]))
    assert (found.low, found.high) == near((expected["lo"], expected["hi"]))
    assert (found.n, found.n_eff, found.design_effect) == near(
        (expected["n"], expected["n_eff_kish"], expected["deff_kish"])
    )
    assert found.differs


def test_a_stratum_without_answers_leaves_no_weighted_total() -> None:
    given, expected = case("survey_weights", "empty_stratum")
    found = post_stratified(pd.DataFrame(given["strata"]).rename(columns=COUNTS))
    assert found.value is None
    assert found.covered == near(expected["covered_population_share"])
    assert found.raw == near(30.0)
    assert not found.differs


def test_raking() -> None:
    given, expected = case("survey_weights", "rake_2x3")
    margins = np.array(given["row_targets"]), np.array(given["col_targets"])
    found = rake(np.array(given["respondents"]), *margins)
    assert found.cells == near(np.array(expected["raked"]))
    assert found.weights == near(np.array(expected["weights"]))
    assert found.n_eff == near(expected["n_eff_kish"])
    assert (found.cells.sum(axis=1), found.cells.sum(axis=0)) == (near(margins[0]), near(margins[1]))


def test_raking_refuses_margins_that_cannot_be_met() -> None:
    with pytest.raises(ValueError, match="add up to 3 and 4"):
        rake(np.ones((2, 2)), np.array([1.0, 2.0]), np.array([2.0, 2.0]))
    with pytest.raises(ValueError, match="no answers"):
        rake(np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([1.0, 1.0]), np.array([1.0, 1.0]))
    with pytest.raises(ValueError, match="no fit"):
        rake(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1.0, 3.0]), np.array([3.0, 1.0]))


def test_one_table() -> None:
    given, expected = case("drivers", "logit_2x2")
    exposed = [given["exposed_detr"], given["exposed_other"]]
    found = associate(np.array([exposed, [given["unexposed_detr"], given["unexposed_other"]]]))
    assert (found.log_odds_ratio, found.se, found.odds_ratio) == near(
        (expected["log_or"], expected["se"], expected["or_"])
    )
    assert (found.low, found.high) == near((expected["lo"], expected["hi"]))
    assert (found.risk_difference, found.attributable) == near((expected["rd"], expected["paf"]))


def test_mantel_haenszel() -> None:
    given, expected = case("drivers", "mantel_haenszel")
    found = mantel_haenszel(np.array(given["strata"]))
    assert (found.odds_ratio, found.odds_low, found.odds_high) == near((expected["or_mh"], *expected["or_ci"]))
    assert found.chi2 == near(expected["cmh_chi2"])
    assert (found.risk_difference, found.risk_se) == near((expected["rd_mh"], expected["rd_se_sato"]))
    assert (found.risk_low, found.risk_high) == near((expected["rd_lo"], expected["rd_hi"]))


def test_shares_of_what_is_explained() -> None:
    given, expected = case("drivers", "lmg_relative_weights")
    rxx, rxy = np.array(given["Rxx"]), np.array(given["rxy"])
    assert explained(rxx, rxy, (0, 1, 2)) == near(expected["r2"])
    assert lmg(rxx, rxy) == near(np.array(expected["lmg"]))
    assert relative_weights(rxx, rxy) == near(np.array(expected["johnson"]))
    assert lmg(rxx, rxy).sum() == near(relative_weights(rxx, rxy).sum())


@pytest.mark.parametrize("id", ["monroe_1", "monroe_zero"])
def test_log_odds_with_a_prior(id: str) -> None:
    given, expected = case("keyness", id)
    found = log_odds(*(pd.Series(given[name]) for name in ("detractors", "promoters", "prior")))
    for term, figures in expected.items():
        assert found.loc[term].to_dict() == near(figures), term
