"""Blocks of the Transformer with normalisation first, over whole sequences and step by step.

Reference: Vaswani et al., 2017, arXiv:1706.03762; Xiong et al., 2020, arXiv:2002.04745, for the order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from trainer.models.sequence.attention import join_heads
from trainer.models.sequence.dropout import StepsDropout
from trainer.models.sequence.earlier import Made
from trainer.models.sequence.numeric import attend, dims
from trainer.models.sequence.parts import Affine, Norm, Part


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
        query, key, value = self.made(inputs)
        found = tf.matmul(attend(tf.matmul(query, key, transpose_b=True), mask), value)
        return self.output_map(join_heads(found))

    def made(self, inputs: tf.Tensor) -> Made:
        """Scaled queries, keys and values, float32 `(b, heads, n, d)`, of `(b, n, units)`."""
        batch, count, width = dims(inputs)
        apart = (batch, count, 3, self.heads, width // self.heads)
        parts = tf.transpose(tf.reshape(self.inputs(inputs), apart), (2, 0, 3, 1, 4))
        query, key, value = tf.unstack(parts)
        return query * self.scale, key, value

    def made_once(self, inputs: tf.Tensor, where: tf.Tensor) -> Made:
        """The same of rows that many share: of row `where`, int32 `(b, n)`, of `inputs`, `(rows, units)`."""
        rows, width = dims(inputs)
        apart = (rows, 3, self.heads, width // self.heads)
        parts = tf.transpose(tf.reshape(self.inputs(inputs), apart), (1, 2, 0, 3))
        parts *= tf.reshape([self.scale, 1.0, 1.0], (3, 1, 1, 1))
        first = tf.reshape(tf.range(3 * self.heads) * rows, (3, 1, self.heads, 1))
        table = tf.reshape(parts, (3 * self.heads * rows, width // self.heads))
        query, key, value = tf.unstack(tf.gather(table, first + where[:, None]))
        return query, key, value


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
        *leading, width = dims(inputs)
        found = self.narrow(tf.nn.relu(self.widen(tf.reshape(inputs, (-1, width)))))
        return tf.reshape(found, (*leading, width))


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
