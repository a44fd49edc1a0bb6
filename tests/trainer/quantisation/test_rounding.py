"""Rounding to 8 bits: bounds of the error, exact values, gradients."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainer.quantisation import dequantise, fake_quantise, quantise, reduced_axes, scales

FINITE = st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False)


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=FINITE),
    st.sampled_from([0, 1]),
)
def test_a_weight_is_off_by_at_most_half_a_step_and_zero_by_nothing(weights: np.ndarray, axis: int) -> None:
    integers, steps = quantise(weights, [axis])
    back = dequantise(integers, steps).numpy()
    half = np.broadcast_to(steps.numpy(), weights.shape).astype(np.float64) / 2
    # Where nothing reaches 1.5e-36 all counts as 0.
    half = np.where(np.abs(weights).max(axis, keepdims=True) > 1.5e-36, half, 1.5e-36)
    assert np.all(np.abs(back.astype(np.float64) - weights) <= half * (1 + 1e-5))
    assert np.all(back[weights == 0] == 0)
    assert np.all(np.abs(integers.numpy().astype(int)) <= 127)


def test_each_output_has_its_own_scale() -> None:
    # Worked by hand: the columns reach 1.27, 12.7 and 0.
    weights = tf.constant([[1.27, -12.7, 0.0], [0.634, 0.06, 0.0]])
    integers, steps = quantise(weights, [0])
    np.testing.assert_allclose(steps.numpy(), [[0.01, 0.1, 1.0]], rtol=1e-6)
    assert integers.numpy().tolist() == [[127, -127, 0], [63, 1, 0]]
    assert integers.dtype == tf.int8
    # Each row one: 12.7 of the first row lets 0.634 alone.
    np.testing.assert_allclose(scales(weights, [1]).numpy(), [[0.1], [0.634 / 127]], rtol=1e-6)


def test_a_weight_and_its_negative_are_rounded_alike() -> None:
    weights = np.random.default_rng(1).normal(size=(40, 7)).astype(np.float32)
    there, _ = quantise(weights, [0])
    back, _ = quantise(-weights, [0])
    np.testing.assert_array_equal(there.numpy(), -back.numpy())


def test_what_was_rounded_once_stays_when_rounded_again() -> None:
    weights = np.random.default_rng(2).normal(size=(64, 16)).astype(np.float32)
    integers, steps = quantise(weights, [0])
    again, _ = quantise(dequantise(integers, steps), [0])
    np.testing.assert_array_equal(again.numpy(), integers.numpy())


def test_the_fake_rounding_has_the_values_of_the_true_one_and_the_gradient_of_none() -> None:
    weights = tf.Variable(np.random.default_rng(3).normal(size=(32, 8)).astype(np.float32))
    factors = tf.constant(np.random.default_rng(4).normal(size=(32, 8)).astype(np.float32))
    with tf.GradientTape() as tape:
        rounded = fake_quantise(weights, [0])
        loss = tf.reduce_sum(rounded * factors)
    np.testing.assert_array_equal(rounded.numpy(), dequantise(*quantise(weights, [0])).numpy())
    assert np.abs(rounded.numpy() - weights.numpy()).max() > 0
    np.testing.assert_array_equal(tape.gradient(loss, weights).numpy(), factors.numpy())


@pytest.mark.parametrize(
    ("path", "shape", "axes"),
    [
        ("encoder/kernel", (64, 32), (0,)),
        ("heads/kernel", (64, 4, 16), (0, 1)),
        ("target_embedding/embeddings", (40, 32), (1,)),
        ("encoder/bias", (4096,), None),
        ("gate/kernel", (8, 8), None),
        ("step", (), None),
    ],
)
def test_kernels_and_tables_are_rounded_and_small_weights_stay(
    path: str, shape: tuple[int, ...], axes: tuple[int, ...] | None
) -> None:
    assert reduced_axes(path, shape) == axes
