"""What customers say: shares, trends, weight in NPS, quotes and new words, from a table in to figures out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from transforms.insight.keyness import new_words, terms
from transforms.insight.shares import newcombe, nps_difference, wilson
from transforms.insight.voice import ThemeFigures, Voice, hear

GOLDEN = Path(__file__).parents[1] / "golden"
WEEK = date(2026, 6, 1)


def golden(file: str) -> list[dict[str, Any]]:
    return list(json.loads((GOLDEN / f"{file}.json").read_text(encoding="utf-8"))["cases"])


def near(value: object) -> object:
    return pytest.approx(value, abs=1e-9)


def comment(number: int, themes: Sequence[str], score: int, said: str = "", **changes: object) -> dict[str, object]:
    """A comment of an NPS answer of the week."""
    row: dict[str, object] = {
        "response_id": f"a{number:05d}",
        "responded_on": WEEK,
        "survey_type": "nps",
        "scale": "0-10",
        "score": score,
        "language": "en",
        "market": "GB",
        "themes": list(themes),
        "comment": said or f"words of customer {number}",
    }
    return row | changes


def many(
    n: int, start: int, themes: Sequence[str], score: int, said: str = "", **changes: object
) -> list[dict[str, object]]:
    return [comment(start + i, themes, score, said, **changes) for i in range(n)]


def theme(voice: Voice, id: str) -> ThemeFigures:
    (found,) = (t for t in voice.themes if t.id == id)
    return found


BEFORE = {"responded_on": WEEK - timedelta(weeks=2)}
ROWS = [
    *many(20, 0, ["slow_refund"], 2, "still waiting for my refund"),
    *many(10, 100, ["support", "slow_refund"], 4, "support is slow and my refund pending"),
    *many(60, 200, ["praise"], 10, "great"),
    *many(10, 300, [], 8, "nothing to add here"),
    *many(20, 400, ["slow_refund"], 2, **BEFORE),
    *many(180, 500, ["praise"], 10, **BEFORE),
    *many(50, 800, ["slow_refund"], 2, responded_on=WEEK - timedelta(weeks=14)),
    *many(50, 900, ["slow_refund"], 2, responded_on=WEEK + timedelta(weeks=1)),
]


@pytest.fixture(scope="module")
def voice() -> Voice:
    return hear(pd.DataFrame(ROWS), WEEK)


def test_share_and_trend(voice: Voice) -> None:
    """30 of 100 comments carry the theme, against 20 of 200 in the weeks before; other weeks do not count."""
    assert (voice.n, voice.n_before, voice.weeks_before, voice.without_theme) == (100, 200, 1, 10)
    found = theme(voice, "slow_refund")
    assert (found.n, found.share, found.share_before) == (30, 0.3, 0.1)
    low, high = wilson(np.array([30]), np.array([100]))
    assert (found.share_low, found.share_high) == (near(low[0]), near(high[0]))
    change = [float(x[0]) for x in newcombe(*(np.array([x]) for x in (30, 100, 20, 200)))]
    assert [found.change, found.change_low, found.change_high] == near(change)
    assert found.change == near(0.2)


def test_weight_in_nps(voice: Voice) -> None:
    """NPS of all is 100·(60 − 30)/100; without the theme's answers it is 100·60/70."""
    found = theme(voice, "slow_refund")
    assert found.nps_n == 30
    assert found.nps_points == near(30 - 100 * 60 / 70)
    assert found.nps_low < found.nps_points < found.nps_high < 0  # type: ignore[operator]
    assert theme(voice, "praise").nps_points == near(30 - 100 * -30 / 40)


def test_frictions_come_first_and_the_costliest_of_them_first(voice: Voice) -> None:
    assert [t.id for t in voice.themes] == ["slow_refund", "support", "praise"]
    assert [t.tone for t in voice.themes] == ["friction", "friction", "praise"]


def test_answers_of_other_surveys_count_in_shares_but_not_in_nps() -> None:
    rows = [*many(2, 0, ["damaged"], 1, survey_type="csat", scale="1-5"), *many(2, 10, ["praise"], 10)]
    found = theme(hear(pd.DataFrame(rows), WEEK), "damaged")
    assert (found.n, found.share, found.nps_n, found.nps_points) == (2, 0.5, 0, None)
    assert (found.share_before, found.change) == (None, None)


def test_a_week_without_comments() -> None:
    found = hear(pd.DataFrame(ROWS), WEEK + timedelta(weeks=5))
    assert (found.n, found.quotes, found.words) == (0, (), ())
    assert {t.n for t in found.themes} == {0}


