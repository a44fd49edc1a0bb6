"""The teaching term in NumPy and float64, by definition: a bisection, no formula of ours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def exp_t(x: Array, t: float) -> Array:
    if t == 1:
        return np.exp(x)
    return np.maximum(0.0, 1.0 + (1.0 - t) * x) ** (1.0 / (1.0 - t))


def log_t(x: Array, t: float) -> Array:
    return np.log(x) if t == 1 else (x ** (1.0 - t) - 1.0) / (1.0 - t)


def softmax(logits: Any, t: float = 1.0) -> Array:
    """`exp_t(a - l)` with the `l` that makes the sum 1, found by halving."""
    a = np.asarray(logits, np.float64)
    low = a.max(-1, keepdims=True)
    high = low - log_t(np.float64(1.0 / a.shape[-1]), t)
    for _ in range(100):
        middle = (low + high) / 2
        above = exp_t(a - middle, t).sum(-1, keepdims=True) > 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return exp_t(a - low, t)


def both(logits: Any) -> Array:
    """Two classes of one logit `(..., 1)`: the first has the logit 0."""
    a = np.asarray(logits, np.float64)
    return np.concatenate([np.zeros_like(a), a], -1)


def said(task: str, logits: Any, t: float = 1.0) -> Array:
    """What a peer says: probabilities of every class `(..., classes)`, or the value of a regression."""
    if task == "regression":
        return np.asarray(logits, np.float64)
    return softmax(both(logits) if task == "binary" else logits, t)


def loss(task: str, targets: Any, logits: Any, t1: float = 1.0, t2: float = 1.0) -> Array:
    """Of targets as `said` gives them. At `(1, 1)` the cross-entropy, otherwise equation 4."""
    q = np.asarray(targets, np.float64)
    p = said(task, logits, t2)
    if task == "regression":
        return ((q - p) ** 2)[..., 0]
    if t1 == t2 == 1:
        return -(q * np.log(p)).sum(-1)
    rest = 2.0 - t1
    some = np.maximum(q, 1e-300)
    return (q * (log_t(some, t1) - log_t(p, t1)) - (q**rest - p**rest) / rest).sum(-1)


def one_hot(labels: Any, classes: int) -> Array:
    return np.eye(classes)[np.asarray(labels, np.int64)]
