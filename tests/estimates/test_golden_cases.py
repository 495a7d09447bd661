"""The estimates against published and independently computed numbers, to 1e-9; four printed digits to 5e-5."""

from __future__ import annotations

import math
from typing import Any

import pytest
from cells_in_small import (
    GOLDEN,
    Z,
    cases_of,
    durations,
    golden,
    just_before_day_3,
    ratios,
    scaled,
    spread_of,
    weighted,
)

APPLIED = (
    "aalen_johansen",
    "contact_rate",
    "csat_wilson",
    "hist_quantiles",
    "km",
    "nps_ci",
    "sla_censored",
    "survey_weights",
)
IN_INSIGHT = "no estimate: applied in tests/insight"
# What of tests/golden the estimates do not publish, and why. file, or file: what in it.
NOT_APPLIED = {
    "adtributor": IN_INSIGHT,
    "contact_rate: contact_1 lo_log, hi_log": "from 100 contacts on the interval is on the plain scale",
    "contact_rate: contact_4 lo_wald, hi_wald": "below 100 contacts the interval is on the log scale",
    "contact_rate: poisson, glm, nb2": "a plain Poisson interval is wrong for contacts; no model is fitted",
    "contact_rate: incidence, intensity, dispersion": "order_contact_rate_30d is the incidence, a KPI of its own",
    "contact_rate_diff": IN_INSIGHT,
    "contact_ratio_cluster": "the order is the unit of a contact rate here, not the customer: see tests/insight",
    "csat_diff": IN_INSIGHT,
    "csat_mean": "CSAT is the share of the top two boxes, not a mean of codes: see tests/insight",
    "csat_wilson: clopper_lo, clopper_hi": "the share's interval is Wilson's",
    "ddsketch": "durations are kept in exact buckets, no sketch is needed",
    "drivers": IN_INSIGHT,
    "fdr_bh": IN_INSIGHT,
    "hist_quantiles: 0.1, 0.95, 0.99": "published are the quantiles 0.25, 0.5 and 0.9",
    "hist_quantiles: cont, ci": "a quantile is a moment somebody waited (type 1); its interval is the band's",
    "keyness": IN_INSIGHT,
    "kitagawa": IN_INSIGHT,
    "km: logrank_freireich": "this release compares no two curves",
    "nps_ci: wald, tmean, score": "the interval is Rocks' adjusted Wald",
    "nps_diff": IN_INSIGHT,
    "product_decomp": IN_INSIGHT,
    "quantile_decomp": IN_INSIGHT,
    "risk_ratio": IN_INSIGHT,
    "spc": IN_INSIGHT,
    "survey_weights: rake": IN_INSIGHT,
    "theme_eval": IN_INSIGHT,
}


def close(expected: float | None, within: float = 1e-9) -> Any:
    return None if expected is None else pytest.approx(expected, rel=within, abs=within)


def test_every_golden_file_is_applied_or_has_a_reason() -> None:
    named = {name.partition(":")[0] for name in NOT_APPLIED} | set(APPLIED)
    assert named == {path.stem for path in GOLDEN.glob("*.json")}
    assert not {name for name in NOT_APPLIED if ":" not in name} & set(APPLIED)


# ---- scores ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", golden("nps_ci"))
def test_nps(name: str) -> None:
    """The raw score with the adjusted Wald interval of Rocks (2016), clipped to what a score can be."""
    case = golden("nps_ci")[name]
    promoters, passives, detractors = (case["inputs"][part] for part in ("promoters", "passives", "detractors"))
    n = promoters + passives + detractors
    (found,) = ratios("nps", [(promoters - detractors, promoters + detractors, n)])
    assert (found["value"], found["n"]) == (close(case["expected"]["nps"]), n)
    if "adjwald_lo_clipped" in case["expected"]:
        assert found["ci_low"] == close(case["expected"]["adjwald_lo_clipped"])
        assert found["ci_high"] == close(case["expected"]["adjwald_hi_clipped"])


def test_nps_of_the_definition() -> None:
    """60 promoters, 25 passives, 15 detractors of 100: 45.0 [29.3, 58.0]."""
    (found,) = ratios("nps", [(45, 75, 100)])
    assert [round(found[name], 1) for name in ("value", "ci_low", "ci_high")] == [45.0, 29.3, 58.0]


def test_nps_of_nobody() -> None:
    (found,) = ratios("nps", [(0, 0, 0)])
    assert (found["value"], found["n"]) == (None, 0)


