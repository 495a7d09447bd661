"""What the benchmark of the weekly file times is there: a renamed function would end it before its first line."""

from __future__ import annotations

import importlib

from benchmarks.weekly import SECTIONS


def test_every_timed_section_is_there() -> None:
    named = [(module, name) for module, name, _ in SECTIONS]
    assert [one for one in named if not callable(getattr(importlib.import_module(one[0]), one[1], None))] == []
