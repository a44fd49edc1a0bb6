"""The bi-tempered logistic loss: of logits, one value for each example, with its own gradient.

With `p` the tempered softmax of the logits at `t2`, `q_i = (p_i - y_i) p_i**(t2 - t1)` and `e` the escort
distribution, `p**t2` divided by its sum, the gradient is `q_i - e_i sum_j q_j`. It is written in powers of
`p` that are finite where `p` is 0, and can be differentiated again.

Reference: Amid, Warmuth, Anil, Koren, 2019, arXiv:1906.03361, equation 4 and appendix B.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from trainer.losses import normaliser
from trainer.losses.labels import (
    are_sparse,
    check_smoothing,
    checked_distributions,
    checked_indices,
    checked_shares,
    smoothed,
    spoiled,
)
from trainer.losses.powers import Powers
from trainer.losses.sums import total
from trainer.losses.temperature import Number, Temperature, check_t1, check_t2, expm1_over, number, widened


def bi_tempered_logistic_loss(
    labels: Any, logits: Any, t1: Temperature, t2: Temperature, label_smoothing: float = 0.0
) -> tf.Tensor:
    """`sum_i y_i (log_t1 y_i - log_t1 p_i) - (y_i**(2 - t1) - p_i**(2 - t1)) / (2 - t1)`, `p` at `t2`.

    For `t1 < 1` the loss of a class is at most `1 / (1 - t1)`, so that no wrong label counts for more. For
    `t2 > 1` the probabilities have heavy tails, so that labels wrong near the boundary pull less. At
    `t1 >= 1` the loss has no bound; above 1 it grows faster than the logarithm, and the gradient of a class
    that the model excludes may be as large as a float can be.

    Args:
        labels: `(...)`, class indices, or float `(..., classes)`, distributions.
        logits: float `(..., classes)`; half precision is computed in float32.
        t1: in `[0, 2)`, the temperature of the logarithm; a float, or a scalar tensor.
        t2: above 0, the temperature of the probabilities; a float, or a scalar tensor.
        label_smoothing: float in `[0, 1)`, the share that the other classes get. Defaults to `0.0`.

    Returns:
        `(...)`, of the type of `logits`, not negative. If both temperatures are the number 1, the softmax
        cross-entropy of TensorFlow, which for soft labels is more by their entropy. NaN for bad labels where
        XLA cannot refuse them, and no gradient for temperatures.

    Raises:
        ValueError: if a temperature or `label_smoothing` is out of range, shapes do not fit, or, eagerly,
            labels are not in range or do not sum to 1 (in a graph `tf.errors.InvalidArgumentError`).

    Example:
        >>> bi_tempered_logistic_loss([0], tf.constant([[1e4, 0.0]]), 0.8, 1.2).numpy().round(2).tolist()
        [0.0]
        >>> bi_tempered_logistic_loss([1], tf.constant([[1e4, 0.0]]), 0.8, 1.0).numpy().round(2).tolist()
        [5.0]

    Reference: arXiv:1906.03361, equation 4.
    """
    check_t1(t1)
    check_t2(t2)
    check_smoothing(label_smoothing)
    labels, given = tf.convert_to_tensor(labels), tf.convert_to_tensor(logits)
    wide = widened(given)
    classes = wide.shape[-1] or tf.shape(wide)[-1]
    first, second = number(t1, wide.dtype), number(t2, wide.dtype)
    plain = _are_one(first, second)
    if are_sparse(labels, given):
        indices, good = checked_indices(labels, classes)
        if not label_smoothing:
            of = tf.nn.sparse_softmax_cross_entropy_with_logits
            losses = of(labels=indices, logits=wide) if plain else _sparse(indices, wide, first, second)
            return tf.cast(spoiled(losses, good), given.dtype)
        targets = tf.one_hot(indices, classes, dtype=wide.dtype)
    else:
        targets = tf.cast(labels, wide.dtype)
        good = checked_distributions(targets, labels.dtype)
    targets = smoothed(targets, label_smoothing, classes)
    if plain:
        losses = tf.nn.softmax_cross_entropy_with_logits(labels=targets, logits=wide)
    else:
        losses = _dense(targets, wide, first, second)
    return tf.cast(spoiled(losses, good), given.dtype)


def bi_tempered_binary_logistic_loss(
    labels: Any, logits: Any, t1: Temperature, t2: Temperature, label_smoothing: float = 0.0
) -> tf.Tensor:
    """The bi-tempered loss of two classes with logits `[0, a]` and labels `[1 - y, y]`.

    Args:
        labels: `(...)`, in `[0, 1]`.
        logits: float of the same shape; half precision is computed in float32.
        t1: in `[0, 2)`, the temperature of the logarithm; a float, or a scalar tensor.
        t2: above 0, the temperature of the probabilities; a float, or a scalar tensor.
        label_smoothing: float in `[0, 1)`, the share that the other class gets. Defaults to `0.0`.

    Returns:
        Of the shape and type of `logits`; the sigmoid cross-entropy of TensorFlow if both temperatures are
        the number 1. Further as `bi_tempered_logistic_loss`.

    Raises:
        ValueError: if a temperature or `label_smoothing` is out of range, shapes differ, or, eagerly, a label
            is not in range (in a graph `tf.errors.InvalidArgumentError`).

    Example:
        >>> bi_tempered_binary_logistic_loss([0.0, 1.0], tf.constant([0.0, 0.0]), 0.5, 1.5).numpy().round(3)
        array([0.391, 0.391], dtype=float32)

    Reference: arXiv:1906.03361, equation 4.
    """
    check_t1(t1)
    check_t2(t2)
    check_smoothing(label_smoothing)
    labels, given = tf.convert_to_tensor(labels), tf.convert_to_tensor(logits)
    if labels.shape.rank != given.shape.rank or not labels.shape.is_compatible_with(given.shape):
        raise ValueError(
            f"labels and logits must have the same shape. Received: labels of shape {labels.shape}, logits "
            f"of shape {given.shape}"
        )
    wide = widened(given)
    targets = tf.cast(labels, wide.dtype)
    good = checked_shares(targets)
    targets = smoothed(targets, label_smoothing, 2.0)
    first, second = number(t1, wide.dtype), number(t2, wide.dtype)
    if _are_one(first, second):
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=wide)
    else:
        both = tf.stack([1.0 - targets, targets], -1), tf.stack([tf.zeros_like(wide), wide], -1)
        losses = _dense(*both, first, second)
    return tf.cast(spoiled(losses, good), given.dtype)


def _are_one(t1: Number, t2: Number) -> bool:
    return isinstance(t1, float) and isinstance(t2, float) and t1 == t2 == 1


def _sparse(indices: tf.Tensor, logits: tf.Tensor, t1: Number, t2: Number) -> tf.Tensor:
    """The loss `(...)` of good class indices."""

    @tf.custom_gradient
    def losses(logits: tf.Tensor) -> Any:
        a = normaliser.shifted(logits)
        solved = normaliser.solve(a, t2)
        p = Powers(a, solved, t2)
        found = (total(p.power(2.0 - t1)) - 1.0) / (2.0 - t1) - p.at(indices).log_t(t1)

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            p = normaliser.powers(a, t2, solved)
            right = p.at(indices)
            is_right = tf.one_hot(indices, tf.shape(a)[-1], on_value=True, off_value=False)
            others = tf.where(is_right, tf.zeros_like(a), p.power(1.0 + t2 - t1))
            # `p - 1` of the right class is taken from the logarithm: it may be far below the unit of 1.
            of_right = tf.math.expm1(right.log) * right.power(t2 - t1)
            q = tf.where(is_right, of_right, others)
            return upstream[..., None] * _projected(q, total(others) + of_right, p, t2)

        return tf.maximum(found[..., 0], 0.0), gradient

    result: tf.Tensor = losses(logits)
    return result


def _dense(targets: tf.Tensor, logits: tf.Tensor, t1: Number, t2: Number) -> tf.Tensor:
    """The loss `(...)` of good distributions."""

    @tf.custom_gradient
    def losses(targets: tf.Tensor, logits: tf.Tensor) -> Any:
        a = normaliser.shifted(logits)
        solved = normaliser.solve(a, t2)
        p = Powers(a, solved, t2)
        of_p = total(p.power(2.0 - t1) / (2.0 - t1) - targets * p.log_t(t1))
        bent = _log_t(targets, t1)
        of_targets = total(targets * ((1.0 + (1.0 - t1) * bent) / (2.0 - t1) - bent))

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            p = normaliser.powers(a, t2, solved)
            mine, theirs = p.power(1.0 + t2 - t1), targets * p.power(t2 - t1)
            by_logits = _projected(mine - theirs, total(mine) - total(theirs), p, t2)
            by_targets = _log_t(targets, t1) - p.log_t(t1)
            return upstream[..., None] * by_targets, upstream[..., None] * by_logits

        return tf.maximum((of_p - of_targets)[..., 0], 0.0), gradient

    result: tf.Tensor = losses(targets, logits)
    return result


def _projected(q: tf.Tensor, sum_q: tf.Tensor, p: Powers, t2: Number) -> tf.Tensor:
    """`q - e sum q`: what is left of a change of `p` if their sum stays 1."""
    escort = p.relative(t2)
    return q - escort * (sum_q / total(escort))


def _log_t(targets: tf.Tensor, t1: Number) -> tf.Tensor:
    """`log_t1` with a finite value at 0, where `y log_t1 y` is 0."""
    floored = tf.maximum(targets, targets.dtype.as_numpy_dtype(1e-37))
    return expm1_over(1.0 - t1, tf.math.log(floored))
