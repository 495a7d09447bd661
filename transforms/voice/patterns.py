"""Redaction and themes: patterns from the TOML files of this folder, made into macros of the engine.

A macro holds its patterns as literals, so that the engine compiles each of them once and not once a row. That takes
about a second, which a night in which nobody wrote anything does not spend.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from transforms.warehouse import Warehouse, literal

FOLDER = Path(__file__).parent
KINDS = ("keep", "name", "mail", "phone", "address", "order", "card", "link")
TONES = ("friction", "praise", "neutral")
_WORD = re.compile(r"\{(?:(capital|title):)?([a-z_]+)\}")


class PatternError(ValueError):
    """A pattern file that says something it must not. The message names the file and the word."""


@dataclass(frozen=True)
class Redaction:
    """One pass over a text: what matches `pattern` (RE2) is replaced by `replacement`, in which \\1 is a group."""

    kind: str
    pattern: str
    replacement: str


@dataclass(frozen=True)
class Theme:
    """What customers talk about, and the pattern (RE2, over `run.plain` text) that tells so; `kept` drops negations."""

    id: str
    label: str
    tone: str
    pattern: str
    kept: str


def load(name: str) -> dict[str, Any]:
    """The tables of `<name>.toml` of this folder."""
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def redactions() -> tuple[Redaction, ...]:
    """The passes of redaction.toml in their order, written out."""
    declared = load("redaction")
    passes, parts = declared.pop("pass"), declared.pop("parts")
    words = parts | {
        name: list(dict.fromkeys(cue for cues in by.values() for cue in cues)) for name, by in declared.items()
    }
    return tuple(_redaction(one, words) for one in passes)


def _redaction(declared: dict[str, str], words: dict[str, str | list[str]]) -> Redaction:
    kind = declared["kind"]
    if kind not in KINDS:
        raise PatternError(f"redaction.toml: kind = {kind!r}; expected one of {', '.join(KINDS)}")
    return Redaction(kind, _written_out(declared["pattern"], words), declared.get("with", f"[{kind}]"))


def _written_out(pattern: str, words: dict[str, str | list[str]]) -> str:
    """The pattern with every `{word}` replaced by the part, or by the alternation of the cues, of that name."""

    def replace(found: re.Match[str]) -> str:
        case, name = found.groups()
        if name not in words:
            raise PatternError(f"redaction.toml: no part or list {name!r}; there are: {', '.join(sorted(words))}")
        value = words[name]
        if isinstance(value, str):
            return _written_out(value, words)
        return "|".join(_cased(cue, case) for cue in value)

    return _WORD.sub(replace, pattern)


def _cased(cue: str, case: str | None) -> str:
    """The cue as `{capital:word}` or `{title:word}` asks for it."""
    if case == "capital":
        return f"{cue[0].upper()}(?i:{cue[1:]})"
    return f"(?i:{cue[0]}){cue[1:]}" if case == "title" and cue[0].isalpha() else cue


@cache
def themes() -> tuple[Theme, ...]:
    """The themes of themes.toml in their order: of several, the first leads."""
    declared = load("themes")
    unspaced = set(declared["unspaced"])
    negation = _by_spacing(declared["negation"], unspaced)
    return tuple(_theme(id, one, negation, unspaced) for id, one in declared["theme"].items())


def _theme(id: str, declared: dict[str, Any], negation: tuple[str, str], unspaced: set[str]) -> Theme:
    label, tone = declared["label"], declared["tone"]
    if tone not in TONES:
        raise PatternError(f"themes.toml: {id}: tone = {tone!r}; expected one of {', '.join(TONES)}")
    languages = {language: said for language, said in declared.items() if isinstance(said, list)}
    spaced, joined = _by_spacing(languages, unspaced)
    start = r"(?:^|[^\p{L}\p{M}])"
    pattern = f"{start}(?:{spaced})|(?:{joined})"
    # At most two words between a negation and what it denies; what itself begins with a negation is found first.
    gap = r"(?: +[\p{L}\p{M}\p{N}'’]+){0,2}? +"
    denied = f"{start}(?:{negation[0]}){gap}(?:{spaced})|(?:{negation[1]}) ?(?:{joined})"
    kept = f"()(?:{denied})" if declared.get("denied_anywhere") else f"({pattern})|{denied}"
    return Theme(id, label, tone, pattern, kept)


def _by_spacing(by_language: dict[str, list[str]], unspaced: set[str]) -> tuple[str, str]:
    """Two alternations: of the languages that write spaces between words, and of those that do not."""
    split: tuple[list[str], list[str]] = ([], [])
    for language, patterns in by_language.items():
        split[language in unspaced].extend(patterns)
    return "|".join(dict.fromkeys(split[0])), "|".join(dict.fromkeys(split[1]))


def make_macros(warehouse: Warehouse) -> None:
    """Create the macros of tonight's comments (facts.surveys): those of `make_redaction` and `make_themes`.

    In a night in which nobody wrote they answer NULL and an empty list to any text: what was not looked at is not shown.
    """
    if warehouse.value("select count(comment) from facts.surveys"):
        make_redaction(warehouse)
        make_themes(warehouse)
        return
    for macro in ("redact(said) as null::varchar", "plain(said) as said", "themes(said) as []::varchar[]"):
        warehouse.run(f"create or replace macro run.{macro}")


def make_redaction(warehouse: Warehouse) -> None:
    """Create the macro `run.redact(text)`: the text with personal data replaced by `[name]`, `[mail]` and so on."""
    # Signs that nobody sees would part a number or an address, and spaces that do not break are spaces.
    unseen, spaces = literal(r"[\x{AD}\x{200B}\x{2060}\x{FEFF}]"), literal(r"[\x{A0}\x{2007}\x{202F}]")
    body = f"regexp_replace(regexp_replace(nfc_normalize(said), {unseen}, '', 'g'), {spaces}, ' ', 'g')"
    for one in redactions():
        body = f"regexp_replace({body}, {literal(one.pattern)}, {literal(one.replacement)}, 'g')"
    warehouse.run(f"create or replace macro run.redact(said) as {body}")


def make_themes(warehouse: Warehouse) -> None:
    """Create the macros `run.plain(text)` and `run.themes(plain text)`: a list of theme ids in the order of the file."""
    quoted = literal(r'["“„«][^"”“»\n]{1,60}["”“»] *\?')
    plain = f"regexp_replace(lower(nfc_normalize(said)), {quoted}, ' ', 'g')"
    warehouse.run(f"create or replace macro run.plain(said) as regexp_replace({plain}, '\\s+', ' ', 'g')")
    cases = []
    for one in themes():
        pattern, kept = literal(one.pattern), literal(one.kept)
        asserted = f"regexp_matches(regexp_replace(said, {kept}, '\\1', 'g'), {pattern})"
        cases.append(
            f"case when regexp_matches(said, {pattern}) then case when {asserted} then {literal(one.id)} end end"
        )
    listed = f"list_filter([{', '.join(cases)}], lambda theme: theme is not null)"
    warehouse.run(f"create or replace macro run.themes(said) as {listed}")
