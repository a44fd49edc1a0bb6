"""Subwords: the graph's longest match is the encoding of the library that learned them."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import tensorflow as tf
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from transforms.text.divide import clean, divide
from transforms.text.segments import MOST_CHARACTERS, UNKNOWN, WHITE_SPACE, join, segment
from transforms.text.wordpiece import LONGEST_PIECE, learn, longest_match

PROSE = """The lower towns were slow to answer; the lowest town answered last, and slowest. Whoever answers
a letter slowly has read it twice, or not at all: readers of letters know that. Naïve coöperation — façade,
Straße — and ordinary words are read alike, whether they are long (unquestionably) or short. New words, newer
words, newest."""


def counts(text: str) -> dict[str, int]:
    words = text.split()
    return {word: words.count(word) for word in words}


@pytest.fixture(scope="module", params=[60, 120, 400])
def pieces(request: pytest.FixtureRequest) -> list[str]:
    """Vocabularies from little more than the alphabet to whole words."""
    return [piece for piece, _ in learn(counts(PROSE), size=request.param, min_count=1)]


def library(pieces: Sequence[str]) -> Callable[[str], list[str]]:
    """The library's own encoding: the same pieces, divided at the same white space, nothing normalised."""
    vocabulary = {piece: number for number, piece in enumerate([*pieces, UNKNOWN])}
    tokenizer = Tokenizer(
        models.WordPiece(vocabulary, unk_token=UNKNOWN, max_input_chars_per_word=MOST_CHARACTERS)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(f"[{WHITE_SPACE}]+"), "removed")
    return lambda text: tokenizer.encode(text).tokens


def in_graph(pieces: Sequence[str], texts: Sequence[Any]) -> list[list[str]]:
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(list(pieces), tf.range(len(pieces), dtype=tf.int64)), -1
    )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def encode(texts: Any) -> Any:
        tokens = divide(clean(texts), "subwords")
        found = longest_match(tokens.flat_values, table.lookup, len(pieces))
        return tokens.with_flat_values(found).merge_dims(1, 2)

    names = [*pieces, UNKNOWN]
    return [[names[number] for number in row] for row in encode(tf.constant(texts, tf.string)).to_list()]


def made_texts() -> list[str]:
    choose = random.Random(11)
    letters = "abcdefghilnorstuwyé—;,.ßX#\u4e00"
    words = ["".join(choose.choice(letters) for _ in range(choose.randint(1, 14))) for _ in range(400)]
    spaces = [" ", "  ", "\t", "\u00a0", "\n"]
    lines = ["".join(word + choose.choice(spaces) for word in words[at : at + 9]) for at in range(0, 400, 9)]
    return [*lines, *PROSE.split("\n"), *PROSE.split(), "", "   ", "##er", "er##", "x" * MOST_CHARACTERS]


def test_the_graph_encodes_as_the_library_and_as_the_rule(pieces: list[str]) -> None:
    texts = made_texts()
    encode, known = library(pieces), set(pieces)
    expected = [encode(text) for text in texts]
    assert [segment(text, "subwords", known) for text in texts] == expected
    assert in_graph(pieces, texts) == expected
    assert any(UNKNOWN in row for row in expected)
    assert any(UNKNOWN not in row and len(row) > 2 for row in expected)


def test_ten_thousand_characters_without_a_space_are_one_unknown_unit(pieces: list[str]) -> None:
    texts = ["a" * 10_000, "a" * (MOST_CHARACTERS + 1), "slow " * 2000, b"\xff"]
    made = in_graph(pieces, texts)
    assert made[:2] == [[UNKNOWN], [UNKNOWN]]
    assert made[2] == segment("slow", "subwords", set(pieces)) * 2000
    assert made[3] == [UNKNOWN]


def test_joined_pieces_are_the_text(pieces: list[str]) -> None:
    known = set(pieces)
    assert join(segment(PROSE, "subwords", known), "subwords") == " ".join(PROSE.split())


def test_pieces_learned_by_hand() -> None:
    # l-o-w occurs 7 times: first (l, ##o), then (lo, ##w), then (##e, ##r), then all of them, `lower`.
    made = learn({"low": 5, "lower": 2}, size=20, min_count=2)
    assert made[:2] == [("low", 5), ("lower", 2)]
    assert {piece for piece, _ in made[2:]} == {"l", "##o", "##w", "##e", "##r"}


def test_size_count_and_length_limit_what_is_learned() -> None:
    assert len(learn(counts(PROSE), size=60, min_count=1)) <= 60
    assert [piece for piece, _ in learn({"aaab": 3, "c": 1}, size=99, min_count=2)] == [
        "aaab",
        "##a",
        "##b",
        "a",
    ]
    assert max(len(p.removeprefix("##")) for p, _ in learn({"ab" * 30: 9}, 999, 1)) <= LONGEST_PIECE


def test_nothing_to_learn_from_is_no_error() -> None:
    assert learn({}, size=10, min_count=1) == []
    assert learn({"x": 1}, size=10, min_count=2) == []
    assert in_graph(["a"], ["", "b"]) == [[], [UNKNOWN]]


def test_every_process_learns_the_same_pieces() -> None:
    code = (
        "import random\nfrom transforms.text.wordpiece import learn\nr = random.Random(3)\n"
        "words = {''.join(r.choice('abcdefgh') for _ in range(r.randint(1, 9))): 1 for _ in range(900)}\n"
        "print(learn(words, size=200, min_count=1))\n"
    )
    run = [sys.executable, "-c", code]
    first, second = (subprocess.run(run, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert first == second != ""
