"""`experience-kpis causes` as a script meets it: JSON on stdout, or one line that says what is wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from flows import cli
from tests.insight.test_causes import quiet, slowed


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["experience-kpis", "causes", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


@pytest.fixture
def table() -> pd.DataFrame:
    return slowed(quiet(1), {"market": "B"}, 2.0).rename(columns={"carrier": "who carries"})


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
def test_it_prints_json(
    tmp_path: Path, table: pd.DataFrame, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    table.to_parquet(path) if path.suffix == ".parquet" else table.to_csv(path, index=False)
    assert run(monkeypatch, "--table", path) == 0
    (cause,) = json.loads(capsys.readouterr().out)
    assert set(cause) == {"where", "score", "contribution"}
    assert cause["where"] == {"market": "B"}
    assert 0 < cause["contribution"] < 0.1
    assert 0 < cause["score"] <= 1


def test_nothing_is_an_empty_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet(3).to_csv(tmp_path / "t.csv", index=False)
    assert run(monkeypatch, "--table", tmp_path / "t.csv") == 0
    assert capsys.readouterr().out == "[]\n"


def test_values_stay_as_they_are_written(
    tmp_path: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A code is no number, and None may be a value's name; an empty number is a missing one."""
    named = {"A": "1", "B": "007", "C": "None", "D": "", "E": "NA"}
    table = table.assign(market=table.market.map(named)).astype({"actual_numerator": object})
    table.loc[len(table)] = ["1", "u", "jnt", "", "", " ", "0"]
    table.to_csv(tmp_path / "t.csv", index=False)
    assert run(monkeypatch, "--table", tmp_path / "t.csv") == 0
    assert [c["where"] for c in json.loads(capsys.readouterr().out)] == [{"market": "007"}]


BAD = {
    "no file": (None, "no such file"),
    "empty": ("", "not readable as CSV"),
    "no number column": ("market,actual_numerator\nA,1\n", "no column actual_denominator"),
    "no dimension": (
        "actual_numerator,actual_denominator,expected_numerator,expected_denominator\n1,2,1,2\n",
        "at least one column",
    ),
    "no number": (
        "market,actual_numerator,actual_denominator,expected_numerator,expected_denominator\nA,1,2,1,2\nB,many,2,1,2\n",
        "row 2 (after the header), column actual_numerator: found 'many', expected a number",
    ),
    "infinite": (
        "market,actual_numerator,actual_denominator,expected_numerator,expected_denominator\nA,inf,2,1,2\n",
        "found 'inf'",
    ),
}


@pytest.mark.parametrize("name", list(BAD))
def test_a_table_that_cannot_be_read_is_2(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, said = BAD[name]
    path = tmp_path / "t.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert run(monkeypatch, "--table", path) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert str(path) in printed.err
    assert printed.err.count("\n") == 1


def test_bytes_that_are_no_parquet_are_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR0 nothing of the kind")
    assert run(monkeypatch, "--table", tmp_path / "t.parquet") == 2
    assert "not readable as Parquet" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [(), ("--table", "t.csv", "--top", "0"), ("--table", "t.csv", "--top", "two")])
def test_wrong_usage_is_64(arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, *arguments) == 64
