"""Scores: probabilities of the loss, coverage of half precision, and the forms of the formulas."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from trainer.decoding import coverage_penalty, length_normaliser, log_probabilities
from trainer.losses.probabilities import tempered_softmax


def test_probabilities_are_those_of_the_loss() -> None:
    logits = tf.constant([[2.0, -1.0, 0.5]])
    np.testing.assert_allclose(
        np.exp(log_probabilities(logits, 1.3)), tempered_softmax(logits, 1.3), rtol=1e-5
    )
    np.testing.assert_allclose(np.exp(log_probabilities(logits)), tf.nn.softmax(logits), rtol=1e-5)


def test_the_normaliser_is_1_for_the_end_alone_and_without_strength() -> None:
    assert length_normaliser(1, 0.7) == 1.0
    assert length_normaliser(9, 0.0) == 1.0
    np.testing.assert_allclose(length_normaliser(tf.constant([7, 13]), 0.5), [2**0.5, 3**0.5], rtol=1e-6)


def test_coverage_counts_real_source_units_alone() -> None:
    attention = tf.constant([[[0.5, 2.0, 0.1]], [[0.0, 1.0, 1.0]]])
    found = coverage_penalty(attention, tf.constant([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]), 0.5)
    np.testing.assert_allclose(found, [[0.5 * np.log(0.5)], [0.5 * np.log(1e-6)]], rtol=1e-5)
