"""What a failed expectation withholds: the KPIs and dimensions that read what is wrong, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from expectations.checks import Check
from flows.night import Night
from flows.settings import load
from flows.sources import check_conservation
from flows.withholding import among, by_lineage
from tests.acceptance.nights import marketplace, moment
from transforms.build import set_withheld
from transforms.models import kpis

SURVEYS = ["ces", "csat", "nps", "nps_per_customer"]
EVERY_SURVEY = [*SURVEYS, "survey_response_rate"]
STAGES = ["refund_stage_time", "contacts_per_return_day"]
DURATIONS = ["refund_cycle_time", "refund_sla_rate", "late_refund_open", *STAGES]  # of refund cases
OF_RETURNS = [*DURATIONS, "rejection_rate", "resolution_mix", "return_contact_rate"]
OF_ORDERS = ["contacts_per_1k_orders", "order_contact_rate_30d", "return_rate"]
CONTACTS = [
    "contacts_per_1k_orders",
    "contacts_per_return_day",
    "order_contact_rate_30d",
    "repeat_contact_rate_7d",
    "return_contact_rate",
]
ATTRIBUTED = ["contacts_per_return_day", "order_contact_rate_30d", "return_contact_rate"]
BY_ORDER = [*OF_ORDERS, *OF_RETURNS, *EVERY_SURVEY, "repeat_contact_rate_7d"]


def by(dimension: str, *names: str) -> set[str]:
    return {f"{name} by {dimension}" for name in names}


# The fault's fact and column (None: a fault of its rows), and what must be withheld.
FAULTS: dict[tuple[str, str | None], set[str]] = {
    ("orders", "market"): by("market", *BY_ORDER),
    ("orders", "category"): by("category", *BY_ORDER),
    ("orders", "seller_tier"): by("seller_tier", *BY_ORDER),
    # Who has the clock of a return is told by who keeps the goods.
    ("orders", "fulfilment"): {*by("fulfilment", *BY_ORDER), "refund_stage_time by clock_owner"},
    ("orders", "ordered_at"): set(OF_ORDERS),
    ("orders", "ordered_on"): set(OF_ORDERS),
    ("orders", "delivered_at"): {"return_rate"},
    ("orders", "cancelled_at"): set(),
    ("orders", "order_value"): set(),
    ("orders", "item_count"): set(),
    ("orders", "currency"): set(),
    ("orders", "seller_id"): set(),
    ("orders", None): set(OF_ORDERS),
    ("returns", "carrier"): by("carrier", *OF_RETURNS, *EVERY_SURVEY),
    ("returns", "reason_code"): by("reason_code", *OF_RETURNS, *EVERY_SURVEY),
    ("returns", "requested_at"): {*OF_RETURNS, "return_rate"},
    ("returns", "requested_on"): {*OF_RETURNS, "return_rate"},
    ("returns", "received_at"): set(STAGES),
    # A return is settled when it was inspected; what is open decides about a contact that names nothing.
    ("returns", "inspected_at"): {*STAGES, "resolution_mix", "return_contact_rate"},
    ("returns", "market"): by("market", *BY_ORDER),
    ("returns", "ended_at"): set(OF_RETURNS),
    ("returns", "rejected_at"): set(OF_RETURNS),
    ("returns", None): {*OF_RETURNS, "return_rate"},
    # The amount tells which refund completes its return.
    ("refunds", "amount"): {*OF_RETURNS} - {"rejection_rate"},
    ("refunds", "credited_at"): {*OF_RETURNS} - {"rejection_rate"},
    ("refunds", "method"): set(),
    ("refunds", None): {*OF_RETURNS} - {"rejection_rate"},
    ("contacts", "channel"): by("channel", "contacts_per_1k_orders", "repeat_contact_rate_7d"),
    ("contacts", "contact_reason"): {"contacts_per_1k_orders by contact_reason", "repeat_contact_rate_7d"},
    ("contacts", "direction"): set(CONTACTS),
    ("contacts", "resolved_at"): {"repeat_contact_rate_7d"},
    ("contacts", None): set(CONTACTS),
    ("surveys", "score"): {*EVERY_SURVEY},
    ("surveys", "comment"): set(),
    ("surveys", "language"): set(),
    ("surveys", "survey_type"): {*SURVEYS, *by("survey_type", "survey_response_rate")},
    ("surveys", "invited_on"): {"survey_response_rate"},
    ("surveys", None): {*EVERY_SURVEY},
}


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """A night up to its draft, in which nothing is withheld."""
    root = tmp_path_factory.mktemp("withheld")
    world = marketplace(root / "world", orders=150, weeks=6, files="one")
    settings = load(landing=world, out=root / "out", hash_key="of the tests")
    with pytest.MonkeyPatch.context() as patch, Night(settings, moment("2026-02-20")) as opened:
        patch.setattr("expectations.gate.check", lambda *_, **__: [])
        found = opened.discover()
        for source in found:
            from transforms.models import sources

            opened.ingest(next(s for s in sources() if s.id == source), found[source])
        opened.build_facts()
        opened.count()
        opened.estimate()
        opened.audit()
        assert opened.withheld == {}
        yield opened


def failed(fact: str, column: str | None) -> Check:
    """As the gate reports it: before lineage, every KPI that reads the table."""
    return Check(
        run_id="r", layer="facts", table_name=f"facts.{fact}", expectation="injected", column_name=column, severity="fail",
        success=False, element_count=10, unexpected_count=3, observed="3 of 10", expected="none", sample=None,
        withholds=tuple(k.id for k in kpis() if fact in k.sources), checked_at=datetime.now(UTC),
    )  # fmt: skip


def told(night: Night, check: Check) -> Check:
    """As the night takes it: by lineage, among the KPIs of the release."""
    return among(by_lineage(check), {k.id for k in night.kpis})


def slices_withheld(night: Night) -> set[tuple[str, str]]:
    """(kpi, dimension) of which every row is withheld; a dimension with only some rows withheld would be a fault here."""
    rows = night.warehouse.rows(
        "select kpi, dimension, bool_and(status = 'withheld') from marts.kpi_weekly group by all having bool_or(status = 'withheld')"
    )
    assert all(is_all for _, _, is_all in rows)
    open_ones = night.warehouse.value(
        "select count(*) from marts.kpi_weekly where status = 'withheld' and (value is not null or note is null)"
    )
    assert open_ones == 0
    return {(kpi, dimension) for kpi, dimension, _ in rows}


def slices_expected(names: set[str]) -> set[tuple[str, str]]:
    """Every dimension and pair of the KPIs named, or those with the dimension that is named."""
    found = set()
    for name in names:
        kpi, _, dimension = name.partition(" by ")
        k = next(k for k in kpis() if k.id == kpi)
        from transforms.cells import cuts

        labels = [cut.dimensions for cut in cuts(k)]
        found |= {(kpi, " × ".join(d) or "all") for d in labels if not dimension or dimension in d}
    return found


def test_the_table_of_faults(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    """Each fault alone, on the drafted marts: what is withheld in them equals what is expected, and the rest has its values."""
    assert len(FAULTS) >= 30
    before = night.warehouse.rows("select kpi, dimension, count(value) from marts.kpi_weekly group by all")
    lines, wrong = [], []
    for (fact, column), expected in FAULTS.items():
        if not expected and night.withheld:  # what withholds writes the marts anew, else they are to stay as they came
            set_withheld(night.warehouse, {})
            night.draft.write_checked()
        night.withheld = {}
        night.withhold([told(night, failed(fact, column))])
        found = slices_withheld(night) if night.withheld else set()
        is_right = found == slices_expected(expected) & {(kpi, d) for kpi, d, _ in before}
        lines.append(
            f"  {'ok   ' if is_right else 'WRONG'} facts.{fact}.{column or '*':14} {', '.join(sorted(night.withheld)) or 'nothing'}"
        )
        if not is_right or set(night.withheld) != expected:
            wrong.append((fact, column, sorted(set(night.withheld) ^ expected)))
        left = {
            (kpi, d): n
            for kpi, d, n in night.warehouse.rows(
                "select kpi, dimension, count(value) from marts.kpi_weekly group by all"
            )
        }
        assert all(left[kpi, d] == n for kpi, d, n in before if (kpi, d) not in found or not night.withheld)
    with capsys.disabled():
        print(f"\n{len(FAULTS)} injected faults:\n" + "\n".join(lines))
    assert not wrong


def test_two_faults_of_one_slice_and_a_whole_kpi(night: Night) -> None:
    night.withheld = {}
    checks = [failed("returns", "carrier"), failed("orders", "market"), failed("orders", "delivered_at")]
    night.withhold([told(night, check) for check in checks])
    assert "return_rate" in night.withheld
    assert "return_rate by market" not in night.withheld
    assert ("refund_cycle_time", "market × carrier") in slices_withheld(night)
    doubled = "select count(*) from (select 1 from marts.kpi_weekly group by kpi, week, dimension, dimension_value, statistic having count(*) > 1)"
    assert night.warehouse.value(doubled) == 0


# What breaks a law, on the facts of the night: the law, the SQL, what it withholds.
BROKEN = {
    "orders_conserved": ("delete from facts.orders where order_id = (select min(order_id) from facts.orders)", ("orders", None)),
    "returns_conserved": ("insert into facts.returns from facts.returns limit 1", ("returns", None)),
    "return_outcomes_conserved": (
        "insert into facts.refunds select * from facts.refunds where completes_return limit 1",
        ("refunds", None),
    ),
    "refunds_conserved": ("update facts.refunds set amount = amount + 0.01 where refund_id = (select min(refund_id) from facts.refunds)", ("refunds", None)),
    "contacts_conserved": ("delete from facts.contacts where contact_id = (select min(contact_id) from facts.contacts where is_inbound)", ("contacts", None)),
    "contact_tiers_conserved": ("delete from facts.attributions where contact_id = (select min(contact_id) from facts.attributions)", None),
}  # fmt: skip


# Each is less than half a contact, or makes up for another: a rounded sum of weights would not tell.
NOT_ONCE = {
    "a tenth of a contact more": "update facts.attributions set weight = weight * 1.1 where contact_id = {one}",
    "a millionth less": "update facts.attributions set weight = weight - 1e-6 where contact_id = {one}",
    "half of one, and another one and a half": "update facts.attributions set weight = case contact_id when {one} then 0.5 else 1.5 end where contact_id in ({one}, {other})",
    "one lost, another twice": "update facts.attributions set contact_id = {other} where contact_id = {one}",
    "another number of candidates": "update facts.attributions set candidates = candidates + 1 where contact_id = {one}",
    "no weight": "update facts.attributions set weight = null where contact_id = {one}",
    "of two tiers": "insert into facts.attributions select * replace (attribution_tier + 1 as attribution_tier, 0.5 as weight, 2 as candidates) from facts.attributions where contact_id = {one}",
}  # fmt: skip


@pytest.mark.parametrize("fault", NOT_ONCE)
def test_a_contact_that_does_not_count_once(night: Night, fault: str) -> None:
    """By contacts that count whole, of one order each: what is a fraction of one is told from one."""
    whole = "(select {} from facts.attributions where candidates = 1)"
    statement = NOT_ONCE[fault].format(one=whole.format("min(contact_id)"), other=whole.format("max(contact_id)"))
    night.warehouse.run("begin transaction")
    night.warehouse.run(statement)
    broken = {check.expectation for check in check_conservation(night.warehouse, "r") if not check.success}
    night.warehouse.run("rollback")
    assert broken == {"contact_tiers_conserved"}


def test_many_contacts_of_many_candidates_count_exactly(night: Night) -> None:
    """Thirds, sixths, sevenths: floating sums of their weights are no whole numbers, and the law holds all the same."""
    night.warehouse.run("begin transaction")
    night.warehouse.run("delete from facts.attributions")
    night.warehouse.run(
        """insert into facts.attributions by name
        with seen as (select contact_id, row_number() over (order by contact_id) % 11 + 2 as candidates
            from facts.contacts where is_inbound)
        select contact_id, 'o' || unnest(range(candidates)) as order_id, 5 as attribution_tier, candidates,
            1.0 / candidates as weight from seen"""
    )
    total = night.warehouse.value("select sum(weight) from facts.attributions")
    (law,) = [c for c in check_conservation(night.warehouse, "r") if c.expectation == "contact_tiers_conserved"]
    night.warehouse.run("rollback")
    assert total != round(total)
    assert law.success


def test_the_laws_hold_on_a_clean_night(night: Night) -> None:
    checks = check_conservation(night.warehouse, "r")
    assert {check.expectation for check in checks} == set(BROKEN)
    assert all(check.success and check.withholds == () for check in checks)


@pytest.mark.parametrize("law", BROKEN)
def test_a_broken_law_withholds_what_reads_the_fact(night: Night, law: str) -> None:
    statement, fault = BROKEN[law]
    expected = FAULTS[fault] if fault else set(ATTRIBUTED)
    night.warehouse.run("begin transaction")
    night.warehouse.run(statement)
    broken = {check.expectation: check for check in check_conservation(night.warehouse, "r") if not check.success}
    night.warehouse.run("rollback")
    assert law in broken
    assert set(told(night, broken[law]).withholds) == expected
    assert broken[law].observed != broken[law].expected
