"""The served language model: how probable a text is, unit by unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer import reversed_words
from tests.trainer.reversed_words import LONGEST, TextPlace, request
from tests.trainer.sequences import SMALL
from trainer.export import TransformGraph
from trainer.export.sequence import SequenceServer, export_sequence_server
from trainer.models.sequence import SequenceModel, build_sequence_model
from trainer.spec import DecodingSpec, SequenceModelSpec
from trainer.spec.sequence import BEGIN, END, UNKNOWN


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> TextPlace:
    return reversed_words.build(tmp_path_factory.mktemp("texts"), "language_model", 100)


@pytest.fixture(scope="module")
def model(place: TextPlace) -> SequenceModel:
    return build_sequence_model(place.features, SMALL.sequence or SequenceModelSpec(), 1)


@pytest.fixture(scope="module")
def served(place: TextPlace, model: SequenceModel, tmp_path_factory: pytest.TempPathFactory) -> Any:
    root: Path = tmp_path_factory.mktemp("model")
    server = SequenceServer(place.features, model, DecodingSpec(), 1.0, TransformGraph(place.graph))
    export_sequence_server(root / "1", place.features, server)
    return tf.saved_model.load(str(root / "1")).signatures


def by_hand(place: TextPlace, model: SequenceModel, text: str, ended: bool = True) -> float:
    """The sum of the logarithms, one prefix after the other."""
    units = place.features.target.units
    ids = [4 + units.index(unit) if unit in units else UNKNOWN for unit in text]
    total = 0.0
    for count, unit in enumerate([*ids, END] if ended else ids):
        logits = model({"target_in": tf.constant([[BEGIN, *ids[:count]]])})[0, -1]
        total += float(tf.nn.log_softmax(logits)[unit])
    return total


def test_texts_have_the_probability_of_their_units_and_their_end(
    place: TextPlace, model: SequenceModel, served: Any
) -> None:
    texts = ["abc", "h", "abz", ""]
    found = served["serving_default"](examples=tf.constant([request(text) for text in texts]))
    expected = [by_hand(place, model, text) for text in texts]
    assert found["log_probabilities"].numpy()[:, 0] == pytest.approx(expected, rel=1e-5)
    assert found["lengths"].numpy().tolist() == [[4], [2], [4], [1]]
    perplexities = [np.exp(-value / count) for value, count in zip(expected, (4, 2, 4, 1), strict=True)]
    assert found["perplexities"].numpy()[:, 0] == pytest.approx(perplexities, rel=1e-5)
    assert found["status"].numpy().tolist() == [b"ok", b"ok", b"unknown", b"empty"]


def test_of_a_text_that_is_cut_off_only_the_beginning_counts(
    place: TextPlace, model: SequenceModel, served: Any
) -> None:
    found = served["predict"](word=tf.constant([["ab" * 5000]]))
    assert found["lengths"].numpy().tolist() == [[LONGEST]]
    assert found["status"].numpy().tolist() == [b"truncated"]
    expected = by_hand(place, model, "ab" * (LONGEST // 2), ended=False)
    assert found["log_probabilities"].numpy()[0, 0] == pytest.approx(expected, rel=1e-5)


def test_there_is_nothing_to_explain(served: Any) -> None:
    assert set(served) == {"serving_default", "predict"}


def test_a_text_nearly_without_probability_has_a_finite_perplexity(place: TextPlace) -> None:
    sure = build_sequence_model(place.features, SMALL.sequence or SequenceModelSpec(), 1)
    sure.output_map.kernel.assign(sure.output_map.kernel.value * 1e4)
    server = SequenceServer(place.features, sure, DecodingSpec(), 1.0, TransformGraph(place.graph))
    found = server.predict_examples(tf.constant([request("abcdefgh")]), place.features.raw)
    assert found["log_probabilities"].numpy().item() < -9 * 89
    assert np.isfinite(found["perplexities"].numpy()).all()
