"""Redaction and themes: patterns from the TOML files of this folder, made into macros of the engine.

A macro holds its patterns as literals, so that the engine compiles each of them once and not once a row.
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
_WORD = re.compile(r"\{(capital:)?([a-z_]+)\}")
_CUES = Path("redaction.toml")


class PatternError(ValueError):
    """A pattern file that says something it must not. The message names the file and the word."""


@dataclass(frozen=True)
class Redaction:
    """One pass over a text: what matches `pattern` (RE2) is replaced by `replacement`, in which \\1 is a group."""

    kind: str
    pattern: str
    replacement: str


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
        capital, name = found.groups()
        if name not in words:
            raise PatternError(f"redaction.toml: no part or list {name!r}; there are: {', '.join(sorted(words))}")
        value = words[name]
        if isinstance(value, str):
            return _written_out(value, words)
        return "|".join(f"{cue[0].upper()}(?i:{cue[1:]})" if capital else cue for cue in value)

    return _WORD.sub(replace, pattern)


def make_redaction(warehouse: Warehouse) -> None:
    """Create the macro `run.redact(text)`: the text with personal data replaced by `[name]`, `[mail]` and so on."""
    body = "nfc_normalize(said)"
    for one in redactions():
        body = f"regexp_replace({body}, {literal(one.pattern)}, {literal(one.replacement)}, 'g')"
    warehouse.run(f"create or replace macro run.redact(said) as {body}")
