"""The prior of sequences: fitted by hand, exported, and asked as any other model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer import text_graph
from trainer.errors import TandemError
from trainer.export.sequence.prior import export_sequence_prior, fit_prior
from trainer.spec.sequence import BEGIN, END, FIRST_UNIT, PADDING, SequenceFeatureSpec

FEATURES = text_graph.seq2seq()
PAIRS = [
    ("cat", "K A T"),
    ("ace", "A S"),
    ("cab", "K A B"),
    ("the", "T H"),
    ("sat", "S A T"),
    ("hat", "H A T"),
]


def ids(known: tuple[str, ...], values: Any) -> np.ndarray:
    return np.array([FIRST_UNIT + known.index(value) for value in values], np.int32)


def pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    assert FEATURES.source is not None
    return [
        (ids(FEATURES.source.units, word), ids(FEATURES.target.units, phones.split()))
        for word, phones in PAIRS
    ]


def asked(directory: Path, features: SequenceFeatureSpec, texts: list[str]) -> dict[str, Any]:
    """Answers of both signatures, which must agree."""
    (column,) = features.raw
    signatures = tf.saved_model.load(str(directory)).signatures
    examples = []
    for text in texts:
        example = tf.train.Example()
        example.features.feature[column].bytes_list.value.append(text.encode())
        examples.append(example.SerializeToString())
    served = signatures["serving_default"](examples=tf.constant(examples))
    predicted = signatures["predict"](**{column: tf.constant([[text] for text in texts])})
    found = {name: value.numpy() for name, value in served.items()}
    for name, value in found.items():
        np.testing.assert_array_equal(predicted[name].numpy(), value)
    return found


def test_each_letter_becomes_its_most_frequent_unit(tmp_path: Path) -> None:
    prior = fit_prior(FEATURES, pairs())
    export_sequence_prior(tmp_path / "m", FEATURES, prior, text_graph.write(tmp_path / "graph", FEATURES))
    found = asked(tmp_path / "m", FEATURES, ["bat", "tech", "", "az", "aaaaaaaa", "e"])
    assert found["texts"].shape == (6, 1)
    assert found["texts"][:, 0].tolist() == [b"B A T", b"T K H", b"", b"A", b"A A A A A A", b""]
    assert found["status"].tolist() == [b"ok", b"ok", b"empty", b"unknown", b"truncated", b"ok"]
    assert found["scores"].dtype == found["log_probabilities"].dtype == np.float32
    assert found["scores"].shape == found["log_probabilities"].shape == (6, 1)
    assert (found["log_probabilities"] <= 0).all()


def test_a_language_model_counts_units_and_ends(tmp_path: Path) -> None:
    features = text_graph.language_model()
    # Five a, two b and three ends; each of end, unknown and the four units counts once more.
    texts = [ids(features.target.units, text) for text in ("aab", "ab", "aa")]
    prior = fit_prior(features, [(None, text) for text in texts])
    shares = np.exp(prior["log_probabilities"])
    np.testing.assert_allclose(shares[END:], np.array([4, 1, 6, 3, 1, 1]) / 16)
    export_sequence_prior(tmp_path / "m", features, prior, text_graph.write(tmp_path / "graph", features))
    found = asked(tmp_path / "m", features, ["ab", "", "abababab", "a?"])
    expected = np.log([6 * 3 * 4 / 16**3, 4 / 16, (6 * 3 / 16**2) ** 3, 6 * 1 * 4 / 16**3])
    np.testing.assert_allclose(found["log_probabilities"][:, 0], expected, rtol=1e-5)
    assert found["lengths"][:, 0].tolist() == [3, 1, 6, 3]
    assert found["lengths"].dtype == np.int64
    np.testing.assert_allclose(found["perplexities"][:, 0], np.exp(-expected / [3, 1, 6, 3]), rtol=1e-5)
    assert found["status"].tolist() == [b"ok", b"empty", b"truncated", b"unknown"]


def test_padding_and_begin_are_never_drawn() -> None:
    features = text_graph.language_model()
    prior = fit_prior(features, [(None, ids(features.target.units, "ab"))])
    drawn = np.exp(prior["log_probabilities"])
    assert drawn[END:].sum() == pytest.approx(1.0)
    assert len(drawn) == features.target.size
    assert {PADDING, BEGIN} == set(range(END))


def test_a_prior_of_another_vocabulary_is_refused(tmp_path: Path) -> None:
    prior = fit_prior(FEATURES, pairs())
    for wrong in ({**prior, "units": [0]}, {**prior, "task": "language_model"}, {}):
        with pytest.raises(TandemError, match="EXPORT-029"):
            export_sequence_prior(tmp_path / "m", FEATURES, wrong, tmp_path)
