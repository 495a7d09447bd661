"""Returns, refunds, contacts and surveys of a world, counted again with pandas from the files it was delivered in."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.acceptance.conftest import AS_OF, World

NOW = pd.Timestamp(AS_OF).tz_convert("UTC")
DAY = pd.Timedelta(days=1)


def latest(world: World, source: str, key: str) -> pd.DataFrame:
    """The last state of every record, times as timestamps."""
    parts = [pd.read_csv(path, dtype=str) for path in sorted((world.folder / source).glob("*.csv.gz"))]
    frame = pd.concat(parts).sort_values("updated_at", kind="stable").drop_duplicates(key, keep="last")
    for name in [column for column in frame if str(column).endswith("_at")]:
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame.set_index(key, drop=False).rename_axis(None)


@pytest.fixture(scope="module")
def returns(clean: World) -> pd.DataFrame:
    """Returns with the moment of full credit: the first at which the credits reach the approved amount."""
    found = latest(clean, "returns", "return_id")
    paid = latest(clean, "refunds", "refund_id").query("credited_at.notna() and return_id.notna()")
    paid = paid.sort_values(["return_id", "credited_at"], kind="stable").assign(amount=paid.amount.astype(float))
    paid["total"] = paid.groupby("return_id").amount.cumsum()
    due = found.approved_amount.astype(float).reindex(paid.return_id).to_numpy()
    full = paid[paid.total >= due - 0.01].groupby("return_id").credited_at.first()
    ended = found[["rejected_at", "cancelled_at", "expired_at"]].min(axis=1)
    found = found.assign(full=full.reindex(found.index), ended=ended)
    return found.assign(week=monday(found.requested_at))


def monday(moments: pd.Series) -> pd.Series:
    day = moments.dt.floor("D")
    week: pd.Series = (day - pd.to_timedelta(day.dt.weekday, unit="D")).dt.strftime("%Y-%m-%d")
    return week


def published(world: World, kpi: str, dimension: str = "all") -> dict[tuple[str, str], tuple[float, int]]:
    rows = world.ask(
        f"from marts.kpi_weekly where kpi = '{kpi}' and dimension = '{dimension}' and statistic in ('value', 'p50')"
    )
    return {(str(r["week"]), r["dimension_value"]): (r["numerator"], r["n"]) for r in rows if r["n"]}


def counted(weeks: pd.Series, hits: pd.Series) -> dict[tuple[str, str], tuple[float, int]]:
    groups = hits.astype(float).groupby(weeks)
    return {(str(week), "all"): (part.sum(), len(part)) for week, part in groups}


def test_rejection_rate(clean: World, returns: pd.DataFrame) -> None:
    decided = returns[returns.approved_at.notna() | returns.rejected_at.notna()]
    assert published(clean, "rejection_rate") == counted(decided.week, decided.rejected_at.notna())


def test_refunds_within_the_agreed_time(clean: World, returns: pd.DataFrame) -> None:
    old = returns[returns.resolution.isin(["refund", "returnless_refund"]) & (returns.requested_at + 14 * DAY <= NOW)]
    kept = (old.full <= old.requested_at + 14 * DAY) & ~(old.ended < old.full)
    assert published(clean, "refund_sla_rate") == counted(old.week, kept)


def test_resolution_mix(clean: World, returns: pd.DataFrame) -> None:
    goods = returns.resolution.isin(["exchange", "store_credit"]) & returns.inspected_at.notna() & returns.ended.isna()
    done = returns[(returns.full.notna() & ~(returns.ended < returns.full)) | goods]
    whole = done.groupby("week").size()
    expected = {
        (week, name): (float(((done.week == week) & (done.resolution == name)).sum()), int(n))
        for week, n in whole.items()
        for name in done.resolution.unique()
    }
    assert published(clean, "resolution_mix", "resolution") == expected


def test_late_open_refunds(clean: World, returns: pd.DataFrame) -> None:
    cases = returns[returns.resolution.isin(["refund", "returnless_refund"])]
    settled = cases[["full", "ended"]].min(axis=1)
    expected = {}
    for end in pd.date_range(cases.requested_at.min().floor("D"), NOW, freq="W-MON"):
        is_open = (cases.requested_at < end) & ~(settled < end)
        is_late = is_open & (cases.requested_at.dt.floor("D") + 14 * DAY < end)
        if is_open.any():
            expected[f"{end - 7 * DAY:%Y-%m-%d}", "all"] = (float(is_late.sum()), int(is_open.sum()))
    assert published(clean, "late_refund_open") == expected


def test_nps_per_customer(clean: World) -> None:
    answers = latest(clean, "surveys", "response_id").query("survey_type == 'nps' and score.notna()")
    answers = answers.sort_values(["customer_id", "responded_at", "response_id"], kind="stable")
    again = answers.groupby("customer_id").responded_at.shift(-1)
    kept = answers[~(again <= answers.responded_at + 90 * DAY)]
    score = kept.score.astype(int)
    assert published(clean, "nps_per_customer") == counted(
        monday(kept.responded_at), 1 * (score >= 9) - 1 * (score <= 6)
    )


def test_repeated_contacts(clean: World) -> None:
    contacts = latest(clean, "contacts", "contact_id").query("direction == 'inbound'")
    order_of = latest(clean, "returns", "return_id").order_id
    matter = contacts.return_id.map(order_of).fillna(contacts.order_id).fillna(contacts.return_id)
    contacts = contacts.assign(matter=matter, answered=contacts.resolved_at.fillna(contacts.created_at))
    pairs = contacts.merge(contacts[["customer_id", "matter", "reason_code", "created_at"]].dropna(),
                           on=["customer_id", "matter", "reason_code"], suffixes=("", "_again"))  # fmt: skip
    wait = pairs.created_at_again - pairs.answered
    repeated = pairs.contact_id[(wait > pd.Timedelta(0)) & (wait <= 7 * DAY)]
    old = contacts[contacts.created_at <= NOW - 7 * DAY]
    assert published(clean, "repeat_contact_rate_7d") == counted(monday(old.created_at), old.contact_id.isin(repeated))


def test_stages_add_up_to_the_refund_cycle_time(clean: World) -> None:
    """Hours waited in all stages of a week's returns are the hours of its refund cycle times, to the second."""
    sums = "observed_on, sum(duration_hours) as hours, count(distinct order_id) as orders"
    stages, whole = (
        {
            r["observed_on"]: (r["hours"], r["orders"])
            for r in clean.ask(f"select {sums} from marts.kpi_rows where kpi = '{kpi}' group by all")
        }
        for kpi in ("refund_stage_time", "refund_cycle_time")
    )
    assert stages.keys() == whole.keys()
    for day, (hours, orders) in whole.items():
        assert stages[day] == (pytest.approx(hours, abs=1 / 3600), orders)
