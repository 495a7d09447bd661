"""A published figure that changes later: the parts of the difference are told apart and add up to it exactly."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.night import Night
from flows.settings import load
from tests.acceptance.nights import deliver, moment, published
from transforms import build
from transforms.leadership import files
from transforms.leadership.frames import Frames
from transforms.publish import roll_back
from transforms.warehouse import Warehouse

ALONE = ("nps", "refund_sla_rate", "refund_cycle_time")  # no weekly file without a duration
PARTS = ("late_data", "corrections", "definition_change", "backfill")
MONDAY = "2026-06-01"


def answers(
    name: str, scores: list[int], updated: str = "2026-06-03T10:00:00Z", **changes: str
) -> list[dict[str, Any]]:
    return [
        {"response_id": f"{name}{n}", "survey_type": "nps", "scale_min": 0, "scale_max": 10, "score": score,
         "customer_id": f"c-{name}{n}", "order_id": "o1", "invited_at": "2026-06-02T10:00:00Z",
         "responded_at": "2026-06-03T10:00:00Z", "updated_at": updated} | changes
        for n, score in enumerate(scores)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A first night with 40 answers, 20 of them promoters: NPS 0 of the week, and its weekly file."""
    root = tmp_path_factory.mktemp("published_once")
    order = {"order_id": "o1", "customer_id": "c1", "market": "VN", "ordered_at": "2026-05-20T08:00:00Z",
             "updated_at": "2026-05-20T08:00:00Z"}  # fmt: skip
    deliver(root / "landing", "orders/a.csv", [order])
    deliver(root / "landing", "surveys/a.csv", answers("a", [10] * 20 + [0] * 20))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("expectations.gate.check", lambda *_, **__: [])
        night(root, "2026-06-09")
    weekly(root, is_drawn=True)
    return root


