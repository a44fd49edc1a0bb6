"""The LSTM's loops against its steps written out and the fused operation, plain and under XLA."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from trainer.models.sequence.recurrence import cell, recurrence

STEPS, BATCH, INPUTS, UNITS = 5, 3, 4, 6
RNG = np.random.default_rng(1)
GIVEN = [
    tf.constant(RNG.normal(size=shape), tf.float32)
    for shape in ((STEPS, BATCH, INPUTS), (INPUTS, 4 * UNITS), (UNITS, 4 * UNITS), (4 * UNITS,))
]
WEIGHTS = tf.constant(RNG.normal(size=(STEPS, BATCH, UNITS)), tf.float32)


def _fused(inputs: Any, kernel: Any, recurrent: Any, bias: Any) -> tf.Tensor:
    """`BlockLSTMV2`, whose gates are input, forget, candidate, output."""

    def turned(weights: Any) -> tf.Tensor:
        enter, keep, leave, candidate = tf.split(weights, 4, -1)
        return tf.concat([enter, keep, candidate, leave], -1)

    zeros, none = tf.zeros((BATCH, UNITS)), tf.zeros((UNITS,))
    return tf.raw_ops.BlockLSTMV2(
        seq_len_max=tf.constant(STEPS, tf.int64),
        x=inputs,
        cs_prev=zeros,
        h_prev=zeros,
        w=tf.concat([turned(kernel), turned(recurrent)], 0),
        wci=none,
        wcf=none,
        wco=none,
        b=turned(bias),
        cell_clip=0.0,
        use_peephole=False,
    ).h


def _written_out(inputs: Any, kernel: Any, recurrent: Any, bias: Any) -> tf.Tensor:
    """A step at a time, differentiated by TensorFlow."""
    output = memory = tf.zeros((BATCH, UNITS))
    outputs = []
    for step in range(STEPS):
        output, memory, _ = cell(inputs[step] @ kernel + output @ recurrent + bias, memory)
        outputs.append(output)
    return tf.stack(outputs)


def _differentiated(function: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(GIVEN)
        found = function(*GIVEN)
        total = tf.reduce_sum(found * WEIGHTS)
    return [found, *tape.gradient(total, GIVEN)]


@pytest.mark.parametrize("how", ["eager", "graph", "xla"])
def test_values_and_gradients_are_those_of_steps_written_out(how: str) -> None:
    def own() -> Any:
        return _differentiated(lambda *given: recurrence(*given, precision="float32", training=True))

    run = own if how == "eager" else tf.function(own, jit_compile=how == "xla", autograph=False)
    for found, expected in zip(run(), _differentiated(_written_out), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_values_are_those_of_the_fused_operation() -> None:
    # Its gradient is left out: here it is not that of the values.
    for training in (False, True):
        found = recurrence(*GIVEN, precision="float32", training=training)
        np.testing.assert_allclose(found, _fused(*GIVEN), atol=1e-5)


def test_bfloat16_factors_change_little() -> None:
    rough = _differentiated(lambda *given: recurrence(*given, precision="bfloat16", training=True))
    for found, expected in zip(rough, _differentiated(_written_out), strict=True):
        assert found.dtype == tf.float32
        assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()


def test_a_step_by_hand() -> None:
    # Gates of 0 are half open: half of the memory stays, half of tanh(1) enters, half is shown.
    gates = tf.constant([[0.0, 0.0, 0.0, 1.0]])
    output, memory, _ = cell(gates, tf.constant([[2.0]]))
    assert memory.numpy()[0, 0] == pytest.approx(1.0 + 0.5 * np.tanh(1.0))
    assert output.numpy()[0, 0] == pytest.approx(0.5 * np.tanh(memory.numpy()[0, 0]))
