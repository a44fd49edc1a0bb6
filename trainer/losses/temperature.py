"""Temperatures, and the logarithm and exponential that they bend.

Reference: Amid, Warmuth, Anil, Koren, 2019, arXiv:1906.03361, equation 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

Temperature: TypeAlias = float | tf.Tensor | tf.Variable
"""A number, with exact special cases, or a scalar tensor, whose value may change from step to step."""
FAR = 0.1
"""From this rate on `log` and `exp` are exact enough, and three times as fast as `log1p` and `expm1`."""
Number: TypeAlias = Any
"""A float, or a scalar tensor of the type of the arithmetic: no `isinstance` knows tensors of TensorFlow."""


def widened(values: Any) -> tf.Tensor:
    """A tensor of the type that the arithmetic takes: float32 for half precision."""
    values = tf.convert_to_tensor(values)
    if not values.dtype.is_floating:
        raise ValueError(f"expected floats. Received: {values.dtype.name} of shape {values.shape}")
    return tf.cast(values, tf.float32) if values.dtype.size < 4 else values


def number(t: Temperature, kind: tf.DType) -> Number:
    """The temperature as a float if it is known, otherwise as a tensor of the type, without a gradient."""
    if isinstance(t, int | float | np.floating | np.integer):
        return float(t)
    return tf.stop_gradient(tf.cast(t, kind))


def check_t1(t1: Temperature) -> None:
    """Refuses what is known not to be a temperature of the loss.

    Raises:
        ValueError: if `t1` is a number outside `[0, 2)`.
    """
    known = number(t1, tf.float32)
    if isinstance(known, float) and not 0 <= known < 2:
        raise ValueError(f"t1 must be in [0, 2). Received: t1={t1}")


def check_t2(t2: Temperature, name: str = "t2") -> None:
    """Refuses what is known not to be a temperature of probabilities.

    Raises:
        ValueError: if `t2` is a number that is not finite or not above 0.
    """
    known = number(t2, tf.float32)
    if isinstance(known, float) and not 0 < known < math.inf:
        raise ValueError(f"{name} must be finite and above 0. Received: {name}={t2}")


def log1p_over(rate: Number, values: tf.Tensor) -> tf.Tensor:
    """`log(1 + rate x) / rate`, and its limit, `x`, at a rate of 0; the inverse of `expm1_over`."""
    if isinstance(rate, float) and abs(rate) >= FAR:
        return tf.math.log(1.0 + rate * values) / rate
    return _over(rate, values, tf.math.log1p)


def expm1_over(rate: Number, values: tf.Tensor) -> tf.Tensor:
    """`(exp(rate x) - 1) / rate`, and its limit, `x`, at a rate of 0."""
    if isinstance(rate, float) and abs(rate) >= FAR:
        return (tf.exp(rate * values) - 1.0) / rate
    return _over(rate, values, tf.math.expm1)


def _over(rate: Number, values: tf.Tensor, function: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    if isinstance(rate, float):
        return values if rate == 0 else function(rate * values) / rate
    safe = tf.where(rate == 0, tf.ones_like(rate), rate)
    return tf.where(rate == 0, values, function(safe * values) / safe)


def log_t(x: Any, t: Temperature) -> tf.Tensor:
    """`(x**(1 - t) - 1) / (1 - t)`, the logarithm at `t = 1`.

    Logits whose tempered softmax at `t` is `p` are `log_t(p, t)`.

    Args:
        x: float tensor, not negative; half precision is computed in float32.
        t: finite float, or scalar tensor.

    Returns:
        Of the shape and type of `x`; at 0 it is `-1 / (1 - t)`, for `t >= 1` minus infinity.

    Example:
        >>> round(float(log_t(tf.constant(4.0), 0.5)), 6)
        2.0

    Reference: arXiv:1906.03361, equation 1.
    """
    given = tf.convert_to_tensor(x)
    wide = widened(given)
    return tf.cast(_over(1.0 - number(t, wide.dtype), tf.math.log(wide), tf.math.expm1), given.dtype)


def exp_t(x: Any, t: Temperature) -> tf.Tensor:
    """`max(0, 1 + (1 - t) x)**(1 / (1 - t))`, the exponential at `t = 1`; the inverse of `log_t`.

    Args:
        x: float tensor; half precision is computed in float32.
        t: finite float, or scalar tensor.

    Returns:
        Of the shape and type of `x`; for `t > 1` it is infinite from `1 / (t - 1)` on.

    Example:
        >>> round(float(exp_t(tf.constant(2.0), 0.5)), 6)
        4.0

    Reference: arXiv:1906.03361, equation 1.
    """
    given = tf.convert_to_tensor(x)
    wide = widened(given)
    exponent = _over(
        1.0 - number(t, wide.dtype), wide, lambda values: tf.math.log1p(tf.maximum(values, -1.0))
    )
    return tf.cast(tf.exp(exponent), given.dtype)
