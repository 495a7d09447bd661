"""A source that stops while orders go on: what it counts is withheld from then on, and is not read as 0."""

from __future__ import annotations

import gzip
import shutil
from datetime import date
from pathlib import Path

import pytest

from flows.night import Night, Result
from flows.settings import load
from tests.acceptance.nights import draft, marketplace, moment, published
from transforms.models import sources

END = "2026-03-16T00:00:00+00:00"  # of ten weeks
BEFORE = "2026-03-02T00:00:00+00:00"
LAST, LAST_WITH = date(2026, 3, 9), date(2026, 2, 23)
OF_CONTACTS = {
    "contacts_per_1k_orders",
    "contacts_per_return_day",
    "order_contact_rate_30d",
    "repeat_contact_rate_7d",
    "return_contact_rate",
}
ALONE = (*sorted(OF_CONTACTS), "nps", "refund_sla_rate", "return_rate")  # and of each other source one
MARTS = ("kpi_daily", "kpi_weekly", "kpi_monthly", "kpi_slices", "kpi_to_date")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return marketplace(tmp_path_factory.mktemp("world") / "w", orders=5000, weeks=10, files="per-week", seed=21)


def deliver(world: Path, landing: Path, source: str, since: str, until: str = "9") -> None:
    (landing / source).mkdir(parents=True, exist_ok=True)
    for path in sorted((world / source).iterdir()):
        if since <= path.name.removeprefix(f"{source}_") < until:
            shutil.copy(path, landing / source)


def a_night(landing: Path, out: Path, as_of: str) -> Result:
    night: Result = draft(landing, out, as_of)
    return night


def of(out: Path, kpi: str, week: date) -> set[tuple[str, bool]]:
    """Status of a KPI as a whole in a week, and whether it has a value."""
    sql = f"select status, value from kpi_weekly where kpi = '{kpi}' and week = '{week}' and dimension = 'all' and statistic = 'value'"
    return {(row["status"], row["value"] is not None) for row in published(out, sql)}


def test_a_source_that_stopped_withholds_what_it_counts_until_it_is_back(world: Path, tmp_path: Path) -> None:
    landing, out = tmp_path / "landing", tmp_path / "out"
    others = ("orders", "returns", "refunds", "surveys")
    for source in (*others, "contacts"):
        deliver(world, landing, source, "0", "2026-03-02")
    assert a_night(landing, out, BEFORE).withheld == {}

    for source in others:
        deliver(world, landing, source, "2026-03-02")
    night = a_night(landing, out, END)
    assert set(night.withheld) == OF_CONTACTS
    assert night.exit_status == 1
    assert all(
        why.startswith("the contacts extract has brought nothing since 2026-03-01") for why in night.withheld.values()
    )
    assert of(out, "contacts_per_1k_orders", LAST) == {("withheld", False)}
    assert of(out, "contacts_per_1k_orders", LAST_WITH) == {("final", True)}
    assert of(out, "order_contact_rate_30d", LAST_WITH) == {("withheld", False)}  # its contacts may be made later
    assert of(out, "return_rate", LAST) == {("provisional", True)}
    withheld = "select distinct kpi from kpi_weekly where status = 'withheld'"
    assert {row["kpi"] for row in published(out, withheld)} <= OF_CONTACTS
    lacking = published(out, "select source from sources where lacking_since is not null")
    assert lacking == [{"source": "contacts"}]
    equal_to_one_night(landing, out, tmp_path / "stopped at once")

    deliver(world, landing, "contacts", "2026-03-02")
    assert a_night(landing, out, END).withheld == {}
    assert of(out, "contacts_per_1k_orders", LAST) == {("final", True)}
    equal_to_one_night(landing, out, tmp_path / "back at once")


def equal_to_one_night(landing: Path, out: Path, at_once: Path) -> None:
    a_night(landing, at_once, END)
    for mart in MARTS:
        sql = f"from {mart} order by all"
        assert published(out, sql) == published(at_once, sql), mart


def withheld(landing: Path, out: Path) -> set[str]:
    with Night(load(landing=landing, out=out), moment(END)) as night:
        found = night.discover()
        for source in sources():
            night.ingest(source, found[source.id])
        night.build_facts()
        night.count()
        return {*night.stopped, *night.withheld}


def test_a_pause_that_is_usual_is_none(world: Path, tmp_path: Path) -> None:
    """Two weeks of contacts say how long is long; a few of them, and those of a few days, do not; nor the end of everything.

    What stopped is known before anything is estimated.
    """
    landing, others = tmp_path / "landing", ("orders", "returns", "refunds", "surveys")
    for source in others:
        deliver(world, landing, source, "0")
    deliver(world, landing, "contacts", "2026-02-02", "2026-02-16")
    assert withheld(landing, tmp_path / "two weeks") == OF_CONTACTS
    first, second = sorted((landing / "contacts").iterdir())
    first.unlink()
    assert withheld(landing, tmp_path / "one week") == set()
    deliver(world, landing, "contacts", "2026-02-02", "2026-02-03")
    lines = {path: gzip.decompress(path.read_bytes()).splitlines(keepends=True) for path in (first, second)}
    for path in lines:
        path.write_bytes(gzip.compress(b"".join(lines[path][:1] + lines[path][1::5])))
    assert withheld(landing, tmp_path / "few") == set()
    for path, own in lines.items():
        path.write_bytes(gzip.compress(b"".join(own)))
    for path in (path for source in others for path in (landing / source).iterdir()):
        if path.name.split("_")[1] >= "2026-02-16":
            path.unlink()
    assert withheld(landing, tmp_path / "all ended") == set()
