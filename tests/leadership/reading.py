"""The files of a weekly folder as a reader has them: the page's tags and text, the print's text, the workbook's rows."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from typing import Any

HEAD, FOOT = 37, 43  # points, of a printed page


class Page(HTMLParser):
    """The page's tags and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def printed_text(content: bytes) -> str:
    """The text of all pages of a PDF; long words may break anywhere."""
    from pypdf import PdfReader

    text = " ".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(content)).pages)
    return " ".join(text.replace("\u200b", "").split())


def filled(content: bytes) -> list[float]:
    """How far down its text reaches on each page of a PDF, without the foot: 1 is all of it."""
    from pypdf import PdfReader

    def reach(sheet: Any) -> float:
        height, places = float(sheet.mediabox.height), []
        sheet.extract_text(
            visitor_text=lambda text, at, within, *_: places.append(at[5] + at[3] * within[5]) if text.strip() else None
        )
        return float(1 - (min(y for y in places if y > FOOT) - FOOT) / (height - HEAD - FOOT))

    return [reach(sheet) for sheet in PdfReader(io.BytesIO(content)).pages]


def rows_of(book: Any, tab: str) -> list[dict[str, Any]]:
    """The rows of a sheet by their headings."""
    head, *rows = book[tab].iter_rows(values_only=True)
    return [dict(zip([name.replace(" ", "_") for name in head], row, strict=True)) for row in rows]