def test_quotes_are_unhappy_different_and_the_same_every_time(voice: Voice) -> None:
    rows = [
        comment(1, ["damaged"], 2, "The box was crushed."),
        comment(2, ["damaged"], 1, "the box was crushed!!"),
        comment(3, ["damaged"], 3, "Karton zerdrückt", language="de"),
        comment(4, ["support"], 0, "nobody answers the chat"),
        comment(5, ["support"], 5, "nobody answers my mails"),
        comment(6, ["praise"], 10, "great shop, great people"),
        comment(7, ["slow_refund"], 6, "still no money after a month"),
    ]
    found = hear(pd.DataFrame(rows), WEEK)
    assert {q.theme for q in found.quotes[:3]} == {"slow_refund", "damaged", "support"}
    assert len(found.quotes) == 5
    assert len({q.comment.casefold().strip("!.") for q in found.quotes}) == 5
    assert all(q.score <= 6 for q in found.quotes)
    assert [q.language for q in theme(found, "damaged").quotes][:2] == ["en", "de"]
    assert hear(pd.DataFrame(rows[::-1]), WEEK) == found
    assert len({q.comment for q in voice.quotes}) == len(voice.quotes)


# ---- words ----------------------------------------------------------------------------------------


def test_words_that_no_theme_covers_and_that_are_new() -> None:
    rows = [
        *many(12, 0, [], 1, "the voucher code was refused again"),
        *many(30, 100, [], 2, "the shop was strange again", **BEFORE),
        *many(12, 200, ["damaged"], 1, "the unicorn was broken"),
        *many(12, 300, [], 10, "the rainbow was lovely"),
    ]
    found = [word.term for word in hear(pd.DataFrame(rows), WEEK).words]
    assert {"voucher", "voucher code", "refused"} <= set(found)
    assert not {"the", "again", "unicorn", "rainbow"} & set(found)


def test_the_same_comments_in_another_order_say_the_same_to_the_last_digit() -> None:
    """Files arrive in any order, and a night is run again: themes, quotes and new words with their z stay."""
    spoken = ["voucher code refused", "unicorn came late", "rainbow box crushed", "código rechazado", "mã giảm giá lỗi"]
    rows = [
        *(comment(i, [], i % 4, f"{spoken[i % 5]} again {i % 7}") for i in range(60)),
        *(comment(100 + i, [], i % 4, f"{spoken[i % 2]} was strange {i % 3}", **BEFORE) for i in range(80)),
        *ROWS,
    ]
    rows = [row | {"response_id": f"r{(7919 * i) % 10_007:05d}"} for i, row in enumerate(rows)]
    found = hear(pd.DataFrame(rows), WEEK)
    assert len(found.words) >= 5
    for seed in range(12):
        assert hear(pd.DataFrame(rows).sample(frac=1, random_state=seed), WEEK) == found


def test_nothing_is_new_when_nothing_changed() -> None:
    said = pd.Series(["the box was late again", "no answer from anybody"] * 20)
    assert new_words(said, said).empty
    assert new_words(said, pd.Series([], dtype=str)).empty


def test_terms_are_words_pairs_and_runs_of_letters_without_spaces() -> None:
    found = terms(pd.Series(["Late box, late box [name]", "退款太慢", "เงินคืนช้า"]))
    assert sorted(found[0]) == ["box", "late", "late box"]
    assert sorted(found[1]) == sorted(["退款", "款太", "太慢"])
    assert "เงินค" in list(found[2])


# ---- intervals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case", [c for c in golden("csat_diff") if "newcombe_lo" in c["expected"]], ids=lambda c: c["id"]
)
def test_difference_of_shares(case: dict[str, Any]) -> None:
    given, expected = case["inputs"], case["expected"]
    found = newcombe(*(np.array([given[name]]) for name in ("k1", "n1", "k2", "n2")))
    assert [float(x[0]) for x in found] == near([expected["diff"], expected["newcombe_lo"], expected["newcombe_hi"]])


@pytest.mark.parametrize(
    "case",
    [c for c in golden("csat_wilson") if "wilson_lo" in c["expected"] and c["inputs"].get("conf", 0.95) == 0.95],
    ids=lambda c: c["id"],
)
def test_interval_of_a_share(case: dict[str, Any]) -> None:
    low, high = wilson(np.array([case["inputs"]["k"]]), np.array([case["inputs"]["n"]]))
    expected = [
        np.nan if case["expected"][name] is None else case["expected"][name] for name in ("wilson_lo", "wilson_hi")
    ]
    assert [float(low[0]), float(high[0])] == pytest.approx(expected, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("case", [c for c in golden("nps_diff") if "diff_adj" in c["expected"]], ids=lambda c: c["id"])
def test_difference_of_two_nps(case: dict[str, Any]) -> None:
    a, b = ([[case["inputs"][side][name] for name in ("promoters", "passives", "detractors")]] for side in "ab")
    found = nps_difference(np.array(a, float), np.array(b, float))
    expected = case["expected"]
    assert [float(x[0]) for x in found] == near([expected["diff_raw"], expected["lo"], expected["hi"]])
