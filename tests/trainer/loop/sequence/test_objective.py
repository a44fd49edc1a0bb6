"""The loss of units: by hand, with smoothing, tempered, and on the way there."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer.data.sequence.forcing import teacher_forcing
from trainer.loop.sequence.objective import SequenceObjective, sequence_objective
from trainer.losses import bi_tempered_logistic_loss
from trainer.spec import BiTemperedSpec, SequenceTrainSpec, TrainSpec

LABELS = tf.constant([[2, 4], [5, 3]])
LOGITS = tf.constant(np.random.default_rng(0).normal(size=(2, 2, 6)), tf.float32)


def test_smoothing_spreads_its_share_over_all_but_padding_and_begin() -> None:
    found = SequenceObjective(label_smoothing=0.3).losses(LABELS, LOGITS).numpy()
    logarithms = tf.nn.log_softmax(LOGITS).numpy().astype(np.float64)
    for row, place in np.ndindex(2, 2):
        shares = np.array([0, 0, 0.1, 0.1, 0.1, 0.1])
        shares[LABELS.numpy()[row, place]] = 0.7
        assert found[row, place] == pytest.approx(-(shares * logarithms[row, place]).sum(), rel=1e-5)


def test_smoothing_and_its_gradient_are_those_of_labels_as_wide_as_the_logits() -> None:
    generator = np.random.default_rng(1)
    logits = tf.constant(generator.normal(0.0, 4.0, (3, 7, 50)), tf.float32)
    labels = tf.constant(generator.integers(2, 50, (3, 7)), tf.int32)
    weights = tf.constant(generator.uniform(size=(3, 7)), tf.float32)
    targets = np.full((3, 7, 50), 0.1 / 47)
    targets[..., :2] = 0.0
    np.put_along_axis(targets, labels.numpy()[..., None], 0.9, -1)
    wide = tf.constant(targets, tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        found = SequenceObjective(label_smoothing=0.1).losses(labels, logits)
        expected = tf.nn.softmax_cross_entropy_with_logits(labels=wide, logits=logits)
        sums = tf.reduce_sum(weights * found), tf.reduce_sum(weights * expected)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    mine, theirs = (tape.gradient(total, logits) for total in sums)
    np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_without_smoothing_it_is_the_surprise() -> None:
    objective = SequenceObjective()
    np.testing.assert_allclose(objective.losses(LABELS, LOGITS), objective.surprise(LABELS, LOGITS))


def test_temperatures_move_from_one_to_theirs() -> None:
    plan = TrainSpec(
        loss="bi_tempered", bi_tempered=BiTemperedSpec(0.7, 1.3, ramp=0.5), sequence=SequenceTrainSpec()
    )
    objective = sequence_objective(plan, steps=20)
    assert (objective.ramp_steps, objective.temperature) == (10, 1.3)
    half = objective.losses(LABELS, LOGITS, tf.constant(5)).numpy()
    np.testing.assert_allclose(half, bi_tempered_logistic_loss(LABELS, LOGITS, 0.85, 1.15), rtol=1e-4)
    ended = objective.losses(LABELS, LOGITS, tf.constant(10)).numpy()
    np.testing.assert_allclose(ended, objective.losses(LABELS, LOGITS), rtol=1e-4)


def test_the_surprise_is_of_the_tempered_softmax() -> None:
    objective = SequenceObjective(bi_tempered=BiTemperedSpec(0.8, 1.5))
    every = tf.tile(tf.range(6)[None, None], (2, 2, 1))
    total = sum(tf.exp(-objective.surprise(every[..., unit], LOGITS)) for unit in range(6))
    np.testing.assert_allclose(total, np.ones((2, 2)), rtol=1e-5)


def test_a_row_of_padding_weighs_nothing() -> None:
    given, asked, weights = teacher_forcing(tf.constant([[0, 0]]), tf.constant([0.0]))
    assert (given.numpy().tolist(), asked.numpy().tolist()) == ([[1, 0, 0]], [[2, 0, 0]])
    assert weights.numpy().tolist() == [[0.0, 0.0, 0.0]]
