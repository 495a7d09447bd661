"""The open refunds to look at now, ranked, with the SQL that lists them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transforms.reads import read


def escalations(ask: Callable[[str], tuple[list[str], list[tuple[Any, ...]]]]) -> dict[str, Any]:
    """The 20 cases of most impact: {"sql", "cases" (how many there are), "shown": [{"rank", "return_id", "reasons", …}]}.

    ask: column names and rows of a query on the published marts, such as `Warehouse.table`. The SQL is what an analyst
    can run on them as it stands; how impact is reckoned is said at its head.
    """
    sql = read("escalations")
    columns, rows = ask(sql)
    shown = [dict(zip(columns, row, strict=True)) for row in rows]
    return {"sql": sql, "cases": shown[0]["cases"] if shown else 0, "shown": [_without_total(case) for case in shown]}


def _without_total(case: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in case.items() if name != "cases"}