@pytest.mark.parametrize("kpi", ["csat", "ces", "return_rate", "survey_response_rate"])
@pytest.mark.parametrize("name", golden("csat_wilson"))
def test_shares(kpi: str, name: str) -> None:
    """Wilson's interval, whatever the share is of."""
    case = golden("csat_wilson")[name]
    k, n = case["inputs"]["k"], case["inputs"]["n"]
    (found,) = ratios(kpi, [(k, k, n)])
    assert found["value"] == close(case["expected"]["p"])
    assert found["ci_low"] == close(case["expected"]["wilson_lo"])
    assert found["ci_high"] == close(case["expected"]["wilson_hi"])


PUBLISHED_WILSON = {"wilson_1": (0.2553, 0.3662), "wilson_2": (0.0624, 0.1605), "wilson_4": (0.0061, 0.1718)}


@pytest.mark.parametrize("name", PUBLISHED_WILSON)
def test_shares_as_newcombe_printed_them(name: str) -> None:
    """Newcombe (1998), Statistics in Medicine 17:857-872, four digits."""
    inputs = golden("csat_wilson")[name]["inputs"]
    (found,) = ratios("csat", [(inputs["k"], inputs["k"], inputs["n"])])
    assert (found["ci_low"], found["ci_high"]) == pytest.approx(PUBLISHED_WILSON[name], abs=5e-5)


# ---- contacts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kpi", "per"), [("contacts_per_1k_orders", 1000), ("order_contact_rate_30d", 1)])
@pytest.mark.parametrize("name", golden("contact_rate"))
def test_contact_rates(kpi: str, per: int, name: str) -> None:
    """The order is the unit; on the log scale below 100 contacts, Garwood's limit at none."""
    expected = golden("contact_rate")[name]["expected"]
    (found,) = ratios(kpi, [(expected["sum_c"], expected["sum_c2"], expected["n_orders"])])
    assert found["value"] / per == close(expected["rate"])
    if expected["sum_c"] == 0:
        low, high = 0, expected["poisson_exact_hi"]
    else:
        scale = "wald" if expected["sum_c"] >= 100 else "log"
        low, high = expected[f"lo_{scale}"], expected[f"hi_{scale}"]
    assert (found["ci_low"] / per, found["ci_high"] / per) == (close(low), close(high))


def test_a_contact_rate_of_one_order_has_no_interval() -> None:
    (found,) = ratios("contacts_per_1k_orders", [(1, 1, 1)])
    assert (found["value"], found["ci_low"], found["ci_high"]) == (1000, None, None)


def test_contacts_without_orders_are_no_rate() -> None:
    (found,) = ratios("contacts_per_1k_orders", [(3, 3, 0)])
    assert (found["value"], found["numerator"], found["n"]) == (None, 3, 0)


# ---- durations ------------------------------------------------------------------------------------

KM = {name: case for name, case in golden("km").items() if "t" in case["inputs"]}
AJ = golden("aalen_johansen")
KM_POINTS = [(name, number) for name, case in KM.items() for number in range(len(case["expected"]["km"]))]
AJ_POINTS = [(name, number) for name, case in AJ.items() for number in range(len(case["expected"]["curve"]))]


@pytest.mark.parametrize("name", KM)
def test_kaplan_meier_quantiles(name: str) -> None:
    """Time as hours. With nobody ended, incidence and Kaplan-Meier are the same; ended counts as censored in km_*."""
    case = KM[name]
    ended = [(t, code or 2) for t, code in cases_of(case)]
    for found, prefixes in zip(
        durations([scaled(cases_of(case)), scaled(ended)]), (("", "km_"), ("km_",)), strict=True
    ):
        for prefix in prefixes:
            assert found[f"{prefix}p50"]["value"] == case["expected"]["q50"]
            assert found[f"{prefix}p90"]["value"] == case["expected"]["q90"]
            assert found[f"{prefix}p50"]["ci_low"] == case["expected"].get("median_ci_lo")
            assert found[f"{prefix}p50"]["ci_high"] == case["expected"].get("median_ci_hi")


@pytest.mark.parametrize(("name", "number"), KM_POINTS)
def test_kaplan_meier_curve(name: str, number: int) -> None:
    """Every point of the curve with its log-log band, read off as the share credited by a day."""
    case = KM[name]
    point = case["expected"]["km"][number]
    (found,) = durations([just_before_day_3(cases_of(case), point["t"])])
    share = found["credited_by_day_3"]
    assert share["value"] == close(1 - point["S"])
    if point["greenwood_se"] is None:
        assert (share["ci_low"], share["ci_high"]) == (None, None)
    else:
        assert (share["ci_low"], share["ci_high"]) == (close(1 - point["loglog_hi"]), close(1 - point["loglog_lo"]))
        assert spread_of(share) == close(point["greenwood_se"])


