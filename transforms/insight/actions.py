"""The actions ledger: a CSV file that people edit, read strictly and never written to.

One row per action. A recommendation of the weekly file is taken up by copying its row, with its id, into this file.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

COLUMNS = ("id", "what", "kpi", "where", "status", "started", "owner", "note")
OPTIONAL = ("where", "started", "note")
STATUSES = ("accepted", "started", "done")
MOST_DIMENSIONS = 2  # KPIs are published for all, by dimension and by pairs: no other slice has a series to measure
FILE_NAME = "actions.csv"

# What is copied out of a PDF or a page brings signs along that nobody sees: zero-width ones, and spaces that do not break.
UNSEEN = {0x200B: None, 0x200C: None, 0x200D: None, 0x2060: None, 0xFEFF: None, 0xAD: None, 0xA0: " ", 0x202F: " "}

BETWEEN = re.compile("(?<!&)&(?!&)")  # an ampersand in a value is written twice: category=Home && Garden

Action = dict[str, Any]


class ActionsError(ValueError):
    """The ledger is no table of actions; the message says where, what was found and what to do."""


def read_actions(path: Path, catalogue: Iterable[Mapping[str, Any]], today: date) -> tuple[list[Action], list[str]]:
    """The ledger's rows, and what could not be read of it: file, line, what was found, what was expected.

    A row: id, what, kpi, where {dimension: value}, status, started (date or None), owner, note, line. One that is wrong
    is left out, and the others count: a typing error must not keep the week's file from its readers. catalogue: rows of
    kpi_catalogue (kpi, dimensions). today: the day of the run's as-of. A file that does not exist is an empty ledger.
    """
    if not path.exists():
        return [], []
    try:
        rows, refused = _rows(path)
    except ActionsError as error:
        return [], [str(error)]
    dimensions = {row["kpi"]: list(row["dimensions"]) for row in catalogue}
    actions: list[Action] = []
    first_line: dict[str, int] = {}
    for line, row in rows:
        said = _faults(row, dimensions, today)
        if row["id"] in first_line:
            said.append(f"id: found {row['id']!r}, which line {first_line[row['id']]} has: give each action its own")
        first_line.setdefault(row["id"], line)
        refused += [f"{path.name}, line {line}: {fault}" for fault in said]
        if not said:
            started = date.fromisoformat(row["started"]) if row["started"] else None
            actions.append({**row, "where": parse_where(row["where"]), "started": started, "line": line})
    return actions, refused


def stable_id(kpi: str, where: Mapping[str, str], part: str, stage: str | None = None) -> str:
    """The id of a recommendation: the same finding has the same id in every week."""
    text = "|".join([kpi, where_text(where), part, stage or ""])
    return "r" + hashlib.sha256(text.encode()).hexdigest()[:8]


def where_text(where: Mapping[str, str]) -> str:
    """'carrier=jnt & market=VN', 'all' for everything; parse_where reads it back."""
    return " & ".join(f"{name}={where[name].replace('&', '&&')}" for name in sorted(where)) or "all"


def parse_where(text: str) -> dict[str, str]:
    """{'market': 'VN', 'carrier': 'jnt'} of 'market=VN & carrier=jnt'; {} of '' and 'all'. Raises ValueError."""
    if text.strip() in ("", "all"):
        return {}
    where = {}
    for part in BETWEEN.split(text):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name and equals and value) or name in where:
            said = "each dimension once" if "=" in part else "and && for an ampersand in a value"
            raise ValueError(f"found {text!r}, expected such as market=VN & carrier=jnt, {said}")
        where[name] = value.replace("&&", "&")
    return where


def ledger_row(recommendation: Mapping[str, Any], moved: Collection[str] = ()) -> str:
    """The line that takes a recommendation up: accepted, not started.

    moved: the dimensions of the signal. A place of more dimensions than can be measured is named by these first.
    """
    text, where = io.StringIO(), recommendation["where"]
    measured = sorted(where, key=lambda name: name not in moved)[:MOST_DIMENSIONS]
    place = where_text({name: where[name] for name in measured})
    values = {**recommendation, "where": place, "status": "accepted"}
    csv.writer(text, lineterminator="").writerow([values.get(name) or "" for name in COLUMNS])
    return text.getvalue()


def _rows(path: Path) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    """Line number and cells of every row that is not blank, and the lines that are no rows.

    Raises ActionsError for a file that is no such table.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ActionsError(f"{path.name}: byte {error.start} is not UTF-8: save the file as CSV UTF-8") from error
    except OSError as error:
        raise ActionsError(f"{path.name}: it cannot be read: {error.strerror or type(error).__name__}") from error
    text = text.translate(UNSEEN)
    heading = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=heading.count)  # spreadsheet programs of some countries write semicolons
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, dict[str, str]]] = []
    refused: list[str] = []
    try:
        names = _without_empty([name.strip() for name in next(reader, [])], 0)
        _refuse_heading(path, names)
        end = reader.line_num
        for cells in reader:
            line, end = end + 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            cells = _without_empty(cells, len(names))
            if len(cells) != len(names):
                said = f"found {len(cells)} cells, expected {len(names)}: put a text that holds {delimiter!r} in quotes"
                refused.append(f"{path.name}, line {line}: {said}")
                continue
            given = dict(zip(names, (cell.strip() for cell in cells), strict=True))
            given["status"] = given["status"].lower()
            rows.append((line, {name: given.get(name, "") for name in COLUMNS}))
    except csv.Error as error:  # nothing after a quote that does not end can be told apart
        refused.append(f"{path.name}, line {reader.line_num}: {error}: check the quotes of this row")
    return rows, refused


