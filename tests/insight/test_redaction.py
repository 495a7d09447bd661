"""Redaction of free text: nothing planted comes through, and ordinary words are left alone."""

from __future__ import annotations

import csv
import gzip
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from transforms.voice import patterns
from transforms.voice.patterns import PatternError, Redaction, make_redaction, redactions
from transforms.warehouse import Warehouse

ROOT = Path(__file__).resolve().parents[2]
PLANTED = re.compile(r"\[\[(.+?)\]\]")
PLACEHOLDER = re.compile(r"\[(?:name|mail|phone|address|order|card|link)\]")
LINES = [
    line.replace("\\n", "\n").split(": ", 1)
    for line in (Path(__file__).parent / "personal_data.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
CASES = [
    (language, PLANTED.sub(r"\1", text), PLANTED.findall(text), PLANTED.sub(" ", text)) for language, text in LINES
]
GENERATOR_LANGUAGES = {"en", "de", "vi", "th"}
UNSPACED = {"th", "zh"}


@pytest.fixture(scope="module")
def engine() -> Iterator[Warehouse]:
    with Warehouse(":memory:") as warehouse:
        warehouse.run("create schema run")
        make_redaction(warehouse)
        yield warehouse


@pytest.fixture(scope="module")
def redacted(engine: Warehouse) -> list[str]:
    """What each case reads like afterwards, in their order."""
    texts = [text for _, text, _, _ in CASES]
    found = engine.value("select list_transform(cast(? as varchar[]), lambda said: run.redact(said))", [texts])
    return list(found)


def words(text: str) -> Counter[str]:
    """Words of two letters or more, numbers, and letters of scripts that write without spaces."""
    return Counter(re.findall(r"[\u0e00-\u0e7f\u4e00-\u9fff]|[^\W\u0e00-\u0e7f\u4e00-\u9fff]{2,}", text.casefold()))


def leaks(planted: list[str], rest: str, shown: str) -> list[str]:
    """Words of what was planted that can still be read; words that the rest of the text has as well do not count."""
    left = words(PLACEHOLDER.sub(" ", shown)) - words(rest)
    return [word for piece in planted for word in words(piece) if word in left or piece in shown]


def test_the_set_is_large_and_has_every_language() -> None:
    with_data = [language for language, _, planted, _ in CASES if planted]
    without = [language for language, _, planted, _ in CASES if not planted]
    assert len(CASES) >= 150
    assert set(with_data) == set(without) >= GENERATOR_LANGUAGES


def test_nothing_planted_comes_through(redacted: list[str]) -> None:
    pieces = sum(len(planted) for _, _, planted, _ in CASES)
    found = {
        shown: gone
        for (_, _, planted, rest), shown in zip(CASES, redacted, strict=True)
        if (gone := leaks(planted, rest, shown))
    }
    print(f"{pieces - sum(map(len, found.values()))} of {pieces} planted pieces redacted")
    assert not found


@pytest.mark.parametrize(
    ("unspaced", "most"), [(False, 0.005), (True, 0.1)], ids=["words", "letters of Thai and Chinese"]
)
def test_few_ordinary_words_are_lost(redacted: list[str], unspaced: bool, most: float) -> None:
    """Scripts without spaces lose more: what follows a name can go with it."""
    ordinary, lost = 0, Counter[str]()
    for (language, _, _, rest), shown in zip(CASES, redacted, strict=True):
        if (language in UNSPACED) == unspaced:
            before, after = words(rest), words(PLACEHOLDER.sub(" ", shown))
            ordinary += before.total()
            lost += before - after
    print(f"{lost.total()} of {ordinary} lost: {dict(lost)}")
    assert lost.total() <= most * ordinary


def test_a_comment_without_personal_data_stays_as_it_is(redacted: list[str]) -> None:
    clean = [(text, shown) for (_, text, planted, _), shown in zip(CASES, redacted, strict=True) if not planted]
    assert len(clean) >= 50
    assert not [shown for text, shown in clean if text != shown]


def test_the_samples_comments_stay_as_they_are(engine: Warehouse) -> None:
    """772 different ones in four languages, none of them with personal data: no false alarm."""
    comments: set[str] = set()
    for path in sorted((ROOT / "data" / "sample" / "surveys").glob("*.csv.gz")):
        with gzip.open(path, "rt", newline="", encoding="utf-8") as file:
            comments.update(line["comment"] for line in csv.DictReader(file) if line.get("comment"))
    assert len(comments) > 700
    shown = engine.value(
        "select list_transform(cast(? as varchar[]), lambda said: run.redact(said))", [sorted(comments)]
    )
    assert [text for text, after in zip(sorted(comments), shown, strict=True) if text != after] == []


@pytest.mark.parametrize("separator", ["", " ", "-", ".", "–", "\u00a0"])
@pytest.mark.parametrize("said", ["paid with {} twice", "Karte {} belastet", "thẻ {} bị trừ", "บัตร {} โดนตัด"])
def test_a_card_number_goes_in_the_digits_of_every_script(engine: Warehouse, separator: str, said: str) -> None:
    zeros = [sign for sign in map(chr, range(sys.maxunicode)) if unicodedata.decimal(sign, None) == 0]
    assert len(zeros) > 40
    digits = [[chr(ord(zero) + int(digit)) for digit in "4111111111111111"] for zero in zeros]
    numbers = [separator.join("".join(own[i : i + 4]) for i in range(0, 16, 4)) for own in digits]
    texts = [said.format(number) for number in numbers]
    shown = engine.value("select list_transform(cast(? as varchar[]), lambda said: run.redact(said))", [texts])
    left = [text for text in shown if any(unicodedata.category(sign) == "Nd" for sign in text)]
    assert left == []
    assert all(text.startswith(said.split()[0]) and text.endswith(said.split()[-1]) for text in shown)


def test_no_comment_is_no_comment(engine: Warehouse) -> None:
    assert engine.value("select run.redact(null)") is None
    assert engine.value("select run.redact('')") == ""


def test_where_nobody_wrote_nothing_is_compiled_and_nothing_shown() -> None:
    """The night after, somebody writes: it is redacted, and has its themes."""
    said = "The box was damaged, write to jane.doe@example.com"
    with Warehouse(":memory:") as warehouse:
        for schema in ("run", "facts"):
            warehouse.run(f"create schema {schema}")
        warehouse.run("create table facts.surveys (comment varchar)")
        warehouse.run("insert into facts.surveys values (null)")

        def shown() -> tuple[object, ...]:
            patterns.make_macros(warehouse)
            return warehouse.rows("select run.redact($1), run.themes(run.plain($1))", [said])[0]

        assert shown() == (None, [])
        warehouse.run("insert into facts.surveys values ($1)", [said])
        assert shown() == ("The box was damaged, write to [mail]", ["damaged"])


def test_a_pattern_file_with_an_unknown_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = [{"kind": "name", "pattern": "{nobody}"}]
    monkeypatch.setattr(patterns, "load", lambda _: {"parts": {}, "pass": passes})
    with pytest.raises(PatternError, match="nobody"):
        redactions.__wrapped__()
    passes[0] = {"kind": "nickname", "pattern": "x"}
    with pytest.raises(PatternError, match="nickname"):
        redactions.__wrapped__()


def test_every_placeholder_has_a_pass() -> None:
    kinds = {one.kind for one in redactions() if isinstance(one, Redaction)}
    assert kinds == {"keep", "name", "mail", "phone", "address", "order", "card", "link"}
