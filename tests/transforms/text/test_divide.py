"""Units in the graph are those of the rule in plain Python."""

from __future__ import annotations

import re
from typing import Any, get_args

import hypothesis
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from transforms.text.divide import clean, divide
from transforms.text.segments import CLOSING, INNER, OPENING, WHITE_SPACE, UnitKind, join, segment

_WHOLE: tuple[UnitKind, ...] = tuple(kind for kind in get_args(UnitKind) if kind != "subwords")


@pytest.fixture(scope="module")
def graph() -> dict[str, Any]:
    """One function of each kind, as in the transform graph."""
    signature = [tf.TensorSpec([None], tf.string)]
    return {
        kind: tf.function(lambda texts, kind=kind: divide(clean(texts), kind), input_signature=signature)
        for kind in _WHOLE
    }


def units(graph: dict[str, Any], kind: str, texts: list[Any]) -> list[list[str]]:
    return [[unit.decode() for unit in row] for row in graph[kind](tf.constant(texts, tf.string)).to_list()]


# Libraries of one Unicode version know characters that those of another do not.
settled = st.characters(max_codepoint=0x1C7F, exclude_categories=["Cs", "Cn"])
awkward = st.sampled_from(
    [*"aB1_ \t\n\r\v\f", *INNER, *CLOSING, *OPENING, *"\u00a0\u3000\x85\x00\ufffdİßΣ\u0301"]
)
texts = st.lists(st.text(st.one_of(awkward, settled), max_size=20), min_size=1, max_size=8)


@hypothesis.given(texts)
@hypothesis.settings(max_examples=150, deadline=None)
def test_the_graph_divides_as_the_rule_says(graph: dict[str, Any], texts: list[str]) -> None:
    for kind in _WHOLE:
        assert units(graph, kind, texts) == [segment(text, kind) for text in texts]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("characters", "aB é", ["a", "B", " ", "é"]),
        ("letters", "ÀB", ["à", "b"]),
        ("tokens", " AH0\t\u3000B ", ["AH0", "B"]),
        (
            "words",
            "Don't, well-known—“it's 3.5%”",
            ["Don't", ",", "well-known", "—", "“", "it's", "3", ".", "5", "%", "”"],
        ),
        ("words", "'quoted' -x- a--b", ["'", "quoted", "'", "-", "x", "-", "a", "-", "-", "b"]),
        ("words", "ノート を、買う。", ["ノート", "を", "、", "買う", "。"]),
        ("words", "", []),
    ],
)
def test_units_by_hand(graph: dict[str, Any], kind: UnitKind, text: str, expected: list[str]) -> None:
    assert segment(text, kind) == expected
    assert units(graph, kind, [text]) == [expected]


def test_bytes_that_are_not_utf8_become_replacement_characters(graph: dict[str, Any]) -> None:
    assert units(graph, "letters", ["a\0B"]) == [segment("a\0B", "letters")] == [["a", "\ufffd", "b"]]
    assert units(graph, "characters", [b"a\xff\xfeb", b"\xc3"]) == [
        ["a", "\ufffd", "\ufffd", "b"],
        ["\ufffd"],
    ]


def test_ten_thousand_characters_are_divided(graph: dict[str, Any]) -> None:
    long = "a b" * 3334
    assert [len(units(graph, kind, [long])[0]) for kind in _WHOLE] == [10002, 10002, 3335, 3335]


@hypothesis.given(st.text(settled, max_size=30))
@hypothesis.settings(max_examples=100, deadline=None)
def test_joined_characters_and_tokens_are_the_text(text: str) -> None:
    text = text.replace("\0", "")
    assert join(segment(text, "characters"), "characters") == text
    assert join(segment(text, "letters"), "letters") == text.lower()
    assert join(segment(text, "tokens"), "tokens") == " ".join(re.split(f"[{WHITE_SPACE}]+", text)).strip(" ")


@pytest.mark.parametrize(
    "text", ["Hello, you!", "(see «this») it's 5%.", "well-known: [a] {b}?", "¿Qué? ¡No!", "“Yes”, he said…"]
)
def test_joined_words_are_written_as_usual(text: str) -> None:
    assert join(segment(text, "words"), "words") == text


def test_white_space_is_that_of_unicode() -> None:
    spaces = {chr(code) for code in range(0x110000) if chr(code).isspace()} - set("\x1c\x1d\x1e\x1f")
    assert {chr(code) for code in range(0x110000) if re.match(f"[{WHITE_SPACE}]", chr(code))} == spaces
