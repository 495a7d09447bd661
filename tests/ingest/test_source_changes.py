"""A source that shrinks, grows, goes stale or changes shape is told apart and said; nothing is withheld for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from examples import as_csv, as_text_parquet, as_typed_parquet, row

from tests.acceptance.nights import deliver, draft, load_only, published

ALONE = ("return_rate",)
AS_OF = "2026-06-05"


def rows(day: int, count: int = 20, **changes: str | None) -> list[dict[str, str | None]]:
    return [row("orders", f"d{day}-{n}", **changes) for n in range(count)]


def usual(landing: Path) -> None:
    for day in range(1, 7):
        deliver(landing, f"orders/day{day}.csv", as_csv(rows(day, 18 + day % 3)))


def deliver_last(make: Callable[[], tuple[str, bytes]]) -> Callable[[Path], None]:
    def arrive(landing: Path) -> None:
        ending, content = make()
        deliver(landing, f"orders/day7.{ending}", content)

    return arrive


def without(column: str) -> bytes:
    return as_csv([{k: v for k, v in r.items() if k != column} for r in rows(7)])


CHANGES: dict[str, tuple[Callable[[], tuple[str, bytes]], set[tuple[str, str | None]], str]] = {
    "as usual": (lambda: ("csv", as_csv(rows(7))), set(), ""),
    "shrinks": (lambda: ("csv", as_csv(rows(7, 4))), {("volume_as_usual", None)}, "4 rows in orders/day7.csv"),
    "grows": (lambda: ("csv", as_csv(rows(7, 90))), {("volume_as_usual", None)}, "90 rows in orders/day7.csv"),
    "new column": (lambda: ("csv", as_csv([r | {"ballast": "x"} for r in rows(7)])), {("no_new_columns", "ballast")}, "has ballast"),
    "missing column": (lambda: ("csv", without("category")), {("no_missing_columns", "category")}, "has no category"),
    "other form of a time": (
        lambda: ("csv", as_csv(rows(7, delivered_at="04/06/2026"))),
        {("types_as_before", "delivered_at")},
        "20 of 20 values",
    ),
    "decimal comma": (lambda: ("csv", as_csv(rows(7, order_value="12,50"))), {("types_as_before", "order_value")}, "20 of 20"),
}  # fmt: skip


def failed(out: Path) -> dict[tuple[str, str | None], dict[str, Any]]:
    found = published(out, "from checks where layer = 'sources' and not success")
    return {(check["expectation"], check["column_name"]): check for check in found}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_told_apart(tmp_path: Path, change: str) -> None:
    arrive, expected, words = CHANGES[change]
    usual(tmp_path / "landing")
    draft(tmp_path / "landing", tmp_path / "out", AS_OF)
    assert failed(tmp_path / "out") == {}
    deliver_last(arrive)(tmp_path / "landing")
    draft(tmp_path / "landing", tmp_path / "out", AS_OF)
    found = failed(tmp_path / "out")
    assert set(found) == expected
    for check in found.values():
        assert words in check["observed"]
        assert (check["severity"], check["table_name"], check["withholds"]) == ("warn", "records.orders", [])


def test_a_parquet_column_of_another_type(tmp_path: Path) -> None:
    deliver(tmp_path / "landing", "orders/a.parquet", as_text_parquet(rows(1)))
    deliver(tmp_path / "landing", "orders/b.parquet", as_typed_parquet(rows(2)))
    draft(tmp_path / "landing", tmp_path / "out", AS_OF)
    found = failed(tmp_path / "out")
    assert ("types_as_before", "item_count") in found
    assert (
        found["types_as_before", "item_count"]["observed"]
        == "orders/b.parquet has item_count as int16, before it was string"
    )


def test_that_several_files_shrink_is_told_with_how_many(tmp_path: Path) -> None:
    usual(tmp_path / "landing")
    draft(tmp_path / "landing", tmp_path / "out", AS_OF)
    for day in (7, 8, 9):
        deliver(tmp_path / "landing", f"orders/day{day}.csv", as_csv(rows(day, 4 if day == 7 else 1)))
    draft(tmp_path / "landing", tmp_path / "out", AS_OF)
    (check,) = failed(tmp_path / "out").values()
    assert check["observed"] == "1 rows in orders/day8.csv, and 1 more"


def test_a_stale_source(tmp_path: Path) -> None:
    usual(tmp_path / "landing")
    draft(tmp_path / "landing", tmp_path / "out", "2026-06-09")
    (check,) = failed(tmp_path / "out").values()
    assert (check["expectation"], check["table_name"]) == ("fresh", "records.orders")
    assert check["observed"] == "none later than 2026-06-04 10:00 UTC"


def test_what_a_broken_off_night_loaded_is_told_by_the_next(tmp_path: Path) -> None:
    """Nothing is new to it any more, and nobody has been told; once told, it is not told again."""
    usual(tmp_path / "landing")
    draft(tmp_path / "landing", tmp_path / "out", AS_OF)
    deliver_last(CHANGES["new column"][0])(tmp_path / "landing")
    load_only(tmp_path / "landing", tmp_path / "out", AS_OF)
    draft(tmp_path / "landing", tmp_path / "out", AS_OF)
    assert set(failed(tmp_path / "out")) == {("no_new_columns", "ballast")}
    draft(tmp_path / "landing", tmp_path / "out", AS_OF)
    assert failed(tmp_path / "out") == {}
