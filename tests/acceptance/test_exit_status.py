"""A fault that nobody foresaw is not taken for a night that published."""

from __future__ import annotations

import sys

import pytest

from flows import cli


def test_a_bug_ends_with_status_2_and_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == cli.NOTHING
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "nobody foresaw this" in said
    assert sys.exc_info() == (None, None, None)
