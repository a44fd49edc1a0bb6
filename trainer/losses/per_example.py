"""Losses from logits, one value for each example; weighting and reduction are the caller's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

PerExampleLoss = Callable[[Any, Any], Any]


def binary_crossentropy(labels: Any, logits: Any) -> Any:
    """`max(z, 0) - z y + log(1 + exp(-|z|))`, finite for every finite logit.

    Args:
        labels: float32 `(batch,)`, 0 or 1.
        logits: float32 `(batch, 1)`.

    Returns:
        float32 `(batch,)`.

    Example:
        >>> round(float(binary_crossentropy(tf.constant([1.0]), tf.constant([[0.0]]))[0]), 4)
        0.6931
    """
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=tf.squeeze(logits, 1))


def softmax_crossentropy(labels: Any, logits: Any) -> Any:
    """`log sum_j exp(z_j) - z_y`.

    Args:
        labels: int32 `(batch,)`, class indices.
        logits: float32 `(batch, classes)`.

    Returns:
        float32 `(batch,)`.

    Example:
        >>> round(float(softmax_crossentropy(tf.constant([1]), tf.constant([[0.0, 0.0]]))[0]), 4)
        0.6931
    """
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)


def squared_error(labels: Any, logits: Any) -> Any:
    """`(y - z)^2`.

    Args:
        labels: float32 `(batch,)`.
        logits: float32 `(batch, 1)`.

    Returns:
        float32 `(batch,)`.

    Example:
        >>> squared_error(tf.constant([3.0]), tf.constant([[1.0]])).numpy().tolist()
        [4.0]
    """
    return tf.math.squared_difference(tf.squeeze(logits, 1), labels)


def for_task(task: str) -> PerExampleLoss:
    """The loss of a task: `binary`, `multiclass` or `regression`.

    Raises:
        ValueError: for any other task.
    """
    losses: dict[str, PerExampleLoss] = {
        "binary": binary_crossentropy,
        "multiclass": softmax_crossentropy,
        "regression": squared_error,
    }
    if task not in losses:
        raise ValueError(f"task must be one of {sorted(losses)}. Received: task={task}")
    return losses[task]
