"""Dropout whose generator is an ordinary weight: saved, restored and compiled like any other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tandem")
class SeededDropout(keras.layers.Layer):
    """Sets a share of the inputs to 0 in training and scales the others by `1 / (1 - rate)`.

    Step `n` of the layer draws from the counter-based generator Philox at `(seed, n)`; `n` is the weight
    `step`, so a restored model continues with the same masks. XLA orders Philox's numbers in its own way:
    compiled masks are as reproducible, but differ from those of a plain step.

    Args:
        rate: float in `[0, 1)`. Share that is dropped.
        seed: int in `[0, 2**31)`.
        shared_axes: axes along which one draw is shared, for example `(2,)` to drop whole embeddings of
            `(batch, columns, dim)`. Defaults to `()`.

    Raises:
        ValueError: if `rate` is outside `[0, 1)`.
    """

    def __init__(self, rate: float, seed: int, shared_axes: Sequence[int] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"rate must be in [0, 1). Received: rate={rate}")
        self.rate = float(rate)
        self.seed = int(seed)
        self.shared_axes = [int(axis) for axis in shared_axes]
        # Made here and not on the first call, so that the list of weights is complete from the start.
        self.step = self.add_weight(
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
            name="step",
        )
        self.built = True

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training or self.rate == 0.0:
            return inputs
        # Replicas draw at the same step, so the replica number is part of the seed.
        context = tf.distribute.get_replica_context()
        replica = tf.cast(context.replica_id_in_sync_group if context else 0, tf.int64)
        step = tf.identity(self.step.value)
        self.step.assign(step + 1)
        shape = tf.unstack(tf.shape(inputs))
        for axis in self.shared_axes:
            shape[axis] = 1
        draws = tf.random.stateless_uniform(
            tf.stack(shape), seed=tf.stack([self.seed + replica * 2**32, step]), alg="philox"
        )
        return tf.where(draws >= self.rate, inputs / (1.0 - self.rate), tf.zeros_like(inputs))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {**config, "rate": self.rate, "seed": self.seed, "shared_axes": self.shared_axes}
