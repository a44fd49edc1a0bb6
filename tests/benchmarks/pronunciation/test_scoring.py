"""Error rates against cases worked by hand and an edit distance written in another way."""

from __future__ import annotations

import functools
import random

import pytest

from benchmarks.pronunciation.scoring import Score, edits, score


@pytest.mark.parametrize(
    ("one", "other", "least"),
    [
        ("", "", 0),
        ("", "K AE T", 3),
        ("K AE T", "", 3),
        ("K AE T", "K AE T", 0),
        ("K AE T", "K AA T S", 2),  # one substitution, one insertion
        ("S K AE T", "K AE T", 1),
        ("A B C D", "B C D A", 2),
        ("HH AH", "H AH", 1),  # phones, not letters
    ],
)
def test_edits_are_counted_in_phones(one: str, other: str, least: int) -> None:
    assert edits(one.split(), other.split()) == least


def test_edits_are_those_of_the_recursive_definition() -> None:
    @functools.cache
    def oracle(one: str, other: str) -> int:
        if not one or not other:
            return len(one) + len(other)
        return min(
            oracle(one[1:], other) + 1,
            oracle(one, other[1:]) + 1,
            oracle(one[1:], other[1:]) + (one[0] != other[0]),
        )

    chance = random.Random(5)
    for _ in range(200):
        one, other = ("".join(chance.choices("abc", k=chance.randint(0, 6))) for _ in range(2))
        assert edits(one, other) == oracle(one, other)


SPOKEN = {"tomato": ["T AH M EY T OW", "T AH M AA T OW"], "cat": ["K AE T"], "a": ["AH", "EY"]}


def test_any_listed_pronunciation_is_right() -> None:
    right = {"tomato": "T AH M AA T OW", "cat": "K AE T", "a": "EY"}
    assert score(right, SPOKEN) == Score(0.0, 0.0, 3)


def test_the_first_pronunciation_alone_is_stricter() -> None:
    told = {"tomato": "T AH M AA T OW", "cat": "K AE T", "a": "EY"}
    found = score(told, SPOKEN, first_only=True)
    assert found.wer == pytest.approx(200 / 3)
    assert found.per == pytest.approx(100 * 2 / 10)  # EY for AA, EY for AH; 6 + 3 + 1 phones


def test_errors_are_counted_to_the_closest_pronunciation() -> None:
    told = {"tomato": "T AH M AA D OW", "cat": "K AE", "a": "AH"}
    found = score(told, SPOKEN)
    assert found.wer == pytest.approx(200 / 3)
    assert found.per == pytest.approx(100 * 2 / 10)


def test_the_phones_counted_are_those_of_the_closest() -> None:
    found = score({"w": "A B C D E"}, {"w": ["A", "A B C D"]})
    assert found.per == pytest.approx(100 * 1 / 4)


def test_a_word_without_a_hypothesis_lacks_every_phone() -> None:
    found = score({"cat": "K AE T"}, {"cat": ["K AE T"], "dog": ["D AO G"]})
    assert (found.wer, found.per) == (50.0, 50.0)
