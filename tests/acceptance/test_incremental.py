"""Nights that make only what changed: their marts equal those of one night over everything, bit for bit."""

from __future__ import annotations

import csv
import gzip
import io
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from nights import alone, deliver, drafted, marketplace, moment

from flows.night import Night
from flows.settings import load
from transforms import rewrites
from transforms.warehouse import Warehouse

END = datetime(2026, 3, 16)  # of ten weeks
SOME = (
    *("contacts_per_1k_orders", "late_refund_open", "nps_per_customer", "order_contact_rate_30d", "refund_cycle_time"),
    *("resolution_mix", "return_rate"),
)
MARTS = ("kpi_daily", "kpi_weekly", "kpi_monthly", "kpi_rows", "kpi_slices", "open_cases", "kpi_to_date", "comments")
TABLES = ("kpi_daily", "kpi_weekly", "kpi_monthly", "kpi_rows", "comments")


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many records are touched, their facts are told by themselves."""
    monkeypatch.setattr("transforms.touched.MOST", 1000)


@pytest.fixture(autouse=True)
def _some(request: pytest.FixtureRequest) -> Iterator[None]:
    """A KPI of each kind, and one whose rows are made of several records; the slow nights have all KPIs."""
    with nullcontext() if request.node.get_closest_marker("slow") else alone(*SOME):
        yield


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return marketplace(tmp_path_factory.mktemp("world") / "w", orders=2500, weeks=10, files="per-week", seed=11)


def a_night(landing: Path, out: Path, as_of: datetime, monkeypatch: pytest.MonkeyPatch) -> Night:
    monkeypatch.setattr("expectations.gate.check", lambda *_, **__: [])
    with Night(load(landing=landing, out=out), moment(as_of.isoformat())) as night:
        night.run()
        night.touched = night.warehouse.rows("select kpi, grain, period from cells.periods")
    return night


def content(out: Path, tables: Sequence[str] = TABLES) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the published numbers, in an order that does not depend on how they came about."""
    with Warehouse((out / "marts.duckdb").resolve(), read_only=True) as marts:
        return {table: marts.rows(f"from {table} order by all") for table in tables}


def read_parquet(out: Path, table: str) -> list[tuple[object, ...]]:
    with Warehouse((out / "marts.duckdb").resolve(), read_only=True) as marts:
        return marts.rows(f"from '{out}/marts/{table}.parquet' order by all")


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 22))])
def test_nights_equal_one_night(
    seed: int, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Files come in random lots, out of order, some of them twice, some rewritten on the way."""
    chance = random.Random(seed)
    files = [path for path in sorted(world.glob("*/*.csv.gz")) if path.parent.name != "truth"]
    chance.shuffle(files)
    nights = chance.randint(2, 4)
    lots = [files[start::nights] for start in range(nights)]
    for number, lot in enumerate(lots):
        again = chance.sample(files, 3)
        for path in [*lot, *again]:
            name = path.relative_to(world).as_posix()
            if path in again and chance.random() < 0.5:
                name = name.replace(".csv.gz", f"_again{number}.csv.gz")
            (tmp_path / "landing" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / "landing" / name)
        as_of = END - timedelta(
            days=3 * (nights - 1 - number), hours=chance.randint(0, 9) if number < nights - 1 else 0
        )
        a_night(tmp_path / "landing", tmp_path / "out", as_of, monkeypatch)
    a_night(tmp_path / "landing", tmp_path / "at_once", END, monkeypatch)
    found, expected = content(tmp_path / "out"), content(tmp_path / "at_once")
    for table in TABLES:
        assert found[table], table
        assert found[table] == expected[table], table


@pytest.mark.parametrize(
    ("seed", "nights"), [(1, 2), *(pytest.param(seed, 5, marks=pytest.mark.slow) for seed in range(2, 10))]
)
def test_a_version_rewritten_night_by_night_equals_a_whole_one(
    seed: int, nights: int, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After eight weeks a few records come each night, late ones and those of the weeks that follow."""
    chance, rewritten = random.Random(seed), Counter[str]()
    landing, later = tmp_path / "landing", []
    for path in sorted(world.glob("[!t]*/*.csv.gz")):
        name, rows = path.parent.name, list(csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode())))
        late = [row for row in rows if path.name.split("_")[1] >= "2026-03-02" or chance.random() < 0.01]
        later += [(name, row) for row in late]
        deliver(landing, f"{name}/{path.name.removesuffix('.gz')}", [row for row in rows if row not in late])
    chance.shuffle(later)
    later.sort(key=lambda one: one[1]["updated_at"] < "2026-03-04")  # taken from the end: late ones first
    monkeypatch.setattr("transforms.publish.GROWN", 100)  # a small version has little that stands
    rewrite = rewrites.rewrite
    monkeypatch.setattr(
        "transforms.rewrites.rewrite", lambda *its: (rewritten.update([its[1].split('"')[1]]), rewrite(*its))
    )
    as_of = END - timedelta(days=14)
    for number in range(nights + 1):
        if number:
            lot = [later.pop() for _ in range(min(len(later), chance.choice([0, 3, 40])))]
            for source in {name for name, _ in lot}:
                deliver(landing, f"{source}/night_{number}.csv", [row for name, row in lot if name == source])
            as_of += timedelta(hours=chance.choice([0, 7, 24, 48, 24 * 7]))
        a_night(landing, tmp_path / "out", as_of, monkeypatch)
        if not number:  # whole itself
            continue
        a_night(landing, tmp_path / f"whole_{number}", as_of, monkeypatch)
        assert content(tmp_path / "out", MARTS) == content(tmp_path / f"whole_{number}", MARTS), f"night {number}"
        parquet = read_parquet(tmp_path / "out", "kpi_weekly")
        assert parquet == read_parquet(tmp_path / f"whole_{number}", "kpi_weekly")
    assert rewritten["kpi_rows"] == nights
    assert min(rewritten[name] for name in rewrites.FIGURES) == nights, rewritten


