"""How much is taught at which step, and the loss against what peers say."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.codistillation import by_hand
from trainer.codistillation.teaching import Teaching, believed, divergence, predictions
from trainer.losses import temperatures
from trainer.spec import CodistillationSpec

RNG = np.random.default_rng(5)
SHAPES = {"binary": (9, 1), "multiclass": (9, 4), "regression": (9, 1), "units": (3, 5, 7)}
PAIRS = [(1.0, 1.0), (0.8, 1.2), (0.3, 3.0), (1.0, 2.0)]


def test_the_weight_is_exact_at_the_ends_of_burn_in_and_ramp() -> None:
    teaching = Teaching.of(CodistillationSpec(weight=0.7, burn_in=0.1, ramp=0.2), steps=100)
    expected = {0: 0.0, 9: 0.0, 10: 0.0, 11: 0.7 / 20, 15: 0.7 / 4, 29: 0.7 * 19 / 20, 30: 0.7, 99: 0.7}
    assert {step: teaching.weight_at(step) for step in expected} == pytest.approx(expected, rel=1e-12)
    assert teaching.weight_at(10) == 0.0
    assert teaching.weight_at(30) == 0.7
    in_graph = [float(teaching.weight_of(tf.constant(step, tf.int64))) for step in range(100)]
    assert in_graph == [pytest.approx(teaching.weight_at(step), rel=1e-6) for step in range(100)]
    assert [weight > 0 for weight in in_graph] == [step > 10 for step in range(100)]
    assert in_graph[30] == np.float32(0.7)


def test_without_burn_in_and_ramp_the_whole_weight_is_there_from_the_first_step() -> None:
    teaching = Teaching.of(CodistillationSpec(weight=3.0, burn_in=0.0, ramp=0.0), steps=50)
    assert [teaching.weight_at(step) for step in (0, 1, 49)] == [3.0, 3.0, 3.0]
    assert float(teaching.weight_of(tf.constant(0))) == 3.0
    teaching = Teaching(1.0, burn_in_steps=7, ramp_steps=0)
    assert [float(teaching.weight_of(tf.constant(step))) for step in (6, 7)] == [0.0, 1.0]


@pytest.mark.parametrize("kind", SHAPES)
def test_terms_are_those_of_the_definition(kind: str) -> None:
    task = "multiclass" if kind == "units" else kind
    theirs, own = (RNG.normal(size=SHAPES[kind]).astype(np.float32) * 2 for _ in range(2))
    for t1, t2 in PAIRS if task != "regression" else PAIRS[:1]:
        q = by_hand.said(task, theirs, t2)
        found = predictions(task, tf.constant(theirs), t2).numpy()
        np.testing.assert_allclose(found, q[..., 1:] if task == "binary" else q, rtol=2e-5, atol=1e-7)
        expected = by_hand.loss(task, q, own, t1, t2)
        # As numbers, and as tensors that a ramp makes.
        for pair in ((t1, t2), temperatures(tf.constant(8), t1, t2, 8)):
            term = divergence(task, tf.constant(found), tf.constant(own), pair)
            assert term.shape == SHAPES[kind][:-1]
            plain_as_tensors = t1 == t2 == 1 and not isinstance(pair[0], float) and task != "regression"
            # The bi-tempered loss of soft labels lacks their entropy, which no gradient sees.
            entropy = -(q * np.log(q)).sum(-1) if plain_as_tensors else 0.0
            np.testing.assert_allclose(term.numpy(), expected - entropy, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("far", [11.0, 1e10, 1e20, 3e38, np.inf, np.nan])
def test_a_peer_beyond_ten_deviations_of_a_regression_is_not_believed(far: float) -> None:
    logits = tf.constant([[0.5], [0.5], [-2.0]])
    said = tf.constant([[far], [-far], [7.9]], tf.float32)
    assert believed("regression", said, logits).numpy().tolist() == [False, False, True]


def test_probabilities_are_believed_unless_one_is_no_number() -> None:
    logits = tf.zeros((2, 3))
    said = tf.constant([[0.2, 0.3, 0.5], [np.nan, 0.5, 0.5]])
    assert believed("multiclass", said, logits).numpy().tolist() == [True, False]


@pytest.mark.parametrize("kind", ["binary", "multiclass", "units"])
def test_the_gradient_of_the_cross_entropy_is_the_difference_of_probabilities(kind: str) -> None:
    task = "multiclass" if kind == "units" else kind
    theirs, own = (RNG.normal(size=SHAPES[kind]).astype(np.float32) for _ in range(2))
    logits, targets = tf.constant(own), predictions(task, tf.constant(theirs))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        term = tf.reduce_sum(divergence(task, targets, logits))
    last = slice(1, 2) if task == "binary" else slice(None)
    expected = (by_hand.said(task, own) - by_hand.said(task, theirs))[..., last]
    np.testing.assert_allclose(tape.gradient(term, logits).numpy(), expected, rtol=1e-4, atol=1e-6)
