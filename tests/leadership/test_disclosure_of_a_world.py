"""Four weekly files of a whole marketplace, a night and a file a week: no suppressed count of any KPI can be worked out."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from world_attacker import Attack, counts, relations

from tests.acceptance.nights import SOURCES, draft, marketplace
from transforms.leadership import hidden
from transforms.leadership.disclosure import CASES_WIDTH, COUNTED_WIDTH
from transforms.leadership.files import write_weekly
from transforms.leadership.frames import week_name

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_pictures")]
MONDAYS = [date(2026, 4, 27) + timedelta(weeks=number) for number in range(4)]
SLACK = 1e-6


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8,000 orders in 20 weeks; each of the last four has a night and a file after it, of what had arrived by then."""
    root = tmp_path_factory.mktemp("world")
    world = marketplace(root / "world", orders=8000, weeks=20, files="per-day")
    for monday in MONDAYS:
        as_of = monday + timedelta(days=8)
        for source in SOURCES:
            (root / "landing" / source).mkdir(parents=True, exist_ok=True)
            for path in (world / source).iterdir():
                if path.name.partition("_")[2] < as_of.isoformat():
                    shutil.copy(path, root / "landing" / source)
        draft(root / "landing", root / "out", f"{as_of}T00:00:00Z")
        issue(kept_marts(root / "out", monday, copy=True), root / "out", monday)
    return root / "out"


def kept_marts(out: Path, monday: date, *, copy: bool = False) -> Path:
    """The marts of the night after that week."""
    kept = out.parent / str(monday) / "marts.duckdb"
    if copy:
        kept.parent.mkdir()
        shutil.copy(out / "marts.duckdb", kept)
    return kept


def issue(marts: Path, out: Path, monday: date) -> None:
    with duckdb.connect(str(marts), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        write_weekly(lambda sql, params=None: connection.execute(sql, params or []).df(), out, week_name(monday))


def attack(marts: Path, folder: Path, monday: date) -> Attack:
    """The attack on one file; nothing that it takes to hold is untrue."""
    with duckdb.connect(str(marts), read_only=True) as connection:
        rows = connection.execute(
            "select kpi, dimension, dimension_value, week, statistic, n, numerator from kpi_weekly where week <= ?",
            [monday],
        ).df()
        kinds = dict(connection.execute("select kpi, kind from kpi_catalogue").fetchall())
    own = counts(rows[rows["week"] == pd.Timestamp(monday)])
    truth = dict(zip(own["count"], own["number"], strict=True))
    found = Attack(folder, relations(rows), truth, kinds)
    assert found.wrong(truth) == []
    return found


def worked_out(found: Attack) -> list[tuple[Any, float]]:
    return [
        (count, width)
        for count, width in found.widths()
        if width < (CASES_WIDTH if count[0] == "n" else COUNTED_WIDTH) - SLACK
    ]


def test_an_outsider_works_out_nothing_of_any_kpi(out: Path) -> None:
    attacked = set()
    for monday in MONDAYS:
        found = attack(kept_marts(out, monday), out / "weekly" / week_name(monday), monday)
        assert worked_out(found) == []
        attacked |= {cell[0] for cell in found.hidden}
    assert attacked >= {
        "contacts_per_1k_orders",
        "late_refund_open",
        "refund_stage_time",
        "survey_response_rate",
        "nps",
    }


def test_the_outsider_is_able(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what is hidden for the sake of links he works out a stage of few from the one before it."""
    protect = hidden.hidden_cells
    monkeypatch.setattr(
        hidden, "hidden_cells", lambda cells, kinds, first, others, links: protect(cells, kinds, first, others)
    )
    issue(kept_marts(out, MONDAYS[-1]), tmp_path, MONDAYS[-1])
    found = worked_out(attack(kept_marts(out, MONDAYS[-1]), tmp_path / "weekly" / week_name(MONDAYS[-1]), MONDAYS[-1]))
    assert {"contacts_per_return_day", "rejection_rate"} <= {count[1] for count, _ in found}
