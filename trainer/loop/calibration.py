"""Scale and shift of the logits, fitted on the validation split."""

from __future__ import annotations

from typing import Any

import numpy as np
from absl import logging
from numpy.typing import NDArray

Array = NDArray[np.float64]
_ITERATIONS = 50


def calibrate(
    task: str, logits: NDArray[Any], labels: NDArray[Any], weights: NDArray[Any]
) -> tuple[float, float]:
    """The scale and shift that lower the validation loss most.

    Binary: `sigmoid(scale z + shift)` by Newton's method (Platt scaling); multiclass: `softmax(scale z)`, the
    inverse of a temperature; regression: weighted least squares. As a prior, one example's worth of penalty
    holds `(scale, shift)` near `(1, 0)`, so that a split that the logits separate gives finite numbers.

    Args:
        task: `binary`, `multiclass` or `regression`.
        logits: `(rows, outputs)`, those of a sigmoid or softmax (`trainer.export.head.link`).
        labels: `(rows,)`, standardised for regression.
        weights: `(rows,)`, at least one positive.

    Returns:
        `(scale, shift)`; `(1.0, 0.0)` if the fit does not lower the loss or its scale is not positive.

    Reference: Platt, 1999; Guo et al., 2017, arXiv:1706.04599, section 4.2.
    """
    z, y = logits.astype(np.float64), labels.astype(np.float64)
    w = weights.astype(np.float64) * (np.count_nonzero(weights) / weights.sum(dtype=np.float64))
    if task == "regression":
        theta = _least_squares(z[:, 0], y, w)
        loss = _squared
    elif task == "binary":
        theta = _newton(np.array([1.0, 0.0]), lambda t: _binary_terms(t, z[:, 0], y, w))
        loss = _binary
    else:
        theta = _newton(np.array([1.0]), lambda t: _softmax_terms(t, z, y.astype(np.int64), w))
        theta = np.array([theta[0], 0.0])
        loss = _softmax
    before, after = loss(np.array([1.0, 0.0]), z, y, w), loss(theta, z, y, w)
    if not (np.isfinite(theta).all() and theta[0] > 0 and after < before):
        logging.info("Calibration leaves the logits as they are.")
        return 1.0, 0.0
    logging.info("Calibration: scale %.4f, shift %.4f, loss %.6f -> %.6f", *theta, before, after)
    return float(theta[0]), float(theta[1])


def _newton(theta: Array, terms: Any) -> Array:
    """Damped Newton steps on a convex function given as value, gradient and Hessian."""
    value, gradient, hessian = terms(theta)
    for _ in range(_ITERATIONS):
        step = np.linalg.solve(hessian, gradient)
        rate = 1.0
        while rate > 1e-6:
            candidate = terms(theta - rate * step)
            if candidate[0] <= value:
                break
            rate /= 2.0
        else:
            break
        theta = theta - rate * step
        fall = value - candidate[0]
        value, gradient, hessian = candidate
        if fall < 1e-12 * max(1.0, abs(value)):
            break
    return theta


def _binary_terms(theta: Array, z: Array, y: Array, w: Array) -> tuple[float, Array, Array]:
    prior = theta - np.array([1.0, 0.0])
    logit = theta[0] * z + theta[1]
    p = 1.0 / (1.0 + np.exp(-np.clip(logit, -500, 500)))
    value = float(w @ (np.logaddexp(0.0, logit) - y * logit) + 0.5 * prior @ prior)
    inputs = np.stack([z, np.ones_like(z)], 1)
    gradient = inputs.T @ (w * (p - y)) + prior
    return value, gradient, (inputs * (w * p * (1 - p))[:, None]).T @ inputs + np.eye(2)


def _softmax_terms(theta: Array, z: Array, y: NDArray[np.int64], w: Array) -> tuple[float, Array, Array]:
    logits = theta[0] * z
    shifted = logits - logits.max(axis=1, keepdims=True)
    normaliser = np.log(np.exp(shifted).sum(axis=1))
    p = np.exp(shifted - normaliser[:, None])
    chosen = np.arange(len(y)), y
    mean = (p * z).sum(axis=1)
    value = float(w @ (normaliser - shifted[chosen]) + 0.5 * (theta[0] - 1.0) ** 2)
    gradient = w @ (mean - z[chosen]) + theta[0] - 1.0
    hessian = w @ ((p * z**2).sum(axis=1) - mean**2) + 1.0
    return value, np.array([gradient]), np.array([[hessian]])


def _least_squares(z: Array, y: Array, w: Array) -> Array:
    inputs = np.stack([z, np.ones_like(z)], 1)
    normal = (inputs * w[:, None]).T @ inputs + np.eye(2)
    return np.linalg.solve(normal, inputs.T @ (w * y) + np.array([1.0, 0.0]))


def _binary(theta: Array, z: Array, y: Array, w: Array) -> float:
    logit = theta[0] * z[:, 0] + theta[1]
    return float(w @ (np.logaddexp(0.0, logit) - y * logit) / w.sum())


def _softmax(theta: Array, z: Array, y: Array, w: Array) -> float:
    logits = theta[0] * z
    shifted = logits - logits.max(axis=1, keepdims=True)
    chosen = shifted[np.arange(len(y)), y.astype(np.int64)]
    return float(w @ (np.log(np.exp(shifted).sum(axis=1)) - chosen) / w.sum())


def _squared(theta: Array, z: Array, y: Array, w: Array) -> float:
    return float(w @ (y - theta[0] * z[:, 0] - theta[1]) ** 2 / w.sum())
