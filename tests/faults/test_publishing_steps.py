"""A fault at every system call of publishing: readers see the old version or the new one, and the next night heals."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.transforms.test_publish import MARTS, draft, read
from transforms import publish
from transforms.publish import current_version, list_versions
from transforms.warehouse import Warehouse

CALLS = ("rename", "replace", "symlink", "fsync", "mkdir", "unlink", "rmdir", "open")


class Killed(BaseException):
    """The process is gone: nothing of the product catches it."""


@contextmanager
def calls_counted(act: Callable[[int, str, Callable[[], Any]], Any]) -> Iterator[None]:
    """Every call that changes the file system goes through `act(number, name, call)`."""
    real = {name: getattr(os, name) for name in CALLS}
    number = -1

    def through(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            nonlocal number
            number += 1
            return act(number, name, lambda: real[name](*arguments, **keywords))

        return call

    for name in CALLS:
        setattr(os, name, through(name))
    try:
        yield
    finally:
        for name, function in real.items():
            setattr(os, name, function)


def killed_before(_: Callable[[], Any]) -> None:
    raise Killed


def killed_after(call: Callable[[], Any]) -> None:
    call()
    raise Killed


def refused(*_: Any, **__: Any) -> None:
    raise OSError(28, "No space left on device")


FAULTS = {"killed before": killed_before, "killed after": killed_after, "refused by the system": refused}


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    monkeypatch.setattr(publish, "models", lambda _layer: MARTS)
    with Warehouse(tmp_path / "warehouse.duckdb", memory="1GB", threads=1) as opened:
        opened.run("create schema run")
        yield opened


def published_calls(warehouse: Warehouse, out: Path) -> list[str]:
    """The calls that one publishing makes, with an old version to prune."""
    called: list[str] = []
    made = draft(warehouse, out, 3)
    with calls_counted(lambda _, name, call: (called.append(name), call())[1]):
        made.publish(keep=2)
    return called


@pytest.mark.parametrize("fault", FAULTS)
def test_every_call_of_publishing(
    warehouse: Warehouse, tmp_path: Path, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    counted = tmp_path / "counted"
    for number in (1, 2):
        draft(warehouse, counted, number).publish(keep=2)
    calls = published_calls(warehouse, counted)
    assert {"rename", "replace", "symlink", "fsync", "unlink"} <= set(calls)
    old = new = 0
    for at, name in enumerate(calls):
        out = tmp_path / f"{at} {name}"
        for number in (1, 2):
            draft(warehouse, out, number).publish(keep=2)
        made = draft(warehouse, out, 3)
        try:
            with calls_counted(lambda n, _, call, at=at: FAULTS[fault](call) if n == at else call()):  # type: ignore[misc]
                made.publish(keep=2)
        except (Killed, OSError):
            made._detach()  # what the end of a process does
        seen = current_version(out)
        assert seen in ("2026-11-02", "2026-11-03"), f"call {at}, {name}"
        assert read(out) == int(seen[-2:]) == read(out, "runs")
        assert all((out / "versions" / v / "marts.duckdb").exists() for v in list_versions(out))
        old, new = old + (seen == "2026-11-02"), new + (seen == "2026-11-03")
        draft(warehouse, out, 4).publish(keep=2)
        assert (current_version(out), read(out)) == ("2026-11-04", 4)
        assert len(list_versions(out)) == 2
        assert not list(out.rglob(".*")), f"left behind by call {at}, {name}"
    with capsys.disabled():
        print(
            f"\n{fault} at each of {len(calls)} calls: {old} times the old version stays, {new} times the new one is there"
        )
    assert old
    assert new


def test_a_version_that_cannot_be_tidied_away_does_not_fail_the_night(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    for number in (1, 2):
        draft(warehouse, out, number).publish(keep=2)
    made = draft(warehouse, out, 3)
    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", refused)
        made.publish(keep=2)
    assert (current_version(out), list_versions(out)) == ("2026-11-03", ["2026-11-02", "2026-11-03"])
    draft(warehouse, out, 4)
    assert not list((out / "versions").glob(".*.old"))
