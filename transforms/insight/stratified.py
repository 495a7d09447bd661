"""Exposed against unexposed within strata, from counts alone.

Sources: Mantel and Haenszel 1959; Robins, Breslow and Greenland 1986 (variance of the odds ratio); Sato 1989 (variance
of the risk difference); Robins 1986 (standardisation); MacKinnon and White 1985 (variance of unequal spread).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

Z = float(norm.ppf(0.975))


@dataclass(frozen=True)
class Association:
    """One 2 × 2 table: odds ratio with interval, difference of risks, share of cases that go with the exposure."""

    log_odds_ratio: float
    se: float
    odds_ratio: float
    low: float
    high: float
    risk_difference: float
    attributable: float


def associate(table: np.ndarray) -> Association:
    """table: [[exposed with, exposed without], [unexposed with, unexposed without]], all above 0."""
    (a, b), (c, d) = np.asarray(table, float)
    log_ratio, se = float(np.log(a * d / (b * c))), float(np.sqrt(1 / a + 1 / b + 1 / c + 1 / d))
    exposed, unexposed = a / (a + b), c / (c + d)
    attributable = a / (a + c) * (1 - unexposed / exposed)
    low, high = np.exp(log_ratio - Z * se), np.exp(log_ratio + Z * se)
    ratio = float(np.exp(log_ratio))
    return Association(log_ratio, se, ratio, float(low), float(high), float(exposed - unexposed), float(attributable))


@dataclass(frozen=True)
class MantelHaenszel:
    """Common odds ratio and common risk difference of several strata, with intervals; chi² of no association (1 df)."""

    odds_ratio: float
    odds_low: float
    odds_high: float
    chi2: float
    risk_difference: float
    risk_se: float
    risk_low: float
    risk_high: float


def mantel_haenszel(strata: np.ndarray) -> MantelHaenszel:
    """strata: k × 2 × 2, each [[exposed with, exposed without], [unexposed with, unexposed without]]."""
    strata = np.asarray(strata, float)
    a, b, c, d = strata[:, 0, 0], strata[:, 0, 1], strata[:, 1, 0], strata[:, 1, 1]
    n, n1, n0, m = a + b + c + d, a + b, c + d, a + c
    r, s, p, q = a * d / n, b * c / n, (a + d) / n, (b + c) / n
    ratio = r.sum() / s.sum()
    se = np.sqrt(
        (p * r).sum() / (2 * r.sum() ** 2)
        + (p * s + q * r).sum() / (2 * r.sum() * s.sum())
        + (q * s).sum() / (2 * s.sum() ** 2)
    )
    chi2 = (a - n1 * m / n).sum() ** 2 / (n1 * n0 * m * (n - m) / (n**2 * (n - 1))).sum()
    weight = (n1 * n0 / n).sum()
    difference = ((a * n0 - c * n1) / n).sum() / weight
    sato_p = (n1**2 * c - n0**2 * a + n1 * n0 * (n0 - n1) / 2) / n**2
    sato_q = (a * (n0 - c) + c * (n1 - a)) / (2 * n)
    risk_se = np.sqrt((difference * sato_p.sum() + sato_q.sum()) / weight**2)
    return MantelHaenszel(
        odds_ratio=float(ratio),
        odds_low=float(ratio * np.exp(-Z * se)),
        odds_high=float(ratio * np.exp(Z * se)),
        chi2=float(chi2),
        risk_difference=float(difference),
        risk_se=float(risk_se),
        risk_low=float(difference - Z * risk_se),
        risk_high=float(difference + Z * risk_se),
    )


@dataclass(frozen=True)
class NetDifference:
    """How much lower or higher the exposed score, in points of NPS (-200 to 200).

    `common` weighs strata as Mantel and Haenszel do; `standardised` by where the exposed are (what they would have
    scored unexposed, the g-formula). `exposed` answers lie in strata that have both sides, of `exposed_all`.
    """

    common: float
    se: float
    low: float
    high: float
    standardised: float
    exposed: int
    unexposed: int
    exposed_all: int


def net_difference(exposed: np.ndarray, unexposed: np.ndarray) -> NetDifference | None:
    """exposed, unexposed: strata × (promoters, passives, detractors). None when no stratum has both sides.

    The common difference is the least-squares one of the score on the exposure with a level for each stratum, and its
    standard error the one for unequal spread (HC1), so strata of a few answers do no harm.
    """
    both = (exposed.sum(axis=1) > 0) & (unexposed.sum(axis=1) > 0)
    if not both.any():
        return None
    one, none = exposed[both].astype(float), unexposed[both].astype(float)
    n1, n0 = one.sum(axis=1), none.sum(axis=1)
    n = n1 + n0
    mean1, mean0 = (one[:, 0] - one[:, 2]) / n1, (none[:, 0] - none[:, 2]) / n0
    weight = n1 * n0 / n
    common = (weight * (mean1 - mean0)).sum() / weight.sum()
    level = (n1 * (mean1 - common) + n0 * mean0) / n
    scores = np.array([1.0, 0.0, -1.0])
    spread1 = (one * (scores[None, :] - (level + common)[:, None]) ** 2).sum(axis=1)
    spread0 = (none * (scores[None, :] - level[:, None]) ** 2).sum(axis=1)
    freedom = n.sum() - len(n) - 1
    if freedom <= 0:
        return None
    variance = ((n0 / n) ** 2 * spread1 + (n1 / n) ** 2 * spread0).sum() / weight.sum() ** 2 * n.sum() / freedom
    se = float(np.sqrt(variance))
    standardised = (n1 * (mean1 - mean0)).sum() / n1.sum()
    low, high = max(-2.0, common - Z * se), min(2.0, common + Z * se)
    return NetDifference(
        common=100 * float(common),
        se=100 * se,
        low=100 * float(low),
        high=100 * float(high),
        standardised=100 * float(standardised),
        exposed=int(n1.sum()),
        unexposed=int(n0.sum()),
        exposed_all=int(exposed.sum()),
    )
