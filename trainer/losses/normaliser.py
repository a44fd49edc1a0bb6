"""The scale of the tempered softmax, found to a tolerance and with derivatives of every order.

With the greatest probability `m = exp(s)` and `psi(s) = log sum_i p_i`, the scale is the root of `psi`,
which rises. In `s` it is nearly a line: it is one for `t = 1`, for equal logits, and where one class has
all, so that Newton's method needs one to four steps from a start that Jensen's inequality gives, whatever
the number of classes. A step that leaves the interval in which the root must lie halves that instead.

Reference: Amid, Warmuth, Anil, Koren, 2019, arXiv:1906.03361, section 2 and appendix A.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.losses.powers import Powers
from trainer.losses.sums import total
from trainer.losses.temperature import Number, log1p_over

MOST_STEPS = 60
LOWEST = -1e30
"""Least shifted logit, which minus infinity becomes: in float32 no sum and no power of it is infinite."""


def shifted(logits: tf.Tensor) -> tf.Tensor:
    """Logits less the greatest of each example."""
    return tf.maximum(logits - tf.stop_gradient(tf.reduce_max(logits, -1, keepdims=True)), LOWEST)


def powers(shifted: tf.Tensor, t: Number, solved: tf.Tensor | None = None) -> Powers:
    """The tempered softmax of shifted logits, differentiable.

    Args:
        shifted: float32 or float64 `(..., classes)`, greatest 0.
        t: float, or scalar tensor of the type of `shifted`.
        solved: what `solve` found, if it was called. Defaults to `None`.
    """
    if solved is None:
        solved = solve(shifted, t)
    return Powers(shifted, attached(shifted, solved, t), t)


def attached(shifted: tf.Tensor, solved: tf.Tensor, t: Number) -> tf.Tensor:
    """`solved` with the derivative of the root, of its equation, so that no step of the search is in it.

    `ds / da_i = -m**(t - 1) e_i`, where `e` is the escort distribution, `p**t` divided by its sum.
    """
    if isinstance(t, float) and t == 1:
        return solved

    @tf.custom_gradient
    def root(shifted: tf.Tensor, solved: tf.Tensor) -> Any:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            log_scale = attached(shifted, solved, t)
            escort = Powers(shifted, log_scale, t).relative(t)
            return -upstream * tf.exp((t - 1.0) * log_scale) * escort / total(escort), tf.zeros_like(solved)

        return tf.identity(solved), gradient

    return root(shifted, solved)


def solve(shifted: tf.Tensor, t: Number) -> tf.Tensor:
    """The logarithm of the greatest probability.

    Args:
        shifted: float32 or float64 `(..., classes)`, greatest 0.
        t: float, or scalar tensor of the type of `shifted`.

    Returns:
        `(..., 1)`, without a gradient; 0 for `t = 1`, where the probabilities do not need it.
    """
    shifted = tf.stop_gradient(shifted)
    if isinstance(t, float) and t == 1:
        return tf.zeros_like(shifted[..., :1])
    lowest = -tf.math.log(tf.cast(tf.shape(shifted)[-1], shifted.dtype))
    start = _start(shifted, t, lowest)
    # The square of this distance is what a step of Newton's method leaves.
    near = math.sqrt(np.finfo(shifted.dtype.as_numpy_dtype).eps) / 2

    def step(count: tf.Tensor, now: tf.Tensor, low: tf.Tensor, high: tf.Tensor, _: tf.Tensor) -> Any:
        p = Powers(shifted, now, t)
        sum_p = total(p.relative(1.0))
        psi = now + tf.math.log(sum_p)
        low, high = tf.where(psi < 0, now, low), tf.where(psi > 0, now, high)
        new = now - psi * sum_p / total(p.relative(t))
        new = tf.where((new < low) | (new > high), (low + high) / 2.0, new)
        return count + 1, new, low, high, tf.reduce_any(tf.abs(psi) > near)

    return tf.while_loop(
        lambda count, now, low, high, far: far & (count < MOST_STEPS),  # noqa: ARG005
        step,
        (tf.constant(0), start, tf.zeros_like(start) + lowest, tf.zeros_like(start), tf.constant(True)),
        parallel_iterations=1,
    )[1]


def _start(shifted: tf.Tensor, t: Number, lowest: tf.Tensor) -> tf.Tensor:
    """The root if every logit but the greatest were the mean: by Jensen's inequality not below it."""
    bend = t - 1.0
    mean = -total(-shifted) / tf.cast(tf.shape(shifted)[-1], shifted.dtype)
    below = -mean * tf.exp(bend * lowest)
    # Where one class has all, `1 - bend * below` has no logarithm.
    most = (1.0 - 1e-6) / tf.maximum(tf.cast(bend, shifted.dtype), 1e-6)
    rise = log1p_over(-bend, tf.minimum(below, most))
    return tf.clip_by_value(lowest + rise, lowest, 0.0)
