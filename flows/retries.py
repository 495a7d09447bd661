"""What is tried again: the rest would fail the same way."""

from __future__ import annotations

from typing import Any

from transforms.warehouse import EngineError, OutOfRoom


def is_worth_retrying(_: Any, __: Any, state: Any) -> bool:
    """Files that cannot be read for a moment; not what would fail the same way again."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, OSError) or (isinstance(error, EngineError) and not isinstance(error, OutOfRoom))
