"""The engine: one DuckDB database and the few calls the pipeline makes on it. The only place that imports duckdb."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

Params = Sequence[object] | Mapping[str, object]

# What clients can still open that are as old as DuckDB 1.3; texts are written a third faster than for older ones.
PUBLISHED_STORAGE = "v1.3.0"
# Schemas that are made anew in every run: kept in memory (spilled when it is short), never written to the database.
SCRATCH = ("cells", "spans", "touched", "before", "after", "told")


class EngineError(Exception):
    """A statement the engine refused: bad file, bad SQL, no room. The message is the engine's own."""


class OutOfRoom(EngineError):
    """The disk or the memory setting was too small for a statement; nothing was changed."""


def identifier(name: str) -> str:
    """The name as a quoted SQL identifier, safe whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """The text as a SQL string literal, safe whatever it holds. For the places that take no parameter."""
    return "'" + text.replace("'", "''") + "'"


class NotConvertible(EngineError):
    """A value that is none of the type it is to have."""


class Warehouse:
    """An open database. Sessions speak UTC; memory is bounded by a setting, not by the history."""

    def __init__(
        self, path: Path | str, *, memory: str = "4GB", threads: int | None = None, read_only: bool = False
    ) -> None:
        """Open (or create) the database file; `:memory:` for none. Raises EngineError when it cannot be opened."""
        import duckdb

        self.path = Path(path)
        self.config: dict[str, Any] = {
            "memory_limit": memory,
            "autoinstall_known_extensions": "false",
            "checkpoint_threshold": "16GB",
        }
        if threads:
            self.config["threads"] = str(threads)
        try:
            self._connection = duckdb.connect(str(path), read_only=read_only, config=self.config)
        except duckdb.Error as error:
            if holder := re.search(r"lock is held in .*\(PID (\d+)\)", str(error)):
                raise EngineError(
                    f"{path}: another run (process {holder[1]}) has it open: wait until it has ended"
                ) from error
            raise EngineError(f"{path}: cannot be opened: {error}") from error
        self._errors = duckdb.Error
        self._room_errors = (duckdb.OutOfMemoryException,)
        self._conversion_errors = (duckdb.ConversionException,)
        if not read_only:
            self.run("attach ':memory:' as scratch")
            for schema in SCRATCH:
                self.run(f"create schema scratch.{schema}")
        self.is_read_only = read_only
        self._settle()

    def _settle(self) -> None:
        """What every session of this database needs: one clock, and the schemas that live through a run in memory."""
        self.run("set TimeZone = 'UTC'")
        if not self.is_read_only:
            own = self.value("select current_database()")
            path = ",".join([f"{identifier(own)}.main", *(f"scratch.{schema}" for schema in SCRATCH)])
            self.run(f"set search_path = {literal(path)}")

    def _execute(self, sql: str, params: Params | None) -> Any:
        try:
            return self._connection.execute(sql, params) if params is not None else self._connection.execute(sql)
        except self._room_errors as error:
            raise OutOfRoom(str(error)) from error
        except self._conversion_errors as error:
            raise NotConvertible(str(error)) from error
        except self._errors as error:
            if "No space left" in str(error):
                raise OutOfRoom(str(error)) from error
            raise EngineError(str(error)) from error

    def run(self, sql: str, params: Params | None = None) -> None:
        """Run one statement for its effect."""
        self._execute(sql, params)

    def rows(self, sql: str, params: Params | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query. For small results."""
        try:
            return list(self._execute(sql, params).fetchall())
        except self._errors as error:
            raise EngineError(str(error)) from error

    def value(self, sql: str, params: Params | None = None) -> Any:
        """The first column of the first row, or None without rows."""
        rows = self.rows(sql, params)
        return rows[0][0] if rows else None

    def frame(self, sql: str, params: Params | None = None) -> pd.DataFrame:
        """A query's result as a pandas DataFrame. For small results."""
        try:
            frame: pd.DataFrame = self._execute(sql, params).df()
            return frame
        except self._errors as error:
            raise EngineError(str(error)) from error

    def table(self, sql: str, params: Params | None = None) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of a query, for printing."""
        result = self._execute(sql, params)
        return [column[0] for column in result.description or []], list(result.fetchall())

    def shown(self, table: str) -> dict[str, str]:
        """column -> the SQL that shows it: of an ENUM its text, of everything else itself."""
        return {
            name: f"cast({identifier(name)} as varchar)" if kind.startswith("ENUM") else identifier(name)
            for name, kind, *_ in self.rows(f"describe {table}")
        }

    def statements(self, sql: str) -> list[str]:
        """The kinds of the statements in a text ('select', 'insert', …), without running them."""
        try:
            return [statement.type.name.lower() for statement in self._connection.extract_statements(sql)]
        except self._errors as error:
            raise EngineError(str(error)) from error

    def stay_inside(self) -> None:
        """From now on this database reads and writes no other file."""
        self.run("set enable_external_access = false")

    def checkpoint(self) -> None:
        """Bring the database file up to date with its log, when nobody writes; else it is left to the closing."""
        with suppress(EngineError):
            self.run("checkpoint")

    def exists(self, schema: str, table: str) -> bool:
        """Whether the table or view exists."""
        found = "select 1 from information_schema.tables where table_schema = ? and table_name = ?"
        return bool(self.rows(found, [schema, table]))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: commits at the end, rolls back on any error."""
        self.run("begin transaction")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self.run("commit")

    @contextmanager
    def joins_as_written(self) -> Iterator[None]:
        """Meanwhile a join holds its second side in memory, whatever the engine thinks of their sizes.

        For statements whose sizes it misjudges, written with the small side second.
        """
        with self._meanwhile("disabled_optimizers = 'build_side_probe_side'"):
            yield

    @contextmanager
    def as_written(self) -> Iterator[None]:
        """Meanwhile a checkpoint leaves tables as they were written, instead of writing those in small pieces once more.

        Of all databases that are attached: for when no other of them is brought up to date.
        """
        with self._meanwhile("max_vacuum_tasks = 0"):
            yield

    @contextmanager
    def _meanwhile(self, setting: str) -> Iterator[None]:
        self.run(f"set {setting}")
        try:
            yield
        finally:
            self.run(f"reset {setting.split()[0]}")

    def session(self) -> Warehouse:
        """A second session on the same database, for another thread; it sees what is committed. Close it too."""
        other = object.__new__(Warehouse)
        other.__dict__.update(self.__dict__)
        other._connection = self._connection.cursor()
        other._settle()
        return other

    def close(self) -> None:
        """Close the database; safe to call twice."""
        self._connection.close()

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
