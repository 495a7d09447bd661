"""Themes of comments: the lexicon against the true causes of the marketplace's grammar, and against free phrases."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from math import comb, log
from pathlib import Path

import pytest

from benchmarks.themes import f1, kappa
from tests import marketplace
from transforms.voice import patterns
from transforms.voice.patterns import PatternError, load, make_themes, themes
from transforms.warehouse import Warehouse

GOLDEN = Path(__file__).parents[1] / "golden" / "theme_eval.json"
PHRASES = [
    [part.strip() for part in line.split("|", 2)]
    for line in (Path(__file__).parent / "theme_cases.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


@pytest.fixture(scope="module")
def engine() -> Iterator[Warehouse]:
    with Warehouse(":memory:", threads=1) as warehouse:
        warehouse.run("create schema run")
        make_themes(warehouse)
        yield warehouse


def read(engine: Warehouse, texts: Sequence[str]) -> list[list[str]]:
    """The themes of each text."""
    query = "select list_transform(cast(? as varchar[]), lambda said: run.themes(run.plain(said)))"
    return [list(found) for found in engine.value(query, [list(texts)])]


def one(engine: Warehouse, text: str) -> list[str]:
    return read(engine, [text])[0]


# ---- against known causes -------------------------------------------------------------------------


def test_the_causes_of_the_marketplace(engine: Warehouse) -> None:
    """Every sentence of its grammar with every opening and ending, in all four languages; the leading theme counts."""
    written = [
        (cause, opener + core + closer)
        for (cause, language), cores in marketplace.CORES.items()
        for core in cores
        for opener in marketplace.OPENERS[language]
        for closer in marketplace.CLOSERS[language]
    ]
    true = [cause for cause, _ in written]
    found = [themes[0] if themes else "none" for themes in read(engine, [text for _, text in written])]
    scores = {cause: f1(true, found, cause) for cause in sorted(set(true))}
    print(f"{len(true):,} comments, kappa {kappa(true, found):.3f}, F1 {scores}")
    assert set(true) <= {theme.id for theme in themes()}
    assert kappa(true, found) >= 0.95
    assert min(scores.values()) >= 0.9


def test_free_phrases(engine: Warehouse) -> None:
    """Sentences as people write them, in twelve languages: the leading theme, and every theme."""
    expected = [[] if said == "-" else [theme.strip() for theme in said.split(",")] for _, said, _ in PHRASES]
    found = read(engine, [text for _, _, text in PHRASES])
    leading = [(themes or ["none"])[0] for themes in expected], [(themes or ["none"])[0] for themes in found]
    hits = sum(len(set(a) & set(b)) for a, b in zip(expected, found, strict=True))
    total = sum(len(a) + len(b) for a, b in zip(expected, found, strict=True))
    print(
        f"{len(PHRASES)} phrases: kappa of the leading theme {kappa(*leading):.3f}, F1 of all themes {2 * hits / total:.3f}"
    )
    assert len({language for language, _, _ in PHRASES}) >= 12
    assert kappa(*leading) >= 0.9
    assert 2 * hits / total >= 0.9


@pytest.mark.parametrize(
    ("text", "themes"),
    [
        ("It was not damaged", []),
        ("no scratches, not broken, no leaks", []),
        ("Ware war nicht beschädigt", []),
        ("ของไม่แตก", []),
        ("still no refund after three weeks", ["slow_refund"]),
        ("not happy with it", []),
        ('"Fast delivery"? It came broken', ["damaged"]),
        ("GREAT SELLER", ["praise"]),
        ("u\u0308ber alles zufrieden, sehr zufrieden", ["praise"]),
        ("", []),
    ],
)
def test_negation_quotation_and_letters(engine: Warehouse, text: str, themes: list[str]) -> None:
    assert one(engine, text) == themes


def test_themes_come_in_the_order_of_the_file_and_the_same_every_time(engine: Warehouse) -> None:
    text = "Praise for the seller, great, but the box was damaged, it came late and support never answered"
    order = [theme.id for theme in themes()]
    found = one(engine, text)
    assert found == ["damaged", "late_delivery", "support", "praise"]
    assert found == sorted(found, key=order.index)
    make_themes(engine)
    assert one(engine, text) == found


# ---- the file -------------------------------------------------------------------------------------


def test_every_pattern_is_one_and_stands_once() -> None:
    """Each compiles in the engine; none is said twice within a theme and language; every language is known."""
    declared = load("themes")
    languages = set(declared["negation"])
    with Warehouse(":memory:", threads=1) as engine:
        for id, theme in declared["theme"].items():
            by_language = {name: said for name, said in theme.items() if isinstance(said, list)}
            assert set(by_language) <= languages, id
            assert {"en", "de", "vi", "th"} <= set(by_language), id
            for language, said in by_language.items():
                assert not [p for p, n in Counter(said).items() if n > 1], f"{id} {language}"
                for pattern in said:
                    assert engine.value("select regexp_matches('', ?)", [pattern]) is False, (
                        f"{id} {language} {pattern}"
                    )


def test_an_unknown_tone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = {
        "unspaced": [],
        "negation": {"en": ["not"]},
        "theme": {"x": {"label": "X", "tone": "angry", "en": ["y"]}},
    }
    monkeypatch.setattr(patterns, "load", lambda _: declared)
    with pytest.raises(PatternError, match="angry"):
        themes.__wrapped__()


# ---- the measures themselves ----------------------------------------------------------------------


def adjusted_rand(true: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """Hubert and Arabie 1985."""
    pairs = [sum(comb(n, 2) for n in Counter(of).values()) for of in (list(zip(true, found, strict=True)), true, found)]
    expected = pairs[1] * pairs[2] / comb(len(true), 2)
    return (pairs[0] - expected) / ((pairs[1] + pairs[2]) / 2 - expected)


def entropy(of: Sequence[Hashable]) -> float:
    return -sum(n / len(of) * log(n / len(of)) for n in Counter(of).values())


def mutual_information(true: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """Shared information over the mean of the two entropies."""
    a, b = entropy(true), entropy(found)
    shared = a + b - entropy(list(zip(true, found, strict=True)))
    return shared / ((a + b) / 2)


def test_the_measures_of_agreement() -> None:
    """Golden numbers of scikit-learn for the measures that the lexicon is judged by."""
    (case,) = json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"]
    true, found = case["inputs"]["true"], case["inputs"]["pred"]
    near = {name: pytest.approx(value, abs=1e-9) for name, value in case["expected"].items()}
    assert kappa(true, found) == near["kappa"]
    assert adjusted_rand(true, found) == near["ari"]
    assert mutual_information(true, found) == near["nmi"]
    assert f1([1, 1, 0], [1, 0, 0], 1) == pytest.approx(2 / 3)
