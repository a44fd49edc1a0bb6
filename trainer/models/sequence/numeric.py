"""Arithmetic that all layers of sequences share: products in a chosen precision, masks, shapes."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

MASKED = -1e9
"""Score of what must not be attended to: its weight is exactly 0 beside any real score."""


def dims(tensor: tf.Tensor) -> list[Any]:
    """The shape, with integers where it is known and scalar tensors elsewhere.

    Example:
        >>> dims(tf.zeros((2, 3)))
        [2, 3]
    """
    known = tensor.shape.as_list()
    if None not in known:
        return list(known)
    found = tf.shape(tensor)
    return [found[axis] if size is None else size for axis, size in enumerate(known)]


def distinct(ids: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Ids to compute something for once, and where each of `ids` is among them.

    They are all there are, or `ids` themselves if these are not more.

    Args:
        ids: int32 `(b, k)`.
        size: int. Number of ids there are.

    Example:
        >>> [part.numpy().tolist() for part in distinct(tf.constant([[1, 0, 1]]), 2)]
        [[0, 1], [[1, 0, 1]]]
        >>> [part.numpy().tolist() for part in distinct(tf.constant([[1, 0, 1]]), 9)]
        [[1, 0, 1], [[0, 1, 2]]]
    """
    shape = dims(ids)
    count = shape[0] * shape[1]

    def alone() -> tuple[tf.Tensor, tf.Tensor]:
        return tf.reshape(ids, (count,)), tf.reshape(tf.range(count), shape)

    def every() -> tuple[tf.Tensor, tf.Tensor]:
        return tf.range(size), ids

    if isinstance(count, int):
        return alone() if count <= size else every()
    return tf.cond(count <= size, alone, every)


def product(inputs: tf.Tensor, kernel: Any, precision: str, bias: Any = None) -> tf.Tensor:
    """`inputs @ kernel` over the last axis, as one matrix product, and a bias.

    Args:
        inputs: float `(..., n)`.
        kernel: float `(n, m)`.
        precision: `float32` or `bfloat16`, of the factors.
        bias: float32 `(m,)`, or None for none. Defaults to `None`.

    Returns:
        float32 `(..., m)`.

    Example:
        >>> product(tf.ones((2, 1, 3)), tf.ones((3, 1)), "float32").numpy().tolist()
        [[[3.0]], [[3.0]]]
    """
    *leading, width = dims(inputs)
    flat = tf.reshape(inputs, (-1, width)) if len(leading) != 1 else inputs
    found = tf.cast(tf.matmul(tf.cast(flat, precision), tf.cast(kernel, precision)), tf.float32)
    # Beside the product it is a part of it after TensorFlow's rewriting of graphs; after the shape it is not.
    found = found if bias is None else found + bias
    return tf.reshape(found, (*leading, kernel.shape[-1])) if len(leading) != 1 else found


def turned(inputs: tf.Tensor, lengths: tf.Tensor, training: bool) -> tf.Tensor:
    """Each sequence in reverse, the padding after it left in its place.

    `tf.reverse_sequence` goes number by number; rows that are gathered take a tenth of its time.

    Args:
        inputs: float32 `(steps, batch, n)`.
        lengths: int32 `(batch,)`.
        training: bool. Whether to have the gradient made here, which is turning once more; a SavedModel
            cannot hold it.

    Example:
        >>> turned(tf.constant([[[1.0]], [[2.0]], [[0.0]]]), tf.constant([2]), False).numpy().ravel().tolist()
        [2.0, 1.0, 0.0]
    """
    steps, batch, width = dims(inputs)
    places = tf.range(steps)[:, None]
    sources = tf.where(places < lengths, lengths - 1 - places, places)
    rows = tf.reshape(sources * batch + tf.range(batch), (-1,))

    def moved(values: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.gather(tf.reshape(values, (steps * batch, width)), rows), (steps, batch, width))

    if not training:
        return moved(inputs)
    return tf.custom_gradient(lambda values: (moved(values), moved))(inputs)


def attend(scores: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Softmax over the last axis of what the mask lets through; all weights are 0 where that is nothing.

    Args:
        scores: float32 `(..., s)`.
        mask: float32, broadcast to `scores`; 1 for what may be attended to, otherwise 0.

    Example:
        >>> attend(tf.zeros((1, 3)), tf.constant([[1.0, 1.0, 0.0]])).numpy().tolist()
        [[0.5, 0.5, 0.0]]
        >>> attend(tf.zeros((1, 2)), tf.zeros((1, 2))).numpy().tolist()
        [[0.0, 0.0]]
    """
    return tf.nn.softmax(scores + (1.0 - mask) * MASKED) * mask
