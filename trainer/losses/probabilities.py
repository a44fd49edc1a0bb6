"""What logits mean under the bi-tempered loss: the tempered softmax and sigmoid.

Reference: Amid, Warmuth, Anil, Koren, 2019, arXiv:1906.03361, equation 2.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from trainer.losses import normaliser
from trainer.losses.powers import Powers
from trainer.losses.sums import total
from trainer.losses.temperature import Temperature, check_t2, number, widened


def tempered_softmax(logits: Any, t: Temperature) -> tf.Tensor:
    """Probabilities `exp_t(a_i - l)`, with the `l` that makes them sum to 1; the softmax at `t = 1`.

    Args:
        logits: float `(..., classes)`; half precision is computed in float32.
        t: above 0; a float, or a scalar tensor. Above 1 the tails are heavier than those of the softmax;
            below 1 classes far from the greatest logit have probability 0.

    Returns:
        `(..., classes)`, of the type of `logits`; in float32 their sum is within 1e-6 of 1. They can be
        differentiated again and again by `logits`, not by `t`.

    Raises:
        ValueError: if `t` is a number that is not finite or not above 0.

    Example:
        >>> tempered_softmax(tf.constant([[0.0, 0.0]]), 1.5).numpy().tolist()
        [[0.5, 0.5]]

    Reference: arXiv:1906.03361, equation 2.
    """
    given = tf.convert_to_tensor(logits)
    relative = _powers(given, t).relative(1.0)
    return tf.cast(relative / total(relative), given.dtype)


def tempered_log_softmax(logits: Any, t: Temperature) -> tf.Tensor:
    """Logarithm of `tempered_softmax`, never computed from it: right for probabilities too small for a float.

    Args:
        logits: float `(..., classes)`; half precision is computed in float32.
        t: above 0; a float, or a scalar tensor.

    Returns:
        `(..., classes)`, of the type of `logits`, finite. For `t < 1` it is never below the logarithm of the
        least normal float32 (or float64), which a probability of 0 gets.

    Raises:
        ValueError: if `t` is a number that is not finite or not above 0.

    Example:
        >>> tempered_log_softmax(tf.constant([0.0, 0.0]), 2.0).numpy().round(4)
        array([-0.6931, -0.6931], dtype=float32)

    Reference: arXiv:1906.03361, equation 2.
    """
    given = tf.convert_to_tensor(logits)
    return tf.cast(_powers(given, t).log, given.dtype)


def tempered_sigmoid(logits: Any, t: Temperature) -> tf.Tensor:
    """Probability of the second class if the first has the logit 0; the sigmoid at `t = 1`.

    Args:
        logits: float of any shape; half precision is computed in float32.
        t: above 0; a float, or a scalar tensor.

    Returns:
        Of the shape and type of `logits`.

    Raises:
        ValueError: if `t` is a number that is not finite or not above 0.

    Example:
        >>> tempered_sigmoid(tf.constant([0.0, 2.0]), 0.5).numpy().tolist()
        [0.5, 1.0]

    Reference: arXiv:1906.03361, equation 2, for two classes.
    """
    given = tf.convert_to_tensor(logits)
    if not isinstance(number(t, tf.float32), float) or t != 1:
        return tempered_softmax(_both(given), t)[..., 1]
    return tf.cast(tf.sigmoid(widened(given)), given.dtype)


def tempered_log_odds(logits: Any, t: Temperature) -> tf.Tensor:
    """Logits whose sigmoid is the tempered one: `log p - log(1 - p)`.

    Args:
        logits: float of any shape; half precision is computed in float32.
        t: above 0; a float, or a scalar tensor.

    Returns:
        Of the shape and type of `logits`, finite for finite ones; at the number 1 the logits themselves.

    Raises:
        ValueError: if `t` is a number that is not finite or not above 0.

    Example:
        >>> tempered_log_odds(tf.constant([0.0, 3.0]), 1.0).numpy().tolist()
        [0.0, 3.0]

    Reference: arXiv:1906.03361, equation 2, for two classes.
    """
    given = tf.convert_to_tensor(logits)
    if isinstance(number(t, tf.float32), float) and t == 1:
        return given
    logarithms = _powers(_both(given), t).log_relative
    return tf.cast(logarithms[..., 1] - logarithms[..., 0], given.dtype)


def _powers(logits: tf.Tensor, t: Temperature) -> Powers:
    check_t2(t, "t")
    wide = widened(logits)
    return normaliser.powers(normaliser.shifted(wide), number(t, wide.dtype))


def _both(logits: tf.Tensor) -> tf.Tensor:
    return tf.stack([tf.zeros_like(logits), logits], -1)
