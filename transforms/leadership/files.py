"""The weekly folder: six files that appear together or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transforms.leadership.book import PUBLISHED, RECEIPT, book_text, newest_issue, next_issue, read_book
from transforms.leadership.charts import draw_charts
from transforms.leadership.frames import Audience, Frames, read_frames, resolve_week
from transforms.leadership.hidden import read_issues
from transforms.leadership.html import render_html
from transforms.leadership.layout import require_layout
from transforms.leadership.parquet import render_parquet
from transforms.leadership.payload import build_payload
from transforms.leadership.pdf import Paper, render_pdf
from transforms.leadership.published import with_issue
from transforms.leadership.swap import put_folder, sweep
from transforms.leadership.xlsx import render_xlsx

if TYPE_CHECKING:
    from transforms.leadership.frames import Fetch

PARTS = ("brief.html", "brief.pdf", "kpis.xlsx", "kpis.json", "kpis.parquet")


class MissingPart(RuntimeError):
    """A weekly file came out empty or not at all; nothing was published."""


@dataclass(frozen=True)
class File:
    """One file of the weekly folder."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Receipt:
    """What one weekly run wrote, and what was sent of it.

    `rows` counts the rows of each tab of the workbook, and of kpis.parquet. `issue`: which one of all weekly files it
    is, in the order in which they were written; None where published.json is not. `deliveries`: one entry per attempt and
    channel; those of an earlier file of the week are kept, with the hashes of what was sent then. `refused`: what could
    not be read of the actions ledger.
    """

    week: str
    as_of: str
    audience: str
    files: tuple[File, ...]
    rows: Mapping[str, int]
    issue: int | None = None
    deliveries: tuple[Mapping[str, Any], ...] = ()
    refused: tuple[str, ...] = ()


def write_weekly(
    fetch: Fetch,
    out_dir: Path,
    week: str | None = None,
    *,
    paper: Paper = "a4",
    published_at: datetime | None = None,
    issue: int | None = None,
    audience: Audience = "leadership",
    ledger: Path | None = None,
) -> Receipt:
    """Write `<out_dir>/weekly/<week>/` and answer its receipt; an earlier folder of the week is replaced as a whole.

    What the earlier files in `<out_dir>/weekly` kept back stays back. A file for analysts shows all and is none of
    them: it goes to `<out_dir>/analysts/weekly/<week>/`, and no figure of it counts as published.

    `fetch(sql, params)` answers a DataFrame from the published marts. Without `week`: the latest one that is over at
    the marts' as-of time. ledger: the actions that people have taken up. With `published_at`, published.json beside the
    files holds every figure in them, for the ledger; it keeps those of earlier files of the week, each for as long as it
    stayed the same. issue: its number, for one that is rebuilt; without it one more than any in `<out_dir>/weekly`.
    Raises LayoutError for marts of another release, WeekError for a week that is not in the marts, and MissingPart for an
    empty file; then, as in any other fault, an earlier folder stays as it was.
    """
    from transforms.leadership.findings import find

    require_layout(fetch)
    monday = resolve_week(fetch, week)
    folder = weekly_folder(out_dir, audience)
    frames = read_frames(fetch, monday, audience, read_issues(folder))
    payload = build_payload(frames, monday, find(fetch, frames, monday, ledger))
    parts, rows = render(payload, frames, paper)
    book = read_book(folder / payload["week"])
    if published_at is not None and audience == "leadership":
        book = with_issue(book, frames, issue or next_issue(folder), published_at)
    if book["issues"]:
        parts[PUBLISHED] = book_text(book)
    deliveries = _deliveries(folder / payload["week"])
    receipt = replace(_receipt(payload, parts, rows), issue=newest_issue(book), deliveries=deliveries)
    parts[RECEIPT] = _json(asdict(receipt))
    folder.mkdir(parents=True, exist_ok=True)
    prefix = f".{payload['week']}-"
    fresh = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
    sweep(folder, prefix, fresh)
    try:
        fresh.chmod(0o755)
        for name, content in parts.items():
            _write(fresh / name, content)
        put_folder(fresh, folder / payload["week"])
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return receipt


def weekly_folder(out_dir: Path, audience: Audience = "leadership") -> Path:
    """Where the files for an audience lie: one folder that can be shared, and one that cannot."""
    return out_dir / "weekly" if audience == "leadership" else out_dir / "analysts" / "weekly"


def render(payload: Mapping[str, Any], frames: Frames, paper: Paper = "a4") -> tuple[dict[str, bytes], dict[str, int]]:
    """The bytes of every part by file name, and the rows of every tab."""
    charts = draw_charts(payload)
    workbook = render_xlsx(payload, frames)
    parquet, parquet_rows = render_parquet(frames)
    parts = {
        "brief.html": render_html(payload, charts).encode(),
        "brief.pdf": render_pdf(payload, charts, paper),
        "kpis.xlsx": workbook.content,
        "kpis.json": _json(payload),
        "kpis.parquet": parquet,
    }
    return parts, workbook.rows | {"kpis.parquet": parquet_rows}


def read_parts(folder: Path) -> tuple[Receipt, dict[str, bytes]]:
    """The receipt of a weekly folder and the bytes of its files; MissingPart where one is not what the receipt says."""
    path = folder / RECEIPT
    if not path.is_file():
        raise MissingPart(f"{folder}: no {RECEIPT}, expected the folder of a weekly file; write it again")
    told = json.loads(path.read_text(encoding="utf-8"))
    lists = {"deliveries": tuple(told["deliveries"]), "refused": tuple(told.get("refused", ()))}
    receipt = Receipt(**told | lists | {"files": tuple(File(**f) for f in told["files"])})
    parts = {file.name: _content(folder / file.name) for file in receipt.files}
    for file in receipt.files:
        content = parts[file.name]
        if not content or (len(content), sha256(content).hexdigest()) != (file.bytes, file.sha256):
            found = "it has been changed" if content else "it is missing or empty"
            raise MissingPart(f"{folder / file.name}: {found} since its receipt was written; write the file again")
    return receipt, parts


def note_delivery(folder: Path, entry: Mapping[str, Any]) -> None:
    """Add an entry to the receipt, in one step: a reader sees the receipt before or after it."""
    told = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))
    told["deliveries"].append(dict(entry))
    fresh = folder / f".{RECEIPT}"
    _write(fresh, _json(told))
    fresh.replace(folder / RECEIPT)


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _deliveries(folder: Path) -> tuple[Mapping[str, Any], ...]:
    path = folder / RECEIPT
    return tuple(json.loads(path.read_text(encoding="utf-8")).get("deliveries", ())) if path.is_file() else ()


def _receipt(payload: Mapping[str, Any], parts: Mapping[str, bytes], rows: Mapping[str, int]) -> Receipt:
    missing = [name for name in PARTS if not parts.get(name)]
    if missing:
        raise MissingPart(
            f"{payload['week']}: no {', '.join(missing)}, expected {len(PARTS)} files; nothing was published"
        )
    files = tuple(File(name, len(parts[name]), sha256(parts[name]).hexdigest()) for name in parts)
    refused = tuple(payload["ledger_refused"])
    return Receipt(payload["week"], payload["as_of"], payload["audience"], files, dict(rows), refused=refused)


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2) + "\n").encode()


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
