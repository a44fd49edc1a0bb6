"""Probabilities of the tempered softmax and their powers, once the greatest of them is known."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.losses.sums import total
from trainer.losses.temperature import FAR, Number, expm1_over, log1p_over

MOST_MULTIPLIED = 10.0
"""Greatest exponent of a power that is multiplied out."""


class Powers:
    """`p_i = m v_i**(-1 / (t - 1))` with `v_i = 1 - (t - 1) a_i m**(t - 1)`, where `m` is the greatest `p_i`.

    So no number grows with the classes, unlike in `p_i = exp_t(a_i - l)`, where `l` may be 1e26. For `t < 1`
    the support is finite: `p_i` is 0 where `v_i` is not positive. At `t = 1`, `p_i = m exp(a_i)`.

    Args:
        shifted: float32 or float64 `(..., classes)`, logits less the greatest.
        log_scale: `(..., 1)`, the logarithm of `m` in `v_i`; it may be off, as `m` itself is taken from the
            sum of all.
        t: float, or scalar tensor of the type of `shifted`.
        log_greatest: `(..., 1)`, the logarithm of `m`, if only some of the classes are given. Defaults to
            `None`.
    """

    def __init__(
        self, shifted: tf.Tensor, log_scale: tf.Tensor, t: Number, log_greatest: tf.Tensor | None = None
    ) -> None:
        self._shifted, self._log_scale, self._t, self._log_greatest = shifted, log_scale, t, log_greatest
        self._bend: Number = t - 1.0
        x = -tf.exp(self._bend * log_scale) * shifted
        v = 1.0 + self._bend * x
        # NaN stays NaN; TensorFlow makes `v > 0` of `~(v <= 0)`.
        self._support = None if isinstance(t, float) and t >= 1 else (v > 0) | tf.math.is_nan(v)
        self._x, self._v = self._inside(x, 0.0), self._inside(v, 1.0)

    def at(self, indices: tf.Tensor) -> Powers:
        """Those of one class of each example, `(..., 1)`; indices `(...)`."""
        chosen = tf.gather(self._shifted, indices[..., None], batch_dims=indices.shape.rank, axis=-1)
        return Powers(chosen, self._log_scale, self._t, self.log_greatest)

    @functools.cached_property
    def log_greatest(self) -> tf.Tensor:
        """The logarithm of `m`, `(..., 1)`, so that the probabilities sum to 1."""
        return -tf.math.log(total(self.relative(1.0))) if self._log_greatest is None else self._log_greatest

    @property
    def log(self) -> tf.Tensor:
        """The logarithm of `p`, never below that of the least normal number for `t < 1`."""
        return self._floored(self.log_greatest - self._log_bent())

    @property
    def log_relative(self) -> tf.Tensor:
        """The logarithm of `p / m`, with the same floor."""
        return self._floored(-self._log_bent())

    def log_t(self, t: Number) -> tf.Tensor:
        """The logarithm of `p` at another temperature: `(p**(1 - t) - 1) / (1 - t)`."""
        rate = 1.0 - t
        # At a lower rate the difference from 1 would be lost in rounding.
        if isinstance(rate, float) and abs(rate) >= FAR and self._times(rate) is not None:
            return (self.power(rate) - 1.0) / rate
        kind = self._x.dtype
        least = -_log_most(kind) / tf.maximum(tf.cast(-rate, kind), 1e-6)
        return expm1_over(rate, tf.maximum(self.log, least))

    def power(self, exponent: Number) -> tf.Tensor:
        """`p**exponent`, bounded by the square root of the greatest float; 0 outside of the support."""
        if self._times(exponent) is not None:
            return self.relative(exponent) * tf.exp(exponent * self.log_greatest)
        return self._exp(exponent * (self.log_greatest - self._log_bent()))

    def relative(self, exponent: Number) -> tf.Tensor:
        """`(p / m)**exponent`, likewise."""
        times = self._times(exponent)
        if times is None:
            return self._exp(-exponent * self._log_bent())
        values = multiplied(self._v, times)
        if times > 0:
            values = tf.minimum(values, math.exp(_log_most(values.dtype)))
        return self._inside(values, 0.0)

    def _exp(self, values: tf.Tensor) -> tf.Tensor:
        return self._inside(tf.exp(tf.minimum(values, _log_most(values.dtype))), 0.0)

    def _log_bent(self) -> tf.Tensor:
        return log1p_over(self._bend, self._x)

    def _floored(self, logarithm: tf.Tensor) -> tf.Tensor:
        if self._support is None:
            return logarithm
        least = math.log(np.finfo(logarithm.dtype.as_numpy_dtype).tiny)
        floored = tf.maximum(self._inside(logarithm, least), least)
        return floored if isinstance(self._t, float) else tf.where(self._bend < 0, floored, logarithm)

    def _inside(self, values: tf.Tensor, outside: float) -> tf.Tensor:
        if self._support is None:
            return values
        return tf.where(self._support, values, tf.constant(outside, values.dtype))

    def _times(self, exponent: Number) -> float | None:
        """The power of `v` that is `(p / m)**exponent`, if it can be multiplied out."""
        if not (isinstance(exponent, float) and isinstance(self._bend, float) and self._bend):
            return None
        times = -exponent / self._bend
        halves = round(2 * times)
        near = abs(times) <= MOST_MULTIPLIED and math.isclose(2 * times, halves, abs_tol=1e-9)
        return halves / 2 if near else None


def _log_most(kind: tf.DType) -> float:
    """Logarithm of the square root of the greatest float."""
    return math.log(np.finfo(kind.as_numpy_dtype).max) / 2


def multiplied(values: tf.Tensor, times: float) -> tf.Tensor:
    """`values**times` for a multiple of one half, by multiplications: a power takes three times as long.

    Args:
        values: float tensor, positive.
        times: float, twice of which is a whole number.
    """

    @tf.custom_gradient
    def power(values: tf.Tensor) -> Any:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return upstream * times * multiplied(values, times - 1.0)

        return _multiplied(values, times), gradient

    result: tf.Tensor = power(values)
    return result


def _multiplied(values: tf.Tensor, times: float) -> tf.Tensor:
    if times == 0:
        return tf.ones_like(values)
    if times % 1:
        root: Callable[[tf.Tensor], tf.Tensor] = tf.sqrt if times > 0 else tf.math.rsqrt
        return _multiplied(root(values), 2 * abs(times))
    if times < 0:
        return 1.0 / _multiplied(values, -times)
    result = None
    for bit in reversed(f"{int(times):b}"):
        if bit == "1":
            result = values if result is None else result * values
        values = values * values
    return result
