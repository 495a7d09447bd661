"""Files read into the temp tables `arrivals` and `rejects`, those of one shape together; and those that could not be."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from transforms.landing.dialect import Known
from transforms.landing.files import Delivery, Refused, Shape, shape_of
from transforms.landing.lines import split_lines
from transforms.landing.quarantine import forget, wrong_encodings
from transforms.landing.staging import stage, stage_mapped
from transforms.landing.streams import Limits, check_pages, check_stream
from transforms.landing.unended import UNENDED, is_unended
from transforms.models import Source
from transforms.warehouse import EngineError, OutOfRoom, Warehouse


@dataclass(frozen=True)
class Mapping:
    """A company's own extract turned into the contract: the folder under the landing root, and the SELECT."""

    folder: str
    select: str


class Batch:
    """Files read into the temp tables `arrivals` and `rejects`, and those that could not be."""

    def __init__(self, warehouse: Warehouse, source: Source, mapping: Mapping | None, limits: Limits) -> None:
        self.warehouse, self.source, self.mapping, self.limits = warehouse, source, mapping, limits
        self.refused: dict[str, str] = {}
        self.read_paths: dict[str, Delivery] = {}
        self.shapes: dict[str, Shape] = {}
        self.delimited: dict[str, Shape] = {}
        self.rows_in_file: dict[str, int] = {}
        self.assumed: dict[str, list[str]] = {}
        self.columns: dict[str, list[str]] = {}

    @property
    def has_rows(self) -> bool:
        """Whether any file was read."""
        return bool(self.read_paths)

    @property
    def root_length(self) -> int:
        """Characters of a path before the file's name in the ledger."""
        path, delivery = next(iter(self.read_paths.items()))
        return len(path) - len(delivery.name)

    @property
    def names(self) -> dict[str, str]:
        """Path of each file that was read to its name in the ledger."""
        return {path: delivery.name for path, delivery in self.read_paths.items()}

    def read(self, deliveries: Sequence[Delivery]) -> None:
        """Look at every file, read those of one shape together, and keep the reason for each that cannot be read."""
        # The engine can lose a row that a quote leaves open when several files are read together: such a file is read alone.
        groups: dict[tuple[Shape, str], list[Delivery]] = defaultdict(list)
        with ThreadPoolExecutor(2) as pool:
            for delivery, found in zip(deliveries, pool.map(self._inspected, deliveries), strict=True):
                if isinstance(found, str):
                    self.refused[delivery.name] = found
                else:
                    shape, is_even = found
                    groups[shape, "" if is_even else delivery.name].append(delivery)
        for (shape, _), group in groups.items():
            if self.mapping is not None:
                for delivery in group:
                    self._try(shape, [delivery])
            elif shape.columns or shape.form != "jsonl":
                self._try(shape, group)
            else:
                self.refused |= dict.fromkeys(
                    (d.name for d in group), "it holds no JSON object; expected one record per line"
                )
        if self.read_paths:
            for path, reason in (wrong_encodings(self.warehouse) | self._without_rows() | self._changed()).items():
                forget(self.warehouse, path)
                self.refused[self.read_paths.pop(path).name] = reason

    def _changed(self) -> dict[str, str]:
        """Files that somebody wrote to while they were read: what was read may be half of it."""
        said = "it was written to while it was read: the next night reads it again; deliver under a hidden name (.x), then rename it"
        return {path: said for path, delivery in self.read_paths.items() if delivery.has_changed}

    def _without_rows(self) -> dict[str, str]:
        """Files of which the engine gave no row and turned none away though there are some: their paths and the reason."""
        rows = self.warehouse.rows("select distinct _path from arrivals union select distinct _path from rejects")
        without = self.delimited.keys() & self.read_paths.keys() - {path for (path,) in rows}
        found = {}
        for path in sorted(without):
            if self.rows_in_file.get(self.read_paths[path].name):
                continue  # its mapping kept none
            split_lines(self.warehouse, self.delimited[path], path)
            if lines := self.warehouse.value("select count(*) from whole_rows"):
                found[path] = f"none of its {lines:,} rows could be told from the next: write it as RFC 4180 says"
        return found

    def _inspected(self, delivery: Delivery) -> tuple[Shape, bool] | str:
        """How a file is to be read, and whether its quotes come in pairs; or why it is not."""
        columns = self.source.columns if self.mapping is None else ()
        plain = tuple(c.name for c in columns if c.type != "text")
        known = Known(tuple(c.name for c in columns), tuple(c.name for c in columns if c.required), plain)
        if not delivery.path.as_posix().endswith(delivery.name):
            return "its name is not UTF-8: rename it"
        if delivery.path.is_symlink() and not delivery.path.is_file():
            return "it is a link that leads to no file; expected a file: deliver the file itself, or mend the link"
        try:
            shape = shape_of(delivery.path, known)
            if shape.form == "parquet":
                check_pages(delivery.path)
                quotes = 0
            else:
                quotes = check_stream(delivery.path, self.limits, shape)
            if shape.form == "csv" and is_unended(delivery.path):
                shape = replace(shape, assumed=(*shape.assumed, UNENDED))
            return replace(shape, is_quoted=shape.is_quoted or quotes > 0), quotes % 2 == 0
        except Refused as refusal:
            return str(refusal)
        except PermissionError:
            return "it may not be read; expected read permission for the user of the night: give it"
        except FileNotFoundError:
            return "it was there when the night began and is gone: deliver it again, whole"
        except OSError as error:
            return f"it cannot be read from its disk ({error.strerror}): look at the disk, or deliver it again"

    def _try(self, shape: Shape, group: list[Delivery]) -> None:
        """Read files together; when that fails, one half at a time, until the broken ones are known."""
        try:
            if self.mapping is None:
                stage(self.warehouse, self.source, shape, [d.path for d in group])
            else:
                (delivery,) = group
                rows = stage_mapped(
                    self.warehouse, self.source, shape, delivery.path, delivery.name, self.mapping.select
                )
                self.rows_in_file[delivery.name] = rows
        except OutOfRoom:
            raise
        except (EngineError, Refused) as error:
            if len(group) == 1 or isinstance(error, Refused):
                said = str(error) if isinstance(error, Refused) else _said(error, group[0].path)
                self.refused |= dict.fromkeys((d.name for d in group), said)
                return
            middle = len(group) // 2
            self._try(shape, group[:middle])
            self._try(shape, group[middle:])
            return
        self.read_paths |= {str(d.path): d for d in group}
        self.assumed |= {d.name: list(shape.assumed) for d in group}
        self.columns |= {
            d.name: [f"{n} {t}" for n, t in zip(shape.columns, shape.typed, strict=True)]
            if shape.typed
            else list(shape.columns)
            for d in group
        }
        if self.mapping is None:
            self.shapes |= {str(d.path): shape for d in group}
        if shape.form == "csv":
            self.delimited |= {str(d.path): shape for d in group}


def _said(error: EngineError, path: Path) -> str:
    """The engine's reason in a line, and the next move."""
    first = str(error).replace(f' "{path}"', "").strip().split("\n")[0]
    if "reached an invalid state" in first:
        return "its line ends are mixed, or a quote stands where none may: write it with one kind of line end and RFC 4180 quotes"
    # What the engine quotes of the file is nobody's to read in a log.
    first = re.sub(r"""(value|string|Value) ["'].*""", r"\1", first)
    return f"it cannot be read: {first[:300]}: deliver it again"
