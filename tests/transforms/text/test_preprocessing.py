"""Raw texts to ids, by vocabularies that the real analysis learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.transforms.text.conftest import Fitted, plan, section
from trainer.spec import SequenceFeatureSpec
from transforms.text import segment

Fit = Callable[..., Fitted]


@pytest.fixture(scope="module")
def spelled(fit: Fit) -> Fitted:
    """Letters to tokens, with weights."""
    table = {
        "source": ["Cat", "dog", "coat", None, "a\nb", "a b"],
        "target": ["K AE T", "D AO G", "K OW T", "X", "", " X "],
        "weight": [1.0, 2.0, None, 1.0, 1.0, 0.5],
    }
    return fit(plan(section("letters"), section("tokens"), weight=True), table)


@pytest.fixture(scope="module")
def sentences(fit: Fit) -> Fitted:
    """Subwords to words; twelve rows."""
    source = ["the lower town", "lowest towns", "slow, slower", "no"] * 3
    target = ["Don't stop, please!", "stop (now)", "a", "b"] * 3
    made = plan(section("subwords", vocabulary_size=40), section("words", min_count=3, vocabulary_size=4))
    return fit(made, {"source": source, "target": target})


def test_ids_go_down_by_count_then_by_the_bytes_of_the_unit(spelled: Fitted) -> None:
    # a 4 times; c, o, t twice; the line end and the space once as the other letters, before them by its byte.
    counted = {"a": 4, "b": 2, "c": 2, "o": 2, "t": 2, "\n": 1, " ": 1, "d": 1, "g": 1}
    assert spelled.spec["source"]["units"] == sorted(counted, key=lambda unit: (-counted[unit], unit))
    assert spelled.spec["target"]["units"] == ["K", "T", "X", "AE", "AO", "D", "G", "OW"]


def test_outputs_are_ids_lengths_and_weights(spelled: Fitted) -> None:
    assert set(spelled.outputs) == {
        "source_ids", "target_ids", "source_length", "target_length", "weight",
    }  # fmt: skip
    names = [None] * 4 + spelled.spec["source"]["units"]
    read = ["".join(names[number] for number in row) for row in spelled.outputs["source_ids"]]
    assert read == ["cat", "dog", "coat", "", "a\nb", "a b"]
    assert spelled.outputs["source_length"] == [[3], [3], [4], [0], [3], [3]]
    assert spelled.outputs["target_ids"][0] == [4, 7, 5]
    assert spelled.outputs["target_length"] == [[3], [3], [3], [1], [0], [1]]
    assert spelled.outputs["weight"][:2] == [1.0, 2.0]


def test_unknown_broken_and_missing_texts_get_an_answer(spelled: Fitted) -> None:
    made = spelled.apply({"source": ["tax", "", None, b"a\xffc", "a" * 10_000, "\\n"]})
    names = spelled.spec["source"]["units"]
    ids = {unit: 4 + number for number, unit in enumerate(names)}
    assert made["source_ids"][0] == [ids["t"], ids["a"], 3]
    assert made["source_ids"][1:4] == [[], [], [ids["a"], 3, ids["c"]]]
    assert made["source_ids"][4] == [ids["a"]] * 10_000
    # Nothing of a text is taken for the spelling of a line end in the file.
    assert made["source_ids"][5] == [3, 3]
    assert made["target_ids"] == [[]] * 6


def test_subwords_in_the_graph_are_those_of_the_rule(sentences: Fitted) -> None:
    units = sentences.spec["source"]["units"]
    texts = ["tower low\u00a0slow", "", "x" * 200 + " low", "slowest  townslow", "no ## #", b"\xff no"]
    made = sentences.apply({"source": texts})["source_ids"]
    ids = {unit: 4 + number for number, unit in enumerate(units)}
    plain = [text.decode(errors="replace") if isinstance(text, bytes) else text for text in texts]
    assert made == [[ids.get(unit, 3) for unit in segment(text, "subwords", set(units))] for text in plain]


def test_rare_units_and_those_beyond_the_size_are_unknown(sentences: Fitted) -> None:
    # Six times `stop`, three times each of the others; four are kept, by their bytes.
    assert sentences.spec["target"]["units"] == ["stop", "!", "(", ")"]
    assert sentences.outputs["target_ids"][:2] == [[3, 4, 3, 3, 5], [4, 6, 3, 7]]


def test_the_specification_is_that_of_the_trainer(spelled: Fitted, sentences: Fitted) -> None:
    for fitted in (spelled, sentences):
        read = SequenceFeatureSpec.from_json(fitted.spec)
        assert read.source is not None
        assert read.raw == {"source": "string"}
        assert read.target.max_length == 9
    assert spelled.spec["weight"]
    assert not sentences.spec["weight"]


def test_a_shared_vocabulary_counts_both_sides(fit: Fit) -> None:
    table = {"source": ["ab", "b"], "target": ["bc", "c"]}
    fitted = fit(plan(section("characters"), section("characters"), shared=True), table)
    assert fitted.spec["source"]["units"] == fitted.spec["target"]["units"] == ["b", "c", "a"]
    assert fitted.outputs["source_ids"] == [[6, 4], [4]]
    assert fitted.outputs["target_ids"] == [[4, 5], [5]]


def test_a_language_model_reads_its_label(fit: Fit) -> None:
    fitted = fit(plan(None, section("words")), {"target": ["a b", "a", "a c!"]})
    assert set(fitted.outputs) == {"target_ids", "target_length"}
    assert fitted.spec["source"] is None
    assert fitted.spec["raw"] == {"target": "string"}
    assert fitted.apply({"target": ["c a", "d"]})["target_ids"] == [[7, 4], [3]]


@pytest.mark.parametrize(
    "change",
    [
        {"label": {"column": "target"}},
        {"features": {}},
        {"features": {"source": {**section("letters"), "units": "syllables"}}},
        {"shared": True},
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(change: dict[str, Any]) -> None:
    from transforms.text.layout import parse

    with pytest.raises(ValueError, match="Expected"):
        parse({**plan(section("letters"), section("tokens")), **change})
