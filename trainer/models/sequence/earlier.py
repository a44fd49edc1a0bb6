"""What a Transformer's step needs of earlier positions: keys and values, added one position at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import tensorflow as tf

from trainer.models.sequence.numeric import MASKED, dims

Made: TypeAlias = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
"""Queries, keys and values `(b, heads, k, d)` of one position."""


class Growing(NamedTuple):
    """Keys and values of all blocks, a row for each hypothesis there was at each position.

    They stay where they were made: a search that goes on from other hypotheses moves what says who is whose
    ancestor, and each hypothesis attends to what its own ancestors left.

    Args:
        keys: of each block, float32 `(b, heads, rows, d)`.
        values: the same.
        ancestry: float32 `(b, k, rows)`, added to scores: 0 for the ancestors of each hypothesis, otherwise
            `MASKED`.
        memory: of each block what a step takes in place of its memory, see `Block.prepared`.
    """

    keys: list[tf.Tensor]
    values: list[tf.Tensor]
    ancestry: tf.Tensor
    memory: list[Any]

    def reordered(self, follow: Callable[[Any], Any]) -> Growing:
        """The cache of hypotheses that go on from others; `follow` takes each place from its parent."""
        return self._replace(ancestry=follow(self.ancestry))

    def loose(self, shapes: Growing) -> Growing:
        """`shapes`, of this cache, with any number of rows."""

        def grown(parts: list[tf.TensorShape]) -> list[tf.TensorShape]:
            return [tf.TensorShape([*part[:2], None, part[3]]) for part in parts]

        ancestry = tf.TensorShape([*shapes.ancestry[:2], None])
        return shapes._replace(keys=grown(shapes.keys), values=grown(shapes.values), ancestry=ancestry)

    def at(self, position: Any) -> tuple[Growing, tf.Tensor]:
        """The cache with each hypothesis as its own ancestor at a position, and what to add to scores.

        Returns:
            The cache, and float32 `(b, 1, k, rows)`.
        """
        del position
        batch, places, _ = dims(self.ancestry)
        own = tf.broadcast_to((1.0 - tf.eye(places)) * MASKED, (batch, places, places))
        ancestry = tf.concat([self.ancestry, own], 2)
        return self._replace(ancestry=ancestry), ancestry[:, None]

    def write(self, old: tf.Tensor, new: tf.Tensor, position: Any) -> tf.Tensor:
        """Keys or values with those of a position, `(b, heads, k, d)`."""
        del position
        return tf.concat([old, new], 2)


class Fixed(Growing):
    """The same with room for all positions from the start, as static shapes need.

    Rows are two axes here, the positions and the hypotheses that a position has room for.
    """

    def at(self, position: Any) -> tuple[Growing, tf.Tensor]:
        batch, places, steps, room = dims(self.ancestry)
        own = (1.0 - tf.eye(places, room)) * MASKED
        ancestry = tf.where(_here(steps, position), own[:, None], self.ancestry)
        flat = tf.reshape(ancestry, (batch, 1, places, steps * room))
        return self._replace(ancestry=ancestry), flat

    def write(self, old: tf.Tensor, new: tf.Tensor, position: Any) -> tf.Tensor:
        steps, room = dims(old)[2:4]
        wide = tf.pad(new, [[0, 0], [0, 0], [0, room - dims(new)[2]], [0, 0]])
        return tf.where(_here(steps, position)[..., None], wide[:, :, None], old)


def _here(steps: Any, position: Any) -> tf.Tensor:
    return tf.reshape(tf.range(steps) == position, (-1, 1))


def begun(shape: tuple[Any, int, int, int], hypotheses: Any, blocks: int, memory: list[Any]) -> Growing:
    """The cache before the first step.

    Args:
        shape: examples, heads, positions that there is room for at once or 0 to grow, and width of a head.
        hypotheses: of each example.
        blocks: int. Number of blocks.
        memory: see `Growing`.
    """
    batch, heads, steps, width = shape
    kind, rows = (Fixed, (steps, hypotheses)) if steps else (Growing, (0,))
    empty = [tf.zeros((batch, heads, *rows, width)) for _ in range(blocks)]
    return kind(empty, empty, tf.fill((batch, hypotheses, *rows), MASKED), memory)


def attended(made: Made, keys: tf.Tensor, values: tf.Tensor, ancestry: tf.Tensor) -> tf.Tensor:
    """Means of values, float32 `(b, heads, k, d)`.

    Args:
        made: of this position; the queries are scaled.
        keys: of all positions, this one included, as in `Growing` or in `Fixed`.
        values: the same.
        ancestry: made by `Growing.at`.
    """
    batch, heads, *_, width = dims(keys)
    flat = (batch, heads, dims(ancestry)[3], width)
    scores = tf.matmul(made[0], tf.reshape(keys, flat), transpose_b=True)
    return tf.matmul(tf.nn.softmax(scores + ancestry), tf.reshape(values, flat))