def _without_empty(cells: list[str], least: int) -> list[str]:
    """Without the empty cells at the end, where a spreadsheet program wrote more columns than there are."""
    while len(cells) > least and not cells[-1].strip():
        cells = cells[:-1]
    return cells


def _refuse_heading(path: Path, names: list[str]) -> None:
    required = [name for name in COLUMNS if name not in OPTIONAL]
    wrong = [f"unknown column {name!r}" for name in names if name not in COLUMNS]
    wrong += [f"no column {name!r}" for name in required if name not in names]
    wrong += [f"column {name!r} twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    if wrong:
        raise ActionsError(f"{path.name}, line 1: found {', '.join(wrong)}; expected the heading {','.join(COLUMNS)}")


def _faults(row: Mapping[str, str], dimensions: Mapping[str, list[str]], today: date) -> list[str]:
    """What is wrong with a row: found, expected, next move."""
    faults = [f"{name}: it is empty: fill it in" for name in COLUMNS if name not in OPTIONAL and not row[name]]
    if row["kpi"] and row["kpi"] not in dimensions:
        faults.append(f"kpi: found {row['kpi']!r}, expected one of {', '.join(sorted(dimensions))}")
    if row["status"] and row["status"] not in STATUSES:
        faults.append(f"status: found {row['status']!r}, expected one of {', '.join(STATUSES)}")
    faults += _where_faults(row["where"], dimensions.get(row["kpi"]))
    return faults + _started_faults(row["status"], row["started"], today)


def _where_faults(text: str, known: list[str] | None) -> list[str]:
    try:
        where = parse_where(text)
    except ValueError as error:
        return [f"where: {error}"]
    if known is None:
        return []
    unknown = [name for name in where if name not in known]
    faults = [f"where: found dimension {name!r}, expected one of {', '.join(known)}" for name in unknown]
    if len(where) > MOST_DIMENSIONS:
        faults.append(
            f"where: found {len(where)} dimensions, expected at most {MOST_DIMENSIONS}: name the two it acts on"
        )
    return faults


def _started_faults(status: str, started: str, today: date) -> list[str]:
    if not started:
        return [f"started: it is empty in an action that is {status}: write its date"] if status in STATUSES[1:] else []
    parse: Callable[[str], date] = date.fromisoformat
    try:
        day = parse(started) if len(started) == len("2026-11-16") else parse("")
    except ValueError:
        return [f"started: found {started!r}, expected a date such as 2026-11-16"]
    if status == "accepted":
        return [f"started: found {started} in an action that is accepted: write status started, or empty the date"]
    if day > today:
        return [f"started: found {started}, which is after {today}: leave it accepted until it starts"]
    return []