@pytest.fixture
def root(published_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first night and its weekly file, a copy for each test to go on from."""
    monkeypatch.setattr("expectations.gate.check", lambda *_, **__: [])
    return shutil.copytree(published_once, tmp_path / "root", symlinks=True)


def night(root: Path, as_of: str, is_backfill: bool = False, **changed: Any) -> Any:
    settings = load(landing=root / "landing", out=root / "out", hash_key="of the tests", **changed)
    with Night(settings, moment(as_of), is_backfill=is_backfill) as opened:
        return opened.run()


def weekly(root: Path, at: datetime | None = None, is_drawn: bool = False) -> None:
    """The week's file; its page, print and workbook, which tell of nothing here, are left undrawn unless told."""
    with pytest.MonkeyPatch.context() as patch:
        if not is_drawn:
            patch.setattr(files, "render", told_alone)
        with Warehouse((root / "out" / "marts.duckdb").resolve(), read_only=True) as marts:
            files.write_weekly(marts.frame, root / "out", "2026-W23", published_at=at or datetime.now(UTC))


def told_alone(payload: dict[str, Any], frames: Frames, _: Any) -> tuple[dict[str, bytes], dict[str, int]]:
    told = {"kpis.json": json.dumps(payload).encode(), "kpis.parquet": files.render_parquet(frames)[0]}
    return dict.fromkeys(files.PARTS, b"undrawn") | told, {}


def moved(root: Path, dimension: str = "all") -> dict[str, Any]:
    """The restatement of the week's NPS, whose parts add up."""
    found = published(
        root / "out",
        f"from restatements where kpi = 'nps' and statistic = 'value' and dimension = '{dimension}' and week = '{MONDAY}'",
    )
    assert len(found) == 1, found
    row = found[0]
    assert row["published_value"] + sum(row[part] for part in PARTS) == pytest.approx(row["value"], abs=1e-12)
    return {part: round(row[part], 9) for part in PARTS if row[part]} | {
        "old": row["published_value"],
        "new": row["value"],
    }


def test_nothing_changes_when_nothing_arrives(root: Path) -> None:
    night(root, "2026-06-10")
    assert published(root / "out", "from restatements") == []
    (number,) = published(
        root / "out", "from published_numbers where kpi = 'nps' and statistic = 'value' and dimension = 'all'"
    )
    assert (number["value"], number["n"], number["as_of"]) == (0.0, 40, datetime(2026, 6, 9, tzinfo=UTC))
    (first, _) = sorted(p.name for p in (root / "out" / "versions").iterdir())
    assert number["version"] == first
    lines = published(root / "out", "select source, file, sha256 from ingest_files order by source, file, sha256")
    said = "\n".join(f"{r['source']} {r['file']} {r['sha256']}" for r in lines)
    assert number["inputs"] == hashlib.sha256(said.encode()).hexdigest()


def test_late_answers(root: Path) -> None:
    deliver(root / "landing", "surveys/b.csv", answers("b", [10] * 10))
    night(root, "2026-06-10")
    assert moved(root) == {"late_data": 20.0, "old": 0.0, "new": 20.0}
    assert moved(root, "market") == {"late_data": 20.0, "old": 0.0, "new": 20.0}


def test_corrected_answers(root: Path) -> None:
    deliver(root / "landing", "surveys/b.csv", answers("a", [10] * 30, "2026-06-04T10:00:00Z"))
    night(root, "2026-06-10")
    assert moved(root) == {"corrections": 50.0, "old": 0.0, "new": 50.0}


def test_both_in_one_night(root: Path) -> None:
    """Corrected alone it is 30 for and 10 against of 40, which is 50; ten late detractors make it 20 of 50, which is 20."""
    corrected = answers("a", [10] * 30, "2026-06-04T10:00:00Z")
    deliver(root / "landing", "surveys/b.csv", corrected + answers("b", [0] * 10))
    night(root, "2026-06-10")
    assert moved(root) == {"corrections": 50.0, "late_data": -30.0, "old": 0.0, "new": 20.0}


def test_a_correction_that_takes_an_answer_away(root: Path) -> None:
    """A promoter's answer turns out to be of another week."""
    other = answers(
        "a", [10], "2026-06-04T10:00:00Z", responded_at="2026-05-27T10:00:00Z", invited_at="2026-05-26T10:00:00Z"
    )
    deliver(root / "landing", "surveys/b.csv", other)
    night(root, "2026-06-10")
    assert moved(root) == {"corrections": round(-100 / 39, 9), "old": 0.0, "new": pytest.approx(-100 / 39)}


def test_several_nights_and_a_backfill(root: Path) -> None:
    deliver(root / "landing", "surveys/b.csv", answers("b", [10] * 10))
    night(root, "2026-06-10")
    deliver(root / "landing", "surveys/c.csv", answers("a", [10] * 30, "2026-06-04T10:00:00Z"))
    night(root, "2026-06-11")
    deliver(root / "landing", "surveys/d.csv", answers("d", [0] * 50))
    night(root, "2026-06-12", is_backfill=True)
    assert moved(root) == {"late_data": 20.0, "corrections": 40.0, "backfill": -80.0, "old": 0.0, "new": -20.0}


def test_a_version_that_was_rolled_back_does_not_move_parts(root: Path) -> None:
    """The corrections of the night after are told from the rows of the last night, not from those readers went back to."""
    deliver(root / "landing", "surveys/b.csv", answers("b", [10] * 10))
    night(root, "2026-06-10")
    roll_back(root / "out")
    deliver(root / "landing", "surveys/c.csv", answers("a", [10] * 30, "2026-06-04T10:00:00Z"))
    night(root, "2026-06-11")
    assert moved(root) == {"late_data": 20.0, "corrections": 40.0, "old": 0.0, "new": 60.0}


@pytest.mark.slow
def test_all_causes_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Late and corrected answers, then a definition, a backfill and late answers again: five nights, parts that add up."""
    deliver(root / "landing", "surveys/b.csv", answers("a", [10] * 30, "2026-06-04T10:00:00Z") + answers("b", [0] * 10))
    night(root, "2026-06-10")
    with monkeypatch.context() as patch:
        redefine(patch)
        deliver(root / "landing", "surveys/c.csv", answers("c", [10] * 10))
        night(root, "2026-06-11")
    first = moved(root)
    assert (first["corrections"], first["late_data"]) == (50.0, -30.0)
    assert first["definition_change"] == pytest.approx(first["new"] - 20)
    night(root, "2026-06-12", is_backfill=True)
    deliver(root / "landing", "surveys/e.csv", answers("e", [0] * 20))
    night(root, "2026-06-13", is_backfill=True)
    deliver(root / "landing", "surveys/f.csv", answers("f", [10] * 20))
    night(root, "2026-06-14")
    last = moved(root)
    assert last["late_data"] != -30.0
    assert {"corrections", "late_data", "definition_change", "backfill"} <= last.keys()


def test_a_change_of_definition(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows under another definition version, here through the catalogue."""
    deliver(root / "landing", "surveys/b.csv", answers("b", [10] * 10))
    redefine(monkeypatch)
    night(root, "2026-06-10")
    assert moved(root) == {"definition_change": 20.0, "old": 0.0, "new": 20.0}
    assert changed_by(root) == ["definition"]


def redefine(monkeypatch: pytest.MonkeyPatch) -> None:
    set_kpis = build.set_kpis

    def redefined(warehouse: Warehouse, *arguments: Any) -> None:
        set_kpis(warehouse, *arguments)
        warehouse.run("update run.kpis set version = '2026-06-10+12345678' where kpi = 'nps'")

    monkeypatch.setattr(build, "set_kpis", redefined)


def changed_by(root: Path, **where: str) -> list[str]:
    conditions = " and ".join(
        f"{n} = '{v}'" for n, v in ({"kpi": "nps", "statistic": "value", "dimension": "all"} | where).items()
    )
    (row,) = published(root / "out", f"select changed from restatements where {conditions} and week = '{MONDAY}'")
    return list(row["changed"])


def test_a_definition_that_changed_nothing_is_no_cause_later(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    redefine(monkeypatch)
    night(root, "2026-06-10")
    assert published(root / "out", "from restatements") == []
    deliver(root / "landing", "surveys/b.csv", answers("b", [10] * 10))
    night(root, "2026-06-11")
    assert moved(root) == {"late_data": 20.0, "old": 0.0, "new": 20.0}
    assert changed_by(root) == []


def test_a_changed_setting_is_named_and_is_no_late_data(root: Path) -> None:
    """The clock of the business moves answers of Sunday night to the week after; data of the same night go with it."""
    edge = answers("e", [10] * 8, "2026-06-08T00:00:00Z", responded_at="2026-06-07T20:00:00Z")
    deliver(root / "landing", "surveys/b.csv", edge)
    night(root, "2026-06-10")
    weekly(root)
    night(root, "2026-06-11", business_time_zone="Asia/Ho_Chi_Minh")
    at = pytest.approx(100 * 8 / 48)
    assert moved(root) == {"definition_change": pytest.approx(-100 * 8 / 48), "old": at, "new": 0.0}
    assert changed_by(root) == ["setting business_time_zone"]
    deliver(root / "landing", "surveys/c.csv", answers("c", [10] * 10))
    night(root, "2026-06-12", business_time_zone="Asia/Ho_Chi_Minh")
    assert moved(root)["late_data"] == 20.0
    assert changed_by(root) == ["setting business_time_zone"]
    night(root, "2026-06-13", business_time_zone="Asia/Ho_Chi_Minh", market_time_zones={"VN": "UTC"})
    assert changed_by(root) == ["setting business_time_zone", "setting market_time_zones"]


def test_a_setting_that_a_kpi_does_not_read_is_no_cause(root: Path) -> None:
    """Another agreed refund time in the night of late answers: they are late answers."""
    deliver(root / "landing", "surveys/b.csv", answers("b", [10] * 10))
    night(root, "2026-06-10", sla=[{"days": 7}], stage_targets={"inspect": 24}, targets={"nps": 50})
    assert moved(root) == {"late_data": 20.0, "old": 0.0, "new": 20.0}


def test_an_agreed_time_that_changes_is_named(root: Path) -> None:
    """Forty returns paid after nine days: within the agreed time of 14 days, and not within 7."""
    returns = [
        {"return_id": f"r{n}", "order_id": "o1", "resolution": "refund", "approved_amount": "5.00",
         "requested_at": "2026-05-05T10:00:00Z", "updated_at": "2026-05-05T10:00:00Z"}
        for n in range(40)
    ]  # fmt: skip
    refunds = [
        {"refund_id": f"f{n}", "return_id": f"r{n}", "order_id": "o1", "amount": "5.00", "issued_at": "2026-05-13T10:00:00Z",
         "credited_at": "2026-05-14T10:00:00Z", "updated_at": "2026-05-14T10:00:00Z"}
        for n in range(40)
    ]  # fmt: skip
    deliver(root / "landing", "returns/a.csv", returns)
    deliver(root / "landing", "refunds/a.csv", refunds)
    night(root, "2026-06-10")
    weekly(root)
    night(root, "2026-06-11", sla=[{"days": 7}])
    (row,) = published(
        root / "out", "from restatements where kpi = 'refund_sla_rate' and dimension = 'all' and statistic = 'value'"
    )
    assert (row["published_value"], row["value"]) == (1.0, 0.0)
    assert {part: row[part] for part in PARTS if row[part]} == {"definition_change": -1.0}
    assert row["changed"] == ["setting sla"]
    assert {r["kpi"] for r in published(root / "out", "select distinct kpi from restatements")} == {"refund_sla_rate"}
    weekly(root)
    payload = json.loads((root / "out" / "weekly" / "2026-W23" / "kpis.json").read_text())
    (restated,) = [r for r in payload["trust"]["restated"] if r["kpi"] == "refund_sla_rate"]
    assert restated["reason"] == "change of definition (setting sla) -1"


def test_a_changed_mapping_is_named(root: Path) -> None:
    """Scores that a mapping turns round: neither late nor corrected by anybody."""
    deliver(root, "mapping/surveys.sql", "select * replace ('10' as score) from extract")
    night(root, "2026-06-10", mapping=root / "mapping")
    assert moved(root) == {"definition_change": 100.0, "old": 0.0, "new": 100.0}
    assert changed_by(root) == ["reading of surveys"]


def test_a_clock_set_back_does_not_choose_an_older_issue(root: Path) -> None:
    """The second issue is the newest, though its clock stood before the first one's; also over two files and a new warehouse."""
    deliver(root / "landing", "surveys/b.csv", answers("b", [10] * 10))
    night(root, "2026-06-10")
    weekly(root, datetime(2020, 1, 1, tzinfo=UTC))
    night(root, "2026-06-11")
    assert published(root / "out", "from restatements") == []
    issues = "select issue, value from published_numbers where kpi = 'nps' and statistic = 'value' and dimension = 'all' order by issue"
    both = [{"issue": 1, "value": 0.0}, {"issue": 2, "value": 20.0}]
    assert published(root / "out", issues) == both
    (root / "out" / "warehouse.duckdb").unlink()
    night(root, "2026-06-12")
    assert published(root / "out", issues) == both
    assert published(root / "out", "from restatements") == []


def test_a_file_written_again_unchanged_costs_a_line(root: Path) -> None:
    """Each figure is kept once for as long as it stays the same, and every issue can be told again from it."""
    path = root / "out" / "weekly" / "2026-W23" / "published.json"
    before = path.stat().st_size
    for hour in range(2):
        weekly(root, datetime(2026, 6, 9, hour, tzinfo=UTC))
    assert path.stat().st_size - before < 2 * 300
    deliver(root / "landing", "surveys/b.csv", answers("b", [10] * 10))
    night(root, "2026-06-10")
    weekly(root)
    night(root, "2026-06-11")
    issues = published(
        root / "out",
        "select issue, count(*) as figures, max(value) filter (where kpi = 'nps' and statistic = 'value' and dimension = 'all') as nps, "
        "count(distinct as_of) as moments from published_numbers group by issue order by issue",
    )
    assert [row["issue"] for row in issues] == [1, 2, 3, 4]
    assert [row["nps"] for row in issues] == [0.0] * 3 + [20.0]
    assert {row["moments"] for row in issues} == {1}
    assert len({row["figures"] for row in issues[:3]}) == 1
    published_rows = published(
        root / "out",
        "select count(*) as n from (from published_numbers) group by issue, week, kpi, statistic, dimension, dimension_value having n > 1",
    )
    assert published_rows == []


def test_figures_written_before_issues_were_counted(root: Path) -> None:
    """The list that 0.1.0 left in the folder: it is booked, and the next issue is newer than all in it."""
    folder = root / "out" / "weekly" / "2026-W23"
    book = json.loads((folder / "published.json").read_text())
    (issue,) = book["issues"]
    rows = [{k: v for k, v in figure.items() if k not in ("first", "last")} | issue for figure in book["figures"]]
    old = [row | {"value": row["value"] - 7, "published_at": "2026-06-08T00:00:00Z"} for row in rows]
    listed = [{k: v for k, v in row.items() if k != "issue"} for row in [*old, *rows]]
    (folder / "published.json").write_text(json.dumps(listed))
    receipt = json.loads((folder / "receipt.json").read_text())
    (folder / "receipt.json").write_text(json.dumps({k: v for k, v in receipt.items() if k != "issue"}))
    night(root, "2026-06-10")
    numbers = "select value from published_numbers where kpi = 'nps' and statistic = 'value' and dimension = 'all' order by issue"
    assert [row["value"] for row in published(root / "out", numbers)] == [-7.0, 0.0]
    assert published(root / "out", "from restatements") == []
    weekly(root, datetime(2020, 1, 1, tzinfo=UTC))
    night(root, "2026-06-11")
    assert [row["value"] for row in published(root / "out", numbers)] == [-7.0, 0.0, 0.0]


def test_a_change_back_is_no_restatement(root: Path) -> None:
    deliver(root / "landing", "surveys/b.csv", answers("b", [10] * 10))
    night(root, "2026-06-10")
    deliver(root / "landing", "surveys/c.csv", answers("c", [0] * 10))
    night(root, "2026-06-11")
    assert (
        published(root / "out", "from restatements where kpi = 'nps' and statistic = 'value' and dimension = 'all'")
        == []
    )


def test_the_weekly_file_says_it_once(root: Path) -> None:
    """It is in the next issue, which is the new published figure from then on."""
    deliver(root / "landing", "surveys/b.csv", answers("b", [10] * 10))
    night(root, "2026-06-10")
    weekly(root)
    payload = json.loads((root / "out" / "weekly" / "2026-W23" / "kpis.json").read_text())
    (restated,) = [r for r in payload["trust"]["restated"] if r["kpi"] == "nps" and r["statistic"] == "value"]
    assert (restated["week"], restated["old"], restated["new"]) == ("2026-W23", 0.0, 20.0)
    assert (restated["reason"], restated["parts"]) == ("late data +20", {"late_data": 20.0})
    assert "restated" not in payload["not_examined"]
    night(root, "2026-06-11")
    assert published(root / "out", "from restatements") == []
    assert published(root / "out", "select count(distinct published_at) as issues from published_numbers") == [
        {"issues": 2}
    ]


def test_a_weekly_file_can_be_rebuilt_byte_for_byte(root: Path) -> None:
    """From its kept version, at a later time of day, elsewhere: all files but those that name the issue."""
    first = root / "out" / "weekly" / "2026-W23"
    before = {p.name: p.read_bytes() for p in first.iterdir()}
    kept = (root / "out" / "current").resolve()
    deliver(root / "landing", "surveys/b.csv", answers("b", [10] * 10))
    night(root, "2026-06-10")
    time.sleep(2.1)  # as coarse as the times in a zip archive
    shutil.copytree(kept, root / "elsewhere")
    at = datetime.fromisoformat(
        published(root / "out", "select max(published_at) as at from published_numbers")[0]["at"].isoformat()
    )
    with Warehouse(root / "elsewhere" / "marts.duckdb", read_only=True) as marts:
        files.write_weekly(marts.frame, root / "again", "2026-W23", published_at=at)
    after = {p.name: p.read_bytes() for p in (root / "again" / "weekly" / "2026-W23").iterdir()}
    assert (
        set(after)
        == set(before)
        == {"brief.html", "brief.pdf", "kpis.xlsx", "kpis.json", "kpis.parquet", "published.json", "receipt.json"}
    )
    assert {name: hashlib.sha256(content).hexdigest() for name, content in after.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in before.items()
    }
