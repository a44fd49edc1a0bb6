"""The teaching term inside a compiled step: who teaches, what it costs, and that peers learn nothing."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.codistillation import by_hand
from trainer.codistillation.peers import Peers
from trainer.codistillation.teacher import Teacher
from trainer.codistillation.teaching import Teaching, believed, divergence, predictions

INPUTS = np.random.default_rng(3).normal(size=(6, 2)).astype(np.float32)
OWN = np.array([[0.3, -0.2, 0.1], [0.0, 0.4, -0.5]], np.float32)
FIRST = np.array([[1.0, 0.0, -1.0], [0.5, 0.5, 0.0]], np.float32)
SECOND = np.array([[-2.0, 0.0, 1.0], [0.0, -1.0, 1.5]], np.float32)
NAN = np.array([[np.nan, 0.0, 1.0], [0.0, -1.0, 1.5]], np.float32)


def build() -> keras.Model:
    inputs = keras.Input((2,))
    return keras.Model(inputs, keras.layers.Dense(3, use_bias=False, name="only")(inputs))


class Step:
    """A compiled step whose own weights are `OWN`; counts how often each peer is run."""

    def __init__(self, peers: int, jit: bool = False, teaching: Teaching | None = None) -> None:
        self.peers = Peers(build, range(1, peers + 1))
        self.teacher = Teacher(self.peers, teaching or Teaching(2.0, 0, 0))
        self.own, self.runs = tf.Variable(OWN), 0
        self.counts = not jit
        self.function = tf.function(self._step, jit_compile=jit)

    def _count(self, values: Any) -> Any:
        self.runs += 1
        return values

    def _forward(self, model: keras.Model) -> Any:
        logits = model(INPUTS)
        if self.counts:
            logits = tf.ensure_shape(tf.numpy_function(self._count, [logits], tf.float32), (6, 3))
        return predictions("multiclass", logits)

    def _step(self, step: Any) -> Any:
        watched = [self.own, *(v.value for model in self.peers._models for v in model.variables)]
        with tf.GradientTape() as tape:
            tape.watch(watched)
            logits = tf.constant(INPUTS) @ self.own
            term = self.teacher.term(
                step,
                tf.shape(logits),
                self._forward,
                lambda said: believed("multiclass", said, logits),
                lambda q: divergence("multiclass", q, logits),
            )
            total = tf.reduce_sum(term)
        gradients = tape.gradient(total, watched)
        assert all(gradient is None for gradient in gradients[1:])
        return term, gradients[0]

    def __call__(self, step: int = 0) -> tuple[Any, Any]:
        self.runs = 0
        term, gradient = self.function(tf.constant(step, tf.int64))
        return term.numpy(), gradient.numpy()

    def expected(self, *weights: Any) -> tuple[Any, Any]:
        """Term and gradient by hand, of the weight 2."""
        q = np.mean([by_hand.softmax(INPUTS @ peer) for peer in weights], 0)
        p = by_hand.softmax(INPUTS @ OWN)
        return 2 * by_hand.loss("multiclass", q, INPUTS @ OWN), INPUTS.T @ (2 * (p - q))


def close(found: tuple[Any, Any], expected: tuple[Any, Any]) -> None:
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("jit", [False, True])
def test_peers_come_and_go_without_another_trace_and_absent_ones_are_not_run(jit: bool) -> None:
    step = Step(2, jit)
    nothing = np.zeros(6), np.zeros((2, 3))
    close(step(), nothing)
    assert step.runs == 0
    step.peers.assign(2, {"only/kernel": SECOND})
    assert step.peers.present() == [2]
    close(step(), step.expected(SECOND))
    assert step.runs == (0 if jit else 1)
    step.peers.assign(1, {"only/kernel": FIRST})
    close(step(), step.expected(FIRST, SECOND))
    assert step.runs == (0 if jit else 2)
    step.peers.drop(2)
    close(step(), step.expected(FIRST))
    step.peers.drop(1)
    close(step(), nothing)
    assert step.runs == 0
    assert step.function.experimental_get_tracing_count() == 1


def test_nothing_is_run_over_the_burn_in() -> None:
    step = Step(1, teaching=Teaching(2.0, burn_in_steps=3, ramp_steps=2))
    step.peers.assign(1, {"only/kernel": FIRST})
    term, gradient = step.expected(FIRST)
    for done, share, runs in ((0, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0.5, 1), (5, 1, 1), (100, 1, 1)):
        close(step(done), (share * term, share * gradient))
        assert step.runs == runs


def test_a_peer_that_says_no_number_teaches_nothing() -> None:
    step = Step(2)
    step.peers.assign(1, {"only/kernel": NAN})
    close(step(), (np.zeros(6), np.zeros((2, 3))))
    step.peers.assign(2, {"only/kernel": SECOND})
    close(step(), step.expected(SECOND))


@pytest.mark.parametrize("far", [15.0, 1e6, 1e30])
def test_one_that_diverged_silences_no_other_peer_of_a_regression(far: float) -> None:
    peers = Peers(build, [1, 2])
    peers.assign(1, {"only/kernel": FIRST})
    peers.assign(2, {"only/kernel": SECOND})
    said = {1: [[0.1], [0.2]], 2: [[far], [0.4]]}
    logits = tf.Variable([[0.0], [0.0]])

    @tf.function
    def step() -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            term = Teacher(peers, Teaching(1.0, 0, 0)).term(
                tf.constant(1, tf.int64),
                tf.shape(logits),
                lambda model: tf.constant(said[1 + peers._models.index(model)]),
                lambda one: believed("regression", one, logits),
                lambda mean: divergence("regression", mean, logits),
            )
        return term, tape.gradient(term, logits)

    term, gradient = step()
    np.testing.assert_allclose(term.numpy(), [0.1**2, 0.3**2], rtol=1e-5)
    np.testing.assert_allclose(gradient.numpy(), [[-0.2], [-0.6]], rtol=1e-5)


def test_weights_that_do_not_fit_are_refused() -> None:
    peers = Peers(build, [1])
    assert peers.refusal({"only/kernel": FIRST}) is None
    for arrays, reason in (
        ({"only/kernel": FIRST.T}, "only/kernel has the shape"),
        ({"other/kernel": FIRST}, "different"),
        ({"only/kernel": FIRST, "more": FIRST}, "more"),
        ({}, "0 tensors and not 1"),
    ):
        assert reason in str(peers.refusal(arrays))
