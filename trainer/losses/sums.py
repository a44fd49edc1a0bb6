"""Sums over the classes that stay exact for many of them."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

BLOCK = 16
"""How many numbers are added one after the other, at most."""
LEAST_BLOCK = 8


@tf.custom_gradient
def total(values: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """Sum over the last axis of numbers that are not negative, in three levels.

    XLA on a CPU adds so many numbers one after the other that a float32 sum of 32,000 equal ones is off by
    2e-5; so it is off by 4e-7, and compiled into half the passes: no array of addends is written.

    Args:
        values: float `(..., classes)`, at least 0.

    Returns:
        `(..., 1)`.
    """

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        return tf.broadcast_to(upstream, tf.shape(values))

    return tf.reduce_sum(_shorter(_shorter(values, -2), -1), -1, keepdims=True), gradient


def _shorter(values: tf.Tensor, axis: int) -> tf.Tensor:
    """Adds parts of the last axis (`axis=-2`), or neighbours in it (`axis=-1`)."""
    size = values.shape[-1]
    if size is not None and size <= BLOCK:
        return values
    block = next((n for n in range(BLOCK, LEAST_BLOCK - 1, -1) if size is not None and size % n == 0), 0)
    if not block:
        block = BLOCK
        missing = -tf.shape(values)[-1] % block
        values = tf.pad(
            values, tf.concat([tf.zeros((values.shape.rank - 1, 2), tf.int32), [[0, missing]]], 0)
        )
    shape = tf.shape(values)
    parts = [block, shape[-1] // block]
    split = tf.reshape(values, tf.concat([shape[:-1], parts if axis == -2 else parts[::-1]], 0))
    # An absolute value keeps XLA from joining a sum of sums into one.
    return tf.abs(tf.reduce_sum(split, axis))