@pytest.mark.parametrize("name", KM)
@pytest.mark.parametrize("horizon", [10, 20])
def test_restricted_mean(name: str, horizon: int) -> None:
    """The golden horizon is stretched to the 30 days of the published one."""
    unit = 720 / horizon
    (found,) = durations([scaled(cases_of(KM[name]), unit)])
    expected = KM[name]["expected"][f"rmst_{horizon}"]
    if name == "all_censored":
        # Nobody was watched to the end of the horizon: the mean over it is not known.
        assert found["restricted_mean"]["value"] is None
        return
    mean = found["restricted_mean"]
    assert mean["value"] / unit == close(expected)
    error = KM[name]["expected"][f"rmst_{horizon}_se_greenwood"]
    if error == 0:
        assert (mean["ci_low"], mean["ci_high"]) == (None, None)
        return
    # The interval is clipped to what a mean over the horizon can be.
    if mean["ci_high"] < 720:
        assert (mean["ci_high"] - mean["value"]) / unit / Z == close(error)
    if mean["ci_low"] > 0:
        assert (mean["value"] - mean["ci_low"]) / unit / Z == close(error)


def test_the_restricted_mean_where_nobody_was_credited() -> None:
    """all_censored with its last case watched for the whole horizon: everybody waited all of it."""
    (found,) = durations([scaled(cases_of(KM["all_censored"]), 720 / 9)])
    assert found["restricted_mean"]["value"] == 720


@pytest.mark.parametrize(("name", "number"), AJ_POINTS)
def test_incidence(name: str, number: int) -> None:
    """Credited and ended compete: each one's share at every time, and that both and the rest make 1."""
    case, point = AJ[name], AJ[name]["expected"]["curve"][number]
    swapped = [(t, {0: 0, 1: 2, 2: 1}[code]) for t, code in cases_of(case)]
    of_credited, of_ended = durations([just_before_day_3(cases, point["t"]) for cases in (cases_of(case), swapped)])
    credited, ended = of_credited["credited_by_day_3"]["value"], of_ended["credited_by_day_3"]["value"]
    assert credited == close(point["cif_credited"])
    assert ended == close(point["cif_rejected"])
    assert credited + ended + point["S"] == close(1)


@pytest.mark.parametrize("name", AJ)
def test_incidence_at_the_end(name: str) -> None:
    """Its standard error, and what taking the ended for censored would make of it."""
    case, last = AJ[name], AJ[name]["expected"]["curve"][-1]["t"]
    censored = [(t, code if code == 1 else 0) for t, code in cases_of(case)]
    competing, alone = durations([just_before_day_3(cases, last) for cases in (cases_of(case), censored)])
    assert competing["credited_by_day_3"]["value"] == close(case["expected"]["cif_credited_at_last"])
    assert spread_of(competing["credited_by_day_3"]) == close(case["expected"]["se_cif_credited_last"])
    assert alone["credited_by_day_3"]["value"] == close(case["expected"]["one_minus_km_credited_at_last"])


def test_incidence_at_an_agreed_time() -> None:
    """Requests of 30 days seen on the last one: the share credited within 10 days, open and rejected ones included."""
    (case,) = golden("sla_censored").values()
    as_of, within = case["inputs"].get("as_of", 30), case["inputs"].get("sla", 10)
    cases = []
    for row in case["inputs"]["rows"]:
        moments = [(row["credited"], 1), (row["rejected"], 2)]
        happened = [(t - row["req"], code) for t, code in moments if t is not None and t <= as_of]
        cases.append(min(happened, default=(as_of - row["req"], 0)))
    swapped = [(t, {0: 0, 1: 2, 2: 1}[code]) for t, code in cases]
    of_credited, of_ended = durations([just_before_day_3(some, within) for some in (cases, swapped)])
    assert of_credited["credited_by_day_3"]["value"] == close(case["expected"]["cif_credited_at_sla"])
    assert of_ended["credited_by_day_3"]["value"] == close(case["expected"]["cif_rejected_at_sla"])