def test_a_night_touches_what_changed(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    landing, out = tmp_path / "landing", tmp_path / "out"
    shutil.copytree(world, landing)
    assert a_night(landing, out, END, monkeypatch).is_anew
    quiet = a_night(landing, out, END, monkeypatch)
    assert (quiet.is_anew, quiet.touched) == (False, [])
    assert quiet.stands
    order = drafted(
        out, "select order_id, customer_id, ordered_on from facts.orders where market = 'VN' order by 1 limit 1"
    )[0]
    contact = {"contact_id": "late", "direction": "inbound", "reason_code": "payment", "channel": "chat"} | {
        "customer_id": order["customer_id"],
        "order_id": order["order_id"],
        "created_at": "2026-03-12T00:00:00Z",
        "updated_at": "2026-03-12T00:00:00Z",
    }
    deliver(landing, "contacts/late.csv", [contact])
    late = a_night(landing, out, END, monkeypatch)
    days = {(kpi, period) for kpi, grain, period in late.touched if grain == 0}
    assert ("contacts_per_1k_orders", date(2026, 3, 12)) in days
    assert {kpi for kpi, _ in days} <= {kpi for kpi in {k for k, _ in days} if "contact" in kpi}
    assert all(period in (date(2026, 3, 12), order["ordered_on"]) for _, period in days)


def test_a_repeat_that_changes_hands_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two contacts of one order or one of each of two: the day's sums are the same, their interval is not."""
    at = {"ordered_at": "2026-03-02T08:00:00Z", "updated_at": "2026-03-02T09:00:00Z", "market": "VN"}
    orders = [{"order_id": f"o{i}", "customer_id": f"c{i}", **at} for i in range(40)]
    deliver(tmp_path / "landing", "orders/orders.csv", orders)

    def contacts(second: str, name: str, updated: str) -> None:
        rows = [
            {
                "contact_id": f"k{i}",
                "customer_id": "c1",
                "order_id": order,
                "direction": "inbound",
                "updated_at": updated,
            }
            | {"channel": "chat", "reason_code": "payment", "created_at": f"2026-03-0{3 + i}T00:00:00Z"}
            for i, order in enumerate(["o1", second])
        ]
        deliver(tmp_path / "landing", f"contacts/{name}.csv", rows)

    def interval(out: str) -> list[dict[str, object]]:
        where = "kpi = 'contacts_per_1k_orders' and dimension = 'all' and week = date '2026-03-02'"
        return drafted(tmp_path / out, f"select value, ci_low, ci_high from marts.kpi_weekly where {where}")

    contacts("o2", "first", "2026-03-05T00:00:00Z")
    a_night(tmp_path / "landing", tmp_path / "out", END, monkeypatch)
    before = interval("out")
    contacts("o1", "second", "2026-03-06T00:00:00Z")
    a_night(tmp_path / "landing", tmp_path / "out", END, monkeypatch)
    a_night(tmp_path / "landing", tmp_path / "at_once", END, monkeypatch)
    assert interval("out") != before
    assert interval("out") == interval("at_once")


def test_estimates_that_were_not_finished_are_made_anew(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A night that dies between the sums and the estimates leaves the fingerprints of what the estimates are made of."""
    landing, out = tmp_path / "landing", tmp_path / "out"
    files = sorted(world.glob("orders/*.csv.gz"))
    for path in files[:5]:
        deliver(landing, f"orders/{path.name}", path.read_bytes())
    a_night(landing, out, END, monkeypatch)
    for path in files[5:]:
        deliver(landing, f"orders/{path.name}", path.read_bytes())
    with monkeypatch.context() as dying:
        dying.setattr("transforms.changes.update_estimates", lambda *_: (_ for _ in ()).throw(OSError("no power")))
        with pytest.raises(OSError, match="no power"):
            a_night(landing, out, END, dying)
    a_night(landing, out, END, monkeypatch)
    a_night(landing, tmp_path / "at_once", END, monkeypatch)
    assert content(out) == content(tmp_path / "at_once")
