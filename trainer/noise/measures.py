"""Quality and calibration of predictions on true labels, exact and weighted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.loop.calibration import calibrate

Array = NDArray[np.float64]
BINS = 15
_TINY = 1e-15


def measure(
    task: str, logits: NDArray[Any], labels: NDArray[Any], weights: NDArray[Any], seed: int = 0
) -> dict[str, float]:
    """Measures of predictions with true labels.

    Args:
        task: `binary` or `multiclass`.
        logits: `(rows, outputs)`, whose sigmoid or softmax are the probabilities that are served.
        labels: class indices `(rows,)`.
        weights: `(rows,)`.
        seed: int. Of the halves of `log_loss_calibrated`. Defaults to `0`.

    Returns:
        `log_loss` of what is served. `log_loss_calibrated`: scale and shift fitted to the true labels of one
        random half and judged on the other, both ways, which tells how much of the loss is a matter of
        scale. `calibration_error`: mean distance, over 15 bins of equal size, between the mean probability
        (binary: of the positive class; multiclass: of the most probable one) and the share that is true.
        Binary: `auc`, and `calibration`, the sum of the probabilities over the positive rows; multiclass:
        `accuracy`.
    """
    y, w = labels.astype(np.int64), weights.astype(np.float64)
    z = logits.astype(np.float64)
    p = _probabilities(task, z)
    found = {"log_loss": _log_loss(p, y, w), "log_loss_calibrated": _calibrated(task, z, y, w, seed)}
    if task == "binary":
        positive = p[:, 1]
        found["auc"] = auc(z[:, 0], y, w)
        found["calibration"] = float(w @ positive / (w @ y))
        found["calibration_error"] = _bins(positive, (y == 1).astype(np.float64), w)
    else:
        best = p.argmax(axis=1)
        found["accuracy"] = float(w @ (best == y) / w.sum())
        found["calibration_error"] = _bins(p.max(axis=1), (best == y).astype(np.float64), w)
    return found


def auc(scores: Array, labels: NDArray[np.int64], weights: Array) -> float:
    """Weighted area under the ROC curve; ties count half.

    Example:
        >>> auc(np.array([1.0, 2.0, 2.0, 3.0]), np.array([0, 1, 0, 1]), np.ones(4))
        0.875
    """
    order = np.argsort(scores, kind="stable")
    scores, positive = scores[order], np.where(labels[order] == 1, weights[order], 0.0)
    negative = weights[order] - positive
    starts = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))
    ups, downs = np.add.reduceat(positive, starts), np.add.reduceat(negative, starts)
    below = np.cumsum(downs) - downs
    return float((ups * (below + downs / 2)).sum() / (ups.sum() * downs.sum()))


def _probabilities(task: str, z: Array) -> Array:
    both = np.concatenate([np.zeros_like(z), z], axis=1) if task == "binary" else z
    odds = np.exp(both - both.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def _log_loss(p: Array, y: NDArray[np.int64], w: Array) -> float:
    chosen = np.clip(p[np.arange(len(y)), y], _TINY, None)
    return float(-(w @ np.log(chosen)) / w.sum())


def _calibrated(task: str, z: Array, y: NDArray[np.int64], w: Array, seed: int) -> float:
    half = np.random.default_rng(seed).random(len(y)) < 0.5
    total = 0.0
    for fitted, judged in ((half, ~half), (~half, half)):
        scale, shift = calibrate(task, z[fitted], y[fitted], w[fitted])
        p = _probabilities(task, scale * z[judged] + shift)
        total += _log_loss(p, y[judged], w[judged]) * w[judged].sum()
    return float(total / w.sum())


def _bins(p: Array, true: Array, w: Array) -> float:
    order = np.argsort(p, kind="stable")
    edges = np.searchsorted(np.cumsum(w[order]), np.linspace(0, w.sum(), BINS + 1)[1:-1])
    gaps = 0.0
    for part in np.split(order, edges):
        if len(part):
            gaps += abs(float(w[part] @ (p[part] - true[part])))
    return gaps / float(w.sum())
