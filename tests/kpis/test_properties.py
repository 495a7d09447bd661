"""What holds for any records: against a plain count, in any order of arrival, and in every roll-up."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.acceptance.nights import csv_text, deliver, draft, drafted

START = datetime(2026, 5, 4, tzinfo=UTC)
AS_OF = START + timedelta(days=30, hours=13)
# No shrinking: an example is a whole night, and a failing one is small enough to read.
SEVERAL = settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# Counted by hand in tests of their own.
ELSEWHERE = {"return_contact_rate", "contacts_per_return_day"}
World = dict[str, list[dict[str, Any]]]
# Seconds: the edges of the definitions' windows, and places between them.
DAY = 86_400
EDGES = st.sampled_from([-1, 0, 1, 600, 7 * DAY, 7 * DAY + 1, 14 * DAY - 60, 14 * DAY + 60, 30 * DAY, 30 * DAY + 1])
LATER = EDGES | st.integers(0, 32 * DAY)
MOMENT = st.integers(0, 33 * DAY).map(lambda s: START + timedelta(seconds=s))
MARKET = st.sampled_from(["VN", "TH", "ID"])


@st.composite
def worlds(draw: Callable[[st.SearchStrategy[Any]], Any]) -> World:
    """Up to 40 orders and what grew from them; some keys point nowhere, some events lie after the as-of time."""
    world: World = {"orders": [], "returns": [], "refunds": [], "contacts": [], "surveys": []}
    for number in range(draw(st.integers(1, 40))):
        ordered = draw(MOMENT)
        delivered = ordered + timedelta(seconds=draw(LATER)) if draw(st.booleans()) else None
        delivered = max(delivered, ordered) if delivered else None
        row = {"order_id": f"o{number}", "customer_id": f"c{number % 7}", "market": draw(MARKET)}
        row |= {
            "category": draw(st.sampled_from(["toys", None])),
            "seller_tier": draw(st.sampled_from(["new", "odd", None])),
        }
        world["orders"].append(
            row | {"ordered_at": ordered, "delivered_at": delivered, "updated_at": delivered or ordered}
        )
    keys = st.integers(0, 42).map(lambda n: f"o{n}")
    for number in range(draw(st.integers(0, 25))):
        asked = draw(MOMENT)
        ended = asked + timedelta(seconds=abs(draw(LATER))) if draw(st.integers(0, 3)) == 0 else None
        row = {"return_id": f"r{number}", "order_id": draw(keys), "carrier": draw(st.sampled_from(["jnt", None]))}
        row |= {
            "resolution": draw(st.sampled_from(["refund", "returnless_refund", "exchange"])),
            "approved_amount": "10.00",
        }
        world["returns"].append(row | {"requested_at": asked, "rejected_at": ended, "updated_at": ended or asked})
        for part in range(draw(st.integers(0, 2))):
            credited = asked + timedelta(seconds=abs(draw(LATER)))
            paid = {"refund_id": f"f{number}-{part}", "return_id": f"r{number}", "order_id": row["order_id"]}
            paid |= {"amount": draw(st.sampled_from(["10.00", "5.00"])), "issued_at": credited, "credited_at": credited}
            world["refunds"].append(paid | {"updated_at": credited})
    ordered_at = {row["order_id"]: row["ordered_at"] for row in world["orders"]}
    for number in range(draw(st.integers(0, 40))):
        order = draw(keys | st.none())
        created = ordered_at.get(order, START) + timedelta(seconds=draw(LATER))
        row = {"contact_id": f"t{number}", "customer_id": f"c{number % 7}", "order_id": order}
        row |= {"return_id": draw(st.sampled_from([None, None, "r0", "r99"])), "channel": "chat"}
        row |= {"direction": draw(st.sampled_from(["inbound", "inbound", "outbound"])), "reason_code": "other"}
        world["contacts"].append(row | {"created_at": created, "updated_at": created})
    for number in range(draw(st.integers(0, 45))):
        kind, low, high = draw(st.sampled_from([("nps", 0, 10), ("csat", 1, 5), ("csat", 1, 7), ("ces", 1, 7)]))
        invited = draw(MOMENT)
        answered = invited + timedelta(seconds=abs(draw(LATER))) if draw(st.booleans()) else None
        row = {"response_id": f"a{number}", "customer_id": f"s{number}", "order_id": draw(keys | st.none())}
        row |= {"survey_type": kind, "scale_min": low, "scale_max": high, "touchpoint": "post_delivery"}
        row |= {"score": draw(st.integers(low, high) | st.none()) if answered else None}
        world["surveys"].append(
            row | {"invited_at": invited, "responded_at": answered, "updated_at": answered or invited}
        )
    return world


def text(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(v, datetime) else v for k, v in row.items()}


def run(
    files: dict[str, list[list[dict[str, Any]]]], as_of: datetime = AS_OF
) -> tuple[Path, tempfile.TemporaryDirectory[str]]:
    """A night over files of rows per source. Returns the folder, and what keeps it alive."""
    keep = tempfile.TemporaryDirectory()
    root = Path(keep.name)
    for source, parts in files.items():
        for number, rows in enumerate(parts):
            if rows:
                deliver(root / "landing", f"{source}/{number}.csv", csv_text([text(row) for row in rows]))
    draft(root / "landing", root / "out", as_of.isoformat())
    return root / "out", keep


def monday(moment: datetime) -> str:
    return str((moment - timedelta(days=moment.weekday())).date())


def count_returns(world: World, add: Callable[..., None], known: Callable[[datetime | None], bool]) -> None:
    """Rejections, resolutions, the agreed time of 14 days, and the stock of late refunds, return by return."""
    last_day = AS_OF.date()
    sundays = [START.date() + timedelta(days=6 + 7 * week) for week in range(4)]
    for r in world["returns"]:
        if not known(r["requested_at"]):
            continue
        rejected = r["rejected_at"] if known(r["rejected_at"]) else None
        parts = sorted((f["credited_at"], f["refund_id"], float(f["amount"])) for f in world["refunds"]
                       if f["return_id"] == r["return_id"] and known(f["credited_at"]))  # fmt: skip
        full = next((t for n, (t, _, _) in enumerate(parts) if sum(p[2] for p in parts[: n + 1]) >= 9.99), None)
        paid = full is not None and (rejected is None or full <= rejected)
        if rejected:
            add("rejection_rate", r["requested_at"], 1)
        if paid:
            add("resolution_mix", r["requested_at"], 1)
        if r["resolution"] == "exchange":
            continue
        due, settled = r["requested_at"] + timedelta(days=14), full if paid else rejected
        if due <= AS_OF:
            add("refund_sla_rate", r["requested_at"], paid and full <= due)
        for day in [*sundays, last_day]:
            if r["requested_at"].date() <= day and (settled is None or settled.date() > day):
                moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
                add("late_refund_open", moment, due.date() <= day and due <= AS_OF)


def plain_counts(world: World) -> dict[tuple[str, str], tuple[int, int]]:
    """Numerator and denominator per KPI and week, from the definitions, row by row."""
    numerators: Counter[tuple[str, str]] = Counter()
    denominators: Counter[tuple[str, str]] = Counter()

    def add(kpi: str, moment: datetime, numerator: int, denominator: int = 1) -> None:
        numerators[kpi, monday(moment)] += numerator
        denominators[kpi, monday(moment)] += denominator

    def known(moment: datetime | None) -> bool:
        return moment is not None and moment <= AS_OF

    contacts = [c for c in world["contacts"] if c["direction"] == "inbound" and known(c["created_at"])]
    order_of = {r["return_id"]: r["order_id"] for r in world["returns"] if known(r["requested_at"])}
    for c in contacts:
        add("contacts_per_1k_orders", c["created_at"], 1, 0)
    for o in world["orders"]:
        if not known(o["ordered_at"]):
            continue
        add("contacts_per_1k_orders", o["ordered_at"], 0)
        until = o["ordered_at"] + timedelta(days=30)
        mine = [c for c in contacts if order_of.get(c["return_id"], c["order_id"]) == o["order_id"]]
        add("order_contact_rate_30d", o["ordered_at"], any(o["ordered_at"] <= c["created_at"] <= until for c in mine))
        if known(o["delivered_at"]):
            add("return_rate", o["ordered_at"], o["order_id"] in order_of.values())
    for c in contacts:
        matter = order_of.get(c["return_id"], c["order_id"]) or c["return_id"]
        until = c["created_at"] + timedelta(days=7)
        others = [
            o for o in contacts if o["customer_id"] == c["customer_id"] and c["created_at"] < o["created_at"] <= until
        ]
        again = [o for o in others if (order_of.get(o["return_id"], o["order_id"]) or o["return_id"]) == matter]
        if until <= AS_OF:
            add("repeat_contact_rate_7d", c["created_at"], matter is not None and bool(again))
    count_returns(world, add, known)
    for s in world["surveys"]:
        in_time = known(s["responded_at"]) and s["responded_at"] <= s["invited_at"] + timedelta(days=14)
        if known(s["invited_at"]):
            add("survey_response_rate", s["invited_at"], s["score"] is not None and in_time)
        if s["score"] is None or not known(s["responded_at"]):
            continue
        score, kind = s["score"], s["survey_type"]
        if kind == "nps":
            add("nps", s["responded_at"], (score >= 9) - (score <= 6))
            # in these worlds nobody answers twice
            add("nps_per_customer", s["responded_at"], (score >= 9) - (score <= 6))
        elif kind == "ces":
            add("ces", s["responded_at"], score >= 5)
        elif s["scale_max"] == 5:
            add("csat", s["responded_at"], score >= 4)
    return {key: (numerators[key], denominators[key]) for key in denominators | numerators}


@SEVERAL
@given(worlds(), st.randoms(use_true_random=False))
def test_a_plain_count_agrees_roll_ups_are_exact_and_order_of_arrival_does_not_matter(
    world: World, chance: random.Random
) -> None:
    out, keep = run({source: [rows] for source, rows in world.items()})
    other, keep_other = run(scattered(world, chance))
    with keep, keep_other:
        assert_plain_count_agrees(world, out)
        assert_roll_ups_are_exact(out)
        assert_values_are_within_their_bounds(out)
        sql = "select * from marts.kpi_weekly order by kpi, week, dimension, dimension_value, statistic"
        assert drafted(other, sql) == drafted(out, sql)


def assert_plain_count_agrees(world: World, out: Path) -> None:
    columns = "kpi, week, numerator, n"
    where = "dimension = 'all' and statistic = 'value' and status <> 'withheld' and (n > 0 or numerator > 0)"
    rows = drafted(out, f"select {columns} from marts.kpi_weekly where {where}")
    found = {(r["kpi"], str(r["week"])): (r["numerator"], r["n"]) for r in rows}
    withheld = {r["kpi"] for r in drafted(out, "select distinct kpi from marts.kpi_weekly where status = 'withheld'")}
    assert drafted(out, "from ledger.quarantine") == []
    expected = {key: value for key, value in plain_counts(world).items() if key[0] not in withheld}
    assert {key: value for key, value in found.items() if key[0] not in ELSEWHERE} == expected


def assert_roll_ups_are_exact(out: Path) -> None:
    sums = "sum(numerator) as numerator, sum(denominator) as denominator, sum(n) as n"
    of = "statistic in ('value', 'p50') and status <> 'withheld'"
    split = "not regexp_matches(dimension, 'contact_reason|channel|overdue') and (kpi, dimension) <> ('resolution_mix', 'resolution')"
    split += " and not (kpi = 'resolution_mix' and dimension like '% resolution')"
    # a stock is not added up over days, and pairs of stages have none
    staged = "select kpi from marts.kpi_catalogue where kind = 'duration' and within is not null"
    summed = f"kpi <> 'late_refund_open' and not (kpi in ({staged}) and contains(dimension, '×'))"
    days = drafted(
        out,
        f"""
        with days as (
            select kpi, cast(date_trunc('week', day) as date) as week, dimension, dimension_value, {sums}
            from marts.kpi_daily where {of} and {split} and {summed} group by all
        ), weeks as (select * from marts.kpi_weekly where {of} and {split} and {summed})
        select * from days full outer join weeks using (kpi, week, dimension, dimension_value)
        where (days.numerator, days.denominator, days.n)
            is distinct from (weeks.numerator, weeks.denominator, weeks.n)
        """,
    )
    assert days == []
    groups = drafted(
        out,
        f"""
        with groups as (
            select kpi, week, dimension, {sums} from marts.kpi_weekly where {of} and {split} group by all
        ), totals as (from groups where dimension = 'all')
        select * from groups inner join totals using (kpi, week)
        where groups.dimension <> 'scale' and (groups.numerator, groups.denominator, groups.n)
            is distinct from (totals.numerator, totals.denominator, totals.n)
        """,
    )
    assert groups == []


def assert_values_are_within_their_bounds(out: Path) -> None:
    bounds = drafted(
        out,
        """
        select kpi, week, dimension_value, statistic, value, ci_low, ci_high, n
        from marts.kpi_weekly inner join marts.kpi_catalogue using (kpi)
        where value is not null and statistic <> 'n_eff' and (
            value not between ci_low - 1e-9 and ci_high + 1e-9 and kind <> 'net_share'
            or ci_low > ci_high
            or kind in ('share', 'mix') and (value not between 0 and 1 or ci_low < 0 or ci_high > 1)
            or kind = 'net_share' and (value not between -100 and 100 or ci_low < -100 or ci_high > 100)
            or value < 0 and kind <> 'net_share'
            or n < 1
        )
        """,
    )
    assert bounds == [], bounds
    assert drafted(out, "from marts.kpi_weekly where value is null and denominator > 0 and statistic = 'value'") == []


def scattered(world: World, chance: random.Random) -> dict[str, list[list[dict[str, Any]]]]:
    """The same rows shuffled over several files, some of them twice, some in an older state beside the newest."""
    found = {}
    for source, rows in world.items():
        born = min((name for name in rows[0] if name.endswith("_at")), key=list(rows[0]).index) if rows else ""
        older = [
            {**row, "updated_at": row[born] - timedelta(days=1), "market": "XX"}
            for row in rows
            if chance.random() < 0.3
        ]
        older = [row if source == "orders" else {k: v for k, v in row.items() if k != "market"} for row in older]
        many = rows + chance.sample(rows, len(rows) // 3) + older
        chance.shuffle(many)
        found[source] = [many[part::3] for part in range(3)]
    return found
