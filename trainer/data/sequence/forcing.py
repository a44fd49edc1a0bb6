"""Targets as a decoder takes them in training: what it is given, and what it is asked for."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from trainer.spec.sequence import BEGIN, END


def teacher_forcing(target_ids: Any, weight: Any) -> tuple[Any, Any, Any]:
    """What the decoder is given and asked for.

    Args:
        target_ids: int32 `(batch, units)`, without begin and end, padded with 0.
        weight: float32 `(batch,)`.

    Returns:
        `target_in` and `labels`, int32 `(batch, units + 1)`: the target after a begin, and the target with
        its end; and the weight of each position, float32, 0 for padding.

    Example:
        >>> given, asked, weights = teacher_forcing(tf.constant([[7, 8], [9, 0]]), tf.constant([1.0, 0.5]))
        >>> given.numpy().tolist(), asked.numpy().tolist()
        ([[1, 7, 8], [1, 9, 0]], [[7, 8, 2], [9, 2, 0]])
        >>> weights.numpy().tolist()
        [[1.0, 1.0, 1.0], [0.5, 0.5, 0.0]]
    """
    given = tf.pad(target_ids, [[0, 0], [1, 0]], constant_values=BEGIN)
    asked = tf.pad(target_ids, [[0, 0], [0, 1]])
    is_unit = tf.cast(given != 0, tf.int32)
    is_end = (asked == 0) & (given != 0)
    labels = tf.where(is_end, END, asked)
    return given, labels, tf.cast(is_unit, tf.float32) * weight[:, None]
