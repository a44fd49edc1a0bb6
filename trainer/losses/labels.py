"""Labels of the losses: which form they have, and what they may be."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

TOLERANCE = {tf.bfloat16: 2e-2, tf.float16: 1e-2}
"""How far the sum of a distribution may be from 1; otherwise `1e-3`."""


def are_sparse(labels: tf.Tensor, logits: tf.Tensor) -> bool:
    """Whether labels are class indices, one rank below the logits, and not distributions.

    Raises:
        ValueError: if the shapes fit neither.
    """
    shape = logits.shape
    if labels.shape.rank == shape.rank and labels.shape.is_compatible_with(shape):
        return False
    if labels.shape.rank == shape.rank - 1 and labels.shape.is_compatible_with(shape[:-1]):
        return True
    raise ValueError(
        f"labels must have the shape of the logits, {shape}, or be class indices of shape {shape[:-1]}. "
        f"Received: labels of shape {labels.shape}"
    )


def check_smoothing(label_smoothing: float) -> None:
    """Refuses a share that is none.

    Raises:
        ValueError: if `label_smoothing` is not in `[0, 1)`.
    """
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing must be in [0, 1). Received: label_smoothing={label_smoothing}")


def smoothed(labels: tf.Tensor, label_smoothing: float, classes: tf.Tensor | float) -> tf.Tensor:
    """`(1 - C / (C - 1) s) y + s / (C - 1)` for `C` classes: a right class keeps `1 - s`.

    Reference: Szegedy et al., 2016, arXiv:1512.00567, section 7, with the share of the right class as in
        arXiv:1906.03361.
    """
    if not label_smoothing:
        return labels
    classes = tf.cast(classes, labels.dtype)
    return (1.0 - label_smoothing * classes / (classes - 1.0)) * labels + label_smoothing / (classes - 1.0)


def checked_indices(labels: tf.Tensor, classes: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
    """Class indices, and a factor of each loss.

    Args:
        labels: `(...)`, integers or whole floats.
        classes: how many there are.

    Returns:
        int32 indices, 0 in place of a bad label, and a bool tensor: whether the label is good.

    Raises:
        ValueError: eagerly, if a label is not a whole number in `[0, classes)`; in a graph that XLA does not
            compile `tf.errors.InvalidArgumentError`.
    """
    indices = tf.cast(labels, tf.int32)
    good = (tf.cast(indices, labels.dtype) == labels) & (indices >= 0) & (indices < classes)
    good = _told(
        good,
        "labels must be whole numbers in [0, classes).",
        {"least": tf.reduce_min(labels), "greatest": tf.reduce_max(labels), "classes": classes},
        labels,
    )
    return tf.where(good, indices, tf.zeros_like(indices)), good


def checked_distributions(labels: tf.Tensor, given: tf.DType) -> tf.Tensor:
    """Whether each distribution is one.

    Args:
        labels: float `(..., classes)`.
        given: type in which they came.

    Returns:
        bool `(...)`.

    Raises:
        ValueError: eagerly, if labels are outside `[0, 1]` or do not sum to 1; in a graph that XLA does not
            compile `tf.errors.InvalidArgumentError`.
    """
    tolerance = TOLERANCE.get(given, 1e-3)
    least, sums = tf.reduce_min(labels, -1), tf.reduce_sum(labels, -1)
    # Of numbers that are not negative and sum to 1 none is above 1.
    good = (least >= 0) & (tf.abs(sums - 1.0) <= tolerance)
    return _told(
        good,
        f"labels must be in [0, 1] and sum to 1 within {tolerance}.",
        {
            "least": tf.reduce_min(least),
            "least sum": tf.reduce_min(sums),
            "greatest sum": tf.reduce_max(sums),
        },
        labels,
    )


def checked_shares(labels: tf.Tensor) -> tf.Tensor:
    """Whether each label is in `[0, 1]`.

    Args:
        labels: float tensor.

    Returns:
        bool tensor of the shape.

    Raises:
        ValueError: eagerly, if a label is outside `[0, 1]`; in a graph that XLA does not compile
            `tf.errors.InvalidArgumentError`.
    """
    return _told(
        (labels >= 0) & (labels <= 1),
        "labels must be in [0, 1].",
        {"least": tf.reduce_min(labels), "greatest": tf.reduce_max(labels)},
        labels,
    )


def spoiled(losses: tf.Tensor, good: tf.Tensor) -> tf.Tensor:
    """Losses, and NaN, with a gradient of NaN, for bad labels: where no check can stop, no number passes."""
    return losses * tf.where(good, tf.ones_like(losses), tf.constant(np.nan, losses.dtype))


def _told(
    good: tf.Tensor, expected: str, received: dict[str, tf.Tensor | int], labels: tf.Tensor
) -> tf.Tensor:
    """Raises if not all is good; XLA leaves the assertion out."""
    if not tf.executing_eagerly():
        data = [item for name, value in received.items() for item in (f"{name}:", value)]
        assertion = tf.debugging.Assert(tf.reduce_all(good), [f"{expected} Received:", *data], summarize=1)
        with tf.control_dependencies([assertion]):
            return tf.identity(good)
    if not tf.reduce_all(good):
        first = tf.where(~good)[0].numpy()
        told = ", ".join(f"{name}={np.asarray(value)}" for name, value in received.items())
        raise ValueError(
            f"{expected} Received: labels{first.tolist()}={labels.numpy()[tuple(first)]}, {told}"
        )
    return good
