"""Reads a table of leaves from a file: dimension columns and the four numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from transforms.insight.lattice import NUMBERS

MISSING = ("", "nan", "NaN", "null", "NULL", "None")
PARQUET = (".parquet", ".pq")


class TableError(ValueError):
    """A table that cannot be read, with what was found, where, what was expected, and the next move."""


def read_table(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """The table and its dimensions: every column that is not one of the four numbers, read as text.

    CSV (comma-separated, UTF-8, also compressed: .gz, .zip, .zst, .xz, .bz2) or Parquet. An empty number is missing.
    """
    if not path.is_file():
        raise TableError(f"{path}: no such file; give --table the path of a CSV or Parquet file")
    text = _parquet(path) if path.suffix.lower() in PARQUET else _csv(path)
    missing = [name for name in NUMBERS if name not in text.columns]
    if missing:
        raise TableError(
            f"{path}: no column {', '.join(missing)}; found {', '.join(map(str, text.columns))}; "
            f"expected {', '.join(NUMBERS)} and at least one dimension: rename the columns and run it again"
        )
    dimensions = [str(name) for name in text.columns if name not in NUMBERS]
    if not dimensions:
        raise TableError(f"{path}: only the four numbers; expected at least one column to look for causes in: add one")
    table = text[dimensions].copy()
    for name in NUMBERS:
        table[name] = _numbers(path, name, text[name])
    return table, dimensions


def _csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError, pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise TableError(
            f"{path}: not readable as CSV ({error}); expected comma-separated UTF-8 with a header: export it again"
        ) from error


def _parquet(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise TableError(f"{path}: not readable as Parquet ({error}); export it again, or give a CSV") from error
    return table.astype(object).where(table.notna(), "").astype(str)


def _numbers(path: Path, name: str, text: pd.Series[str]) -> pd.Series[float]:
    stripped = text.str.strip()
    given = ~stripped.isin(MISSING)
    numbers = pd.to_numeric(stripped.where(given), errors="coerce").astype(float)
    bad = given & ~np.isfinite(numbers)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise TableError(
            f"{path}: row {row + 1} (after the header), column {name}: found {text.iloc[row]!r}, "
            "expected a number such as 12 or 0.5, or nothing: correct it and run it again"
        )
    return numbers