def test_the_share_within_an_agreed_time() -> None:
    """Of the requests at least as old as the agreed time: 20 of 44, with Wilson's interval."""
    (case,) = golden("sla_censored").values()
    within, of = case["expected"]["k_within"], case["expected"]["n_matured"]
    (found,) = ratios("refund_sla_rate", [(within, within, of)])
    assert found["value"] == close(case["expected"]["matured_rate"])
    assert (found["ci_low"], found["ci_high"]) == (
        close(case["expected"]["wilson_lo"]),
        close(case["expected"]["wilson_hi"]),
    )


def test_kaplan_meier_of_the_definition() -> None:
    """(2,1)(3,1)(3,0)(5,1)(6,0)(7,1)(9,0): S = .8571 .7143 .7143 .5357 .5357 .2679, median 7."""
    cases = [(2, 1), (3, 1), (3, 0), (5, 1), (6, 0), (7, 1), (9, 0)]
    expected = {2: 0.8571, 3: 0.7143, 5: 0.5357, 6: 0.5357, 7: 0.2679}
    found = durations([just_before_day_3(cases, t) for t in expected])
    shares = [cell["credited_by_day_3"]["value"] for cell in found]
    assert [1 - share for share in shares] == pytest.approx(list(expected.values()), abs=5e-5)
    assert durations([scaled(cases)])[0]["p50"]["value"] == 7


@pytest.mark.parametrize("name", golden("hist_quantiles"))
def test_quantiles_of_a_settled_histogram(name: str) -> None:
    """Everybody credited: the smallest value with at least that share of all at or below it (type 1)."""
    case = golden("hist_quantiles")[name]
    (found,) = durations([[(x, "credited") for x in case["inputs"]["x"]]])
    for quantile, statistic in (("0.5", "p50"), ("0.9", "p90")):
        assert found[statistic]["value"] == case["expected"][f"hist_disc_{quantile}"]
        assert found[f"km_{statistic}"]["value"] == case["expected"][f"disc_{quantile}"]
    assert found["p50"]["n"] == len(case["inputs"]["x"])


def test_quantiles_are_whole_hours_though_seconds_are_kept() -> None:
    """An order of events within the hour decides the curve; what is published is the hour."""
    earlier, later = durations([[(5.2, "open"), (5.4, "credited")], [(5.4, "open"), (5.2, "credited")]])
    assert (earlier["p90"]["value"], later["p50"]["value"], later["p90"]["value"]) == (5, 5, None)
    assert not math.isclose(earlier["p50"]["n"], 0)


# ---- weights --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["poststrat_1", "poststrat_2"])
def test_post_stratified_nps(name: str) -> None:
    case = golden("survey_weights")[name]
    strata = [(s["name"], s["name"], s["pop"], s["P"], s["N"], s["D"]) for s in case["inputs"]["strata"]]
    found, expected = weighted(strata), case["expected"]
    value = found["poststratified"]
    assert value["value"] == close(expected["nps_poststratified"])
    assert (value["ci_low"], value["ci_high"]) == (close(expected["lo"]), close(expected["hi"]))
    assert (value["n"], found["n_eff"]["value"]) == (expected["n"], close(expected["n_eff_kish"]))
    assert abs(expected["nps_poststratified"] - expected["nps_raw"]) > expected["se_poststratified"]
    assert "more than a standard error" in value["note"]


def test_a_stratum_that_nobody_answered_for_is_told() -> None:
    """Alone it leaves the total unknown; within an area it is taken together with the area's others."""
    (x, y) = golden("survey_weights")["empty_stratum"]["inputs"]["strata"]
    alone = weighted([(s["name"], s["name"], s["pop"], s["P"], s["N"], s["D"]) for s in (x, y)])
    assert {name: (row["value"], row["ci_low"], row["n"]) for name, row in alone.items()} == {
        "poststratified": (None, None, 10),
        "n_eff": (None, None, 10),
    }
    assert "10.0 % of those who were asked" in alone["poststratified"]["note"]
    together = weighted([("a", s["name"], s["pop"], s["P"], s["N"], s["D"]) for s in (x, y)])
    assert together["poststratified"]["value"] == close(30.0)
    assert together["n_eff"]["value"] == close(10.0)


def test_weights_that_are_all_alike_change_nothing() -> None:
    found = weighted([("a", "a", 100, 6, 2, 2), ("b", "b", 200, 8, 8, 4)])
    assert found["poststratified"]["value"] == close(100 * (14 - 6) / 30)
    assert found["n_eff"]["value"] == close(30.0)
    assert found["poststratified"]["note"] is None
