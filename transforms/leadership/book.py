"""`published.json` of a week's folder: every issue of that week, and each figure once for as long as it stays the same.

    {"issues": [{"issue", "published_at", "as_of", "version", "inputs"}, …],
     "figures": [{"first", "last", "week", "kpi", …, "value", …}, …]}

A figure was in the issues of its folder from `first` to `last`. `issue` counts the issues of all weeks: it tells which is
newer, whatever the clock said when they were written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

PUBLISHED = "published.json"
RECEIPT = "receipt.json"
KEY = ("week", "kpi", "statistic", "dimension", "dimension_value")
SAME = ("value", "ci_low", "ci_high", "n", "status", "definition_version")
# Issues of before they were counted: by their clock, and before all that are.
UNCOUNTED = 100_000_000_000

Book = dict[str, list[dict[str, Any]]]


def next_issue(folder: Path) -> int:
    """One more than any issue in the weekly folders that lie in `folder`."""
    receipts = (json.loads(path.read_text(encoding="utf-8")) for path in folder.glob(f"[0-9]*/{RECEIPT}"))
    return 1 + max([0, *(receipt.get("issue") or 0 for receipt in receipts)])


def newest_issue(book: Book) -> int | None:
    """The number of the newest issue in a book; None of an empty one."""
    return max((entry["issue"] for entry in book["issues"]), default=None)


def add_issue(book: Book, entry: Mapping[str, Any], figures: Iterable[Mapping[str, Any]]) -> Book:
    """The book with one more issue, which is newer than all in it. entry: its number under `issue`, and what it is of."""
    newest, issue = newest_issue(book), entry["issue"]
    known = {_key(figure): figure for figure in book["figures"] if figure["last"] == newest}
    for figure in figures:
        before = known.get(_key(figure))
        if before is not None and all(before[name] == figure[name] for name in SAME):
            before["last"] = issue
        else:
            book["figures"].append({"first": issue, "last": issue, **figure})
    book["issues"].append(dict(entry))
    return book


def read_book(folder: Path) -> Book:
    """The issues that earlier files of the same week left in its folder; the ledger may not have them yet."""
    path = folder / PUBLISHED
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"issues": [], "figures": []}
    return _counted(found) if isinstance(found, list) else found


def book_text(book: Book) -> bytes:
    """The book as JSON, one issue or figure in a line."""
    parts = (
        f"{json.dumps(name)}: [\n"
        + ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
        + "\n]"
        for name, rows in book.items()
    )
    return ("{" + ",\n".join(parts) + "}\n").encode()


def _key(figure: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(figure[name] for name in KEY)


def _counted(rows: Iterable[Mapping[str, Any]]) -> Book:
    """The list of figures that 0.1.0 wrote: each issue has all of its own."""
    issues: dict[int, dict[str, Any]] = {}
    figures = []
    for row in rows:
        number = int(datetime.fromisoformat(row["published_at"]).timestamp()) - UNCOUNTED
        told = {name: row.get(name) for name in ("published_at", "as_of", "version", "inputs")}
        issues.setdefault(number, {"issue": number, **told})
        figures.append({"first": number, "last": number} | {name: row[name] for name in (*KEY, *SAME)})
    return {"issues": list(issues.values()), "figures": figures}
