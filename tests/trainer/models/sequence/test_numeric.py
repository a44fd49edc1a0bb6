"""Turning sequences, with the gradient that is made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from trainer.models.sequence.numeric import turned

LENGTHS = tf.constant([5, 3, 0, 1])


@pytest.mark.parametrize("training", [False, True])
def test_turning_is_the_reverse_of_each_sequence_and_so_is_its_gradient(training: bool) -> None:
    rng = np.random.default_rng(1)
    inputs, upstream = (tf.constant(rng.normal(size=(5, 4, 3)), tf.float32) for _ in range(2))

    def both(turn: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            found = turn(inputs)
        return found, tf.convert_to_tensor(tape.gradient(found, inputs, upstream))

    found = both(lambda values: turned(values, LENGTHS, training))
    expected = both(lambda values: tf.reverse_sequence(values, LENGTHS, seq_axis=0, batch_axis=1))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
