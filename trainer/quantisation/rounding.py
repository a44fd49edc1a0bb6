"""Symmetric rounding of weights to 8 bits, one scale for each output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

LARGEST = 127
"""The greatest integer; its negative is the least, so that a weight and its negative are rounded alike."""

_LEAST = LARGEST * 1.1754944e-38


def scales(weights: Any, axes: Sequence[int]) -> Any:
    """Width of one step of the integers: `s = max |w| / 127`.

    Below a maximum of 1.5e-36 a step would not be a normal number; such weights count as 0.

    Args:
        weights: float32 tensor.
        axes: those that share a scale, such as `[0]` of a kernel `(inputs, outputs)`.

    Returns:
        float32 tensor of the rank of `weights`, 1 along `axes`; where all weights count as 0 the scale is 1.

    Example:
        >>> scales(tf.constant([[0.5, 0.0], [-2.54, 0.0]]), [0]).numpy().round(4).tolist()
        [[0.019999999552965164, 1.0]]
    """
    largest = tf.reduce_max(tf.abs(weights), axis=list(axes), keepdims=True)
    # Times the reciprocal: graphs turn a division by a constant into that, and both ways must agree.
    steps = largest * (1.0 / LARGEST)
    return tf.where(largest > _LEAST, steps, tf.ones_like(largest))


def quantise(weights: Any, axes: Sequence[int]) -> tuple[Any, Any]:
    """Integers and scales, `q = round(w / s)` to the nearest, halves to the even one.

    The error of a weight is at most half of its scale, and 0 stays 0.

    Args:
        weights: float32 tensor.
        axes: those that share a scale.

    Returns:
        int8 tensor of the shape of `weights`, and the scales.

    Example:
        >>> integers, _ = quantise(tf.constant([[0.5], [-2.54], [0.0]]), [0])
        >>> integers.numpy().ravel().tolist()
        [25, -127, 0]

    Reference: Jacob et al., 2018, arXiv:1712.05877, equation 1 with zero point 0; Krishnamoorthi, 2018,
        arXiv:1806.08342, section 3.1.2 for one scale per channel.
    """
    steps = scales(weights, axes)
    # A rounded quotient can be one beyond the range where the scale itself was rounded down.
    bounded = tf.clip_by_value(tf.round(weights / steps), -LARGEST, LARGEST)
    return tf.cast(bounded, tf.int8), steps


def dequantise(integers: Any, steps: Any) -> Any:
    """The weights that the integers stand for, `s q`, float32."""
    return tf.cast(integers, tf.float32) * steps


def fake_quantise(weights: Any, axes: Sequence[int]) -> Any:
    """The weights as an int8 model has them, with the gradient of the weights themselves.

    `w + stop(s round(w / s) - w)`: bit-equal to `dequantise(*quantise(weights, axes))`.

    Args:
        weights: float32 tensor.
        axes: those that share a scale.

    Returns:
        float32 tensor of the shape of `weights`.

    Reference: Bengio, Léonard, Courville, 2013, arXiv:1308.3432, the straight-through estimator.
    """
    rounded = dequantise(*quantise(tf.stop_gradient(weights), axes))
    # The difference is exactly 0; added the other way round, the sum would be rounded once more.
    return rounded + (weights - tf.stop_gradient(weights))
