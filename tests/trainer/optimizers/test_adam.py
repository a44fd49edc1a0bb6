"""Adam: the published algorithm, fused or not, and what it refuses."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.optimizers.cases import compiled, slices, table
from trainer.optimizers import Adam


def reference(
    gradients: list[np.ndarray], weights: np.ndarray, rate: float, decay: float = 0.0
) -> np.ndarray:
    """Kingma and Ba, 2015, algorithm 1, in float64; decoupled decay of Loshchilov and Hutter."""
    m, v, w = np.zeros_like(weights), np.zeros_like(weights), weights.astype(np.float64)
    for t, g in enumerate(gradients, 1):
        m, v = 0.9 * m + 0.1 * g, 0.98 * v + 0.02 * g**2
        w = w - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.98**t)) + 1e-12) - rate * decay * w
    return w


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_steps_equal_the_published_algorithm(jit: bool, decay: float) -> None:
    optimizer, variable = Adam(0.01, weight_decay=decay or None), table()
    optimizer.build([variable])
    step = compiled(optimizer, variable, jit)
    generator = np.random.default_rng(0)
    gradients = [generator.normal(size=(6, 2)).astype(np.float32) for _ in range(5)]
    expected = reference(gradients, variable.numpy(), 0.01, decay)
    for gradient in gradients:
        step(tf.constant(gradient))
    np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_decay_passes_over_what_is_named() -> None:
    bias, kernel = keras.Variable([1.0], name="bias"), keras.Variable([1.0], name="kernel")
    optimizer = Adam(0.5, weight_decay=0.1, no_decay=("^bias$",))
    optimizer.apply([tf.constant([0.0]), tf.constant([0.0])], [bias, kernel])
    assert (bias.numpy()[0], kernel.numpy()[0]) == pytest.approx((1.0, 0.95))


def test_the_gradient_is_clipped_by_its_norm_over_all_weights() -> None:
    first, second = keras.Variable([0.0], name="a"), keras.Variable([0.0], name="b")
    optimizer = Adam(1.0, global_clipnorm=1.0)
    optimizer.apply([tf.constant([3.0]), tf.constant([4.0])], [first, second])
    assert optimizer.slots(first)["momentum"].numpy()[0] == pytest.approx(0.1 * 0.6)
    assert optimizer.slots(second)["momentum"].numpy()[0] == pytest.approx(0.1 * 0.8)


def test_row_updates_and_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="row updates of table"):
        Adam().apply([slices([0], np.ones((1, 2)))], [table()])
    for options in ({"beta_1": 1.0}, {"beta_2": -0.1}, {"epsilon": 0.0}):
        with pytest.raises(ValueError, match=f"Received: {next(iter(options))}"):
            Adam(**options)
