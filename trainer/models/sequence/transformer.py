"""Blocks of the Transformer with normalisation first, over whole sequences and step by step.

Reference: Vaswani et al., 2017, arXiv:1706.03762; Xiong et al., 2020, arXiv:2002.04745, for the order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from trainer.models.sequence.attention import join_heads, split_heads
from trainer.models.sequence.dropout import StepsDropout
from trainer.models.sequence.numeric import attend, dims
from trainer.models.sequence.parts import Affine, Norm, Part


class Growing(NamedTuple):
    """What a step needs of earlier positions, which are added one by one.

    Keys and values stay where they were made: a search that goes on from other hypotheses moves the ancestry
    alone, and each hypothesis attends to what its own ancestors left.

    Args:
        keys: of each block, float32 `(b, heads, positions * k, d)`, all hypotheses of a position together.
        values: the same.
        ancestry: float32 `(b, k, positions, k)`, 1 for the ancestor of each hypothesis at each position.
    """

    keys: list[tf.Tensor]
    values: list[tf.Tensor]
    ancestry: tf.Tensor

    def reordered(self, follow: Callable[[Any], Any]) -> Growing:
        """The cache of hypotheses that go on from others; `follow` takes each place from its parent."""
        return self._replace(ancestry=follow(self.ancestry))

    def with_room(self, position: Any) -> tuple[Growing, tf.Tensor | None]:
        """The ancestry with one position more, and where it is among those there is room for already."""
        del position
        batch, places, _, _ = dims(self.ancestry)
        own = tf.broadcast_to(tf.eye(places)[:, None], (batch, places, 1, places))
        return self._replace(ancestry=tf.concat([self.ancestry, own], 2)), None


class Fixed(Growing):
    """The same with room for all positions from the start, as static shapes need."""

    def with_room(self, position: Any) -> tuple[Growing, tf.Tensor | None]:
        _, places, steps, _ = dims(self.ancestry)
        here = tf.reshape(tf.range(steps) == position, (-1, 1))
        return self._replace(ancestry=tf.where(here, tf.eye(places)[:, None], self.ancestry)), here


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

    def step(
        self, inputs: tf.Tensor, earlier: tuple[tf.Tensor, tf.Tensor], bias: tf.Tensor, here: Any
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        """One more position of float32 `(b, k, units)`.

        Args:
            inputs: of the position.
            earlier: keys and values, see `Growing`.
            bias: float32 `(b, 1, k, positions * k)`, added to the scores.
            here: bool `(positions, 1)`, which of the positions it is; None for one more than there are.

        Returns:
            float32 `(b, k, units)`, and keys and values with those of this position.
        """
        query, *new = (split_heads(part, self.heads) for part in tf.split(self.inputs(inputs), 3, -1))
        if here is None:
            keys, values = (tf.concat([old, part], 2) for old, part in zip(earlier, new, strict=True))
        else:
            batch, heads, places, width = dims(query)
            apart = (batch, heads, -1, places, width)
            keys, values = (
                tf.reshape(tf.where(here[..., None], part[:, :, None], tf.reshape(old, apart)), old.shape)
                for old, part in zip(earlier, new, strict=True)
            )
        scores = tf.matmul(query * self.scale, keys, transpose_b=True)
        found = tf.matmul(tf.nn.softmax(scores + bias), values)
        return self.output_map(join_heads(found)), (keys, values)


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
