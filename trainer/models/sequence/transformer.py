"""Blocks of the Transformer with normalisation first, over whole sequences and step by step.

Reference: Vaswani et al., 2017, arXiv:1706.03762; Xiong et al., 2020, arXiv:2002.04745, for the order.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import tensorflow as tf

from trainer.models.sequence.attention import join_heads, split_heads
from trainer.models.sequence.dropout import StepsDropout
from trainer.models.sequence.numeric import attend, dims
from trainer.models.sequence.parts import Affine, Norm, Part


class Growing(NamedTuple):
    """Keys and values of earlier positions alone, `(b, k, heads, positions, d)`."""

    keys: tf.Tensor
    values: tf.Tensor


class Fixed(NamedTuple):
    """Keys and values with room for all positions from the start, as static shapes need."""

    keys: tf.Tensor
    values: tf.Tensor


Cache: TypeAlias = Growing | Fixed


def sinusoids(positions: Any, width: int) -> tf.Tensor:
    """Position signal `(..., width)`: sines in the first half, cosines in the second.

    Args:
        positions: int32 `(...)`.
        width: int, even.

    Example:
        >>> sinusoids(tf.constant([0]), 4).numpy().tolist()
        [[0.0, 0.0, 1.0, 1.0]]

    Reference: arXiv:1706.03762, section 3.5.
    """
    half = width // 2
    rates = np.exp(-np.log(10_000.0) * np.arange(half) / max(half - 1, 1)).astype(np.float32)
    angles = tf.cast(positions, tf.float32)[..., None] * rates
    return tf.concat([tf.sin(angles), tf.cos(angles)], -1)


class SelfAttention(Part):
    """Attention of a sequence over itself.

    Args:
        name: of the layer.
        units: int, a multiple of `heads`.
        heads: int.
        seed: int.
    """

    def __init__(self, name: str, units: int, heads: int, seed: int) -> None:
        super().__init__(name, seed)
        self.units, self.heads, self.scale = units, heads, (units // heads) ** -0.5
        self.inputs = Affine(f"{name}_inputs", units, 3 * units, self.seed)
        self.output_map = Affine(f"{name}_output", units, units, self.seed)

    def call(self, inputs: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """`(b, n, units)` to the same; `mask` is float32, broadcast to `(b, heads, n, n)`."""
        query, key, value = (split_heads(part, self.heads) for part in tf.split(self.inputs(inputs), 3, -1))
        scores = tf.matmul(query * self.scale, key, transpose_b=True)
        found = tf.matmul(attend(scores, mask), value)
        return self.output_map(join_heads(found))

    def begin(self, batch: Any, hypotheses: Any, steps: int, fixed: bool) -> Cache:
        """The cache before the first step; see `Growing` and `Fixed`."""
        count = steps if fixed else 0
        zeros = tf.zeros((batch, hypotheses, self.heads, count, self.units // self.heads))
        return Fixed(zeros, zeros) if fixed else Growing(zeros, zeros)

    def step(self, inputs: tf.Tensor, cache: Cache, position: Any) -> tuple[tf.Tensor, Cache]:
        """One more position of float32 `(b, k, units)`, which is position `position`."""
        batch, hypotheses, width = dims(inputs)
        shape = (batch, hypotheses, self.heads, 1, width // self.heads)
        query, *new = (tf.reshape(part, shape) for part in tf.split(self.inputs(inputs), 3, -1))
        if isinstance(cache, Fixed):
            places = tf.range(cache.keys.shape[3])
            here = tf.reshape(places == position, (-1, 1))
            cache = Fixed(*(tf.where(here, part, old) for part, old in zip(new, cache, strict=True)))
            mask = tf.cast(places <= position, tf.float32)
        else:
            cache = Growing(*(tf.concat([old, part], 3) for part, old in zip(new, cache, strict=True)))
            mask = tf.ones((1,))
        scores = tf.matmul(query * self.scale, cache.keys, transpose_b=True)
        found = tf.matmul(attend(scores, mask), cache.values)
        return self.output_map(tf.reshape(found, (batch, hypotheses, width))), cache


class FeedForward(Part):
    """`W2 relu(W1 x)` at each position.

    Args:
        name: of the layer.
        units: int. Width of input and output.
        hidden: int.
        seed: int.
    """

    def __init__(self, name: str, units: int, hidden: int, seed: int) -> None:
        super().__init__(name, seed)
        self.widen = Affine(f"{name}_in", units, hidden, self.seed)
        self.narrow = Affine(f"{name}_out", hidden, units, self.seed)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.narrow(tf.nn.relu(self.widen(inputs)))


class Branch(Part):
    """The frame of a part of a block: normalisation before it, dropout after it, and the sum with its input.

    Args:
        name: of the layer.
        units: int.
        rate: float in `[0, 1)`. Dropout.
        seed: int.
    """

    def __init__(self, name: str, units: int, rate: float, seed: int) -> None:
        super().__init__(name, seed)
        self.norm = Norm(f"{name}_norm", units)
        self.dropout = StepsDropout(f"{name}_dropout", rate, self.seed, steps=1)

    def call(self, inputs: tf.Tensor, change: tf.Tensor, training: bool = False) -> tf.Tensor:
        return inputs + self.dropout(change, training=training)
