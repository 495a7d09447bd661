"""How SQLAlchemy, and with it Great Expectations, reaches a DuckDB database that the process already has open.

- duckdb-sqlalchemy writes its own name into a connection's configuration, and DuckDB refuses to share an
  instance between connections configured differently; so the connection is made here, not by the dialect.
- DuckDB's result is gone once its cursor is, and GX reads results after that; so they are fetched at once.
"""

from __future__ import annotations

import atexit
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any


@contextmanager
def opened(database: Path, config: Mapping[str, Any], connection: Any = None) -> Iterator[Any]:
    """`connection`, left open afterwards; or one of our own to the same instance, closed at the end."""
    _let_go_at_exit()
    if connection is not None:
        yield connection
        return
    import duckdb_sqlalchemy

    # The driver as the dialect sees it: the product itself imports duckdb in one place only.
    own = duckdb_sqlalchemy.duckdb.connect(str(database), config=dict(config))  # type: ignore[attr-defined]
    try:
        yield own
    finally:
        own.close()


@contextmanager
def lent(connection: Any) -> Iterator[dict[str, Any]]:
    """Arguments of `create_engine` for an engine that lives on `connection`, until the end of the block.

    Great Expectations keeps its last engine for the life of the process; it must not keep the connection
    with it, which DuckDB reports as a leak at exit.
    """
    from sqlalchemy.pool import StaticPool

    held = [connection]
    try:
        yield {"creator": lambda: _borrowed(held[0]), "poolclass": StaticPool}
    finally:
        held.clear()


def fetch_at_once(engine: Any) -> None:
    """Make `engine` hold every result whole: here they are single rows, or bounded by a limit."""
    from sqlalchemy import event
    from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

    def buffer(_connection: Any, cursor: Any, _statement: Any, _parameters: Any, context: Any, _many: Any) -> None:
        if cursor.description:
            context.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(cursor, initial_buffer=cursor.fetchall())

    event.listen(engine, "after_cursor_execute", buffer)


def _borrowed(connection: Any) -> Any:
    """The connection as the dialect wants it; beginning, ending and closing stay with its owner."""
    from duckdb_sqlalchemy import ConnectionWrapper

    class Borrowed(ConnectionWrapper):
        def begin(self) -> None: ...
        def commit(self) -> None: ...
        def rollback(self) -> None: ...
        def close(self) -> None: ...

    return Borrowed(connection)


@cache
def _let_go_at_exit() -> None:
    """Once per process: have duckdb-sqlalchemy let go of DuckDB at exit.

    Great Expectations is never freed (its models are compiled pydantic classes), and with it SQLAlchemy, the
    dialect and DuckDB, which then prints fifty lines about leaks to stderr after every run.
    """
    atexit.register(_let_go)


def _let_go() -> None:
    """Empty the dialect's modules, whose functions and annotations refer to DuckDB. Only at exit."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "duckdb_sqlalchemy"]:
        contents = vars(sys.modules[name])
        own = [value for value in contents.values() if getattr(value, "__module__", "") == name]
        for value in own:
            members = list(vars(value).values()) if isinstance(value, type) else [value]
            for function in (getattr(member, "__func__", member) for member in members):
                if isinstance(function, FunctionType):
                    function.__annotations__ = {}
            if isinstance(value, type):
                value.__annotations__ = {}
            for error in {"Error", "TransactionException", "ParserException"} & vars(value).keys():
                delattr(value, error)
        contents.clear()
