"""Choosing quotes: typical of what is said, of different themes and languages, unhappy customers first, none twice."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from transforms.insight.keyness import terms

QUOTES = 5
_SHORT, _LONG = 12, 240  # letters of a comment that reads well in a brief


@dataclass(frozen=True)
class Quote:
    """A redacted comment. score is on `scale`, such as 0-10; language as the survey tool noted it."""

    response_id: str
    theme: str
    comment: str
    survey_type: str
    score: float
    scale: str
    language: str | None
    market: str


def with_typicality(said: pd.DataFrame) -> pd.DataFrame:
    """With `typical`: the mean share of the theme's comments that have the same words (0-1), and `alike`, a key by
    which comments that differ only in case, punctuation or a name are the same.

    said: one row per comment and theme, with columns theme and comment.
    """
    found = terms(said["comment"]).to_frame().join(said[["theme"]])
    size = said.groupby("theme")["comment"].transform("size")
    shared = found.groupby(["theme", "term"])["term"].transform("size")
    share = (shared / size.reindex(found.index)).groupby(level=0).mean()
    letters = said["comment"].str.len()
    reads_well = letters.between(_SHORT, _LONG)
    alike = said["comment"].str.lower().str.replace(r"\[\w+\]|[\W_]+", "", regex=True)
    return said.assign(
        typical=share.reindex(said.index).fillna(0.0) * reads_well.map({True: 1.0, False: 0.1}), alike=alike
    )


def choose(said: pd.DataFrame, number: int) -> tuple[Quote, ...]:
    """Up to `number` quotes, the same for the same comments whatever their order."""
    left = said.sort_values(["typical", "response_id"], ascending=[False, True]).drop_duplicates("alike")
    chosen: list[Quote] = []
    columns = ["response_id", "theme", "comment", "survey_type", "score", "scale", "language", "market"]
    for _ in range(min(number, len(left))):
        used_themes, used_languages = ([getattr(q, name) for q in chosen] for name in ("theme", "language"))
        ranked = left.assign(
            content=~left["unhappy"],
            again=left["theme"].map(used_themes.count),
            spoken=left["language"].map(used_languages.count),
        ).sort_values(
            ["content", "again", "spoken", "typical", "response_id"], ascending=[True, True, True, False, True]
        )
        row = ranked.iloc[0]
        language = row["language"] if isinstance(row["language"], str) else None
        chosen.append(Quote(**{str(k): v for k, v in row[columns].to_dict().items()} | {"language": language}))
        left = left.drop(ranked.index[0])
    return tuple(chosen)
