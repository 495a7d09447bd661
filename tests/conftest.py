"""Which KPIs there are in the nights of a test module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from tests.acceptance.nights import alone
from transforms.models import kpis


@pytest.fixture(scope="module", autouse=True)
def _alone(request: pytest.FixtureRequest) -> Iterator[None]:
    """Those that the module names in `ALONE`, or its own where it is `test_<kpi>.py`; else all of them."""
    own = request.module.__name__.rpartition(".")[2].removeprefix("test_")
    named = getattr(request.module, "ALONE", [own] if own in {k.id for k in kpis()} else [])
    with alone(*named) if named else nullcontext():
        yield
