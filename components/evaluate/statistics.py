"""Sufficient statistics of each task's metrics: small arrays that add, so any number of rows fits.

`add` takes whole batches; `metrics` turns a sum into values. Curves (`auc`, `pr_auc`) and the expected
calibration error come from fixed histograms of the predictions with `BINS` bins, so they are exact up to
ties inside a bin of width `1 / BINS`; everything else is exact in float64. Those of sequences are in
`components.evaluate.sequences`.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from components.evaluate.sequences import LanguageModel, Seq2Seq

Array = NDArray[np.float64]

BINS = 10_000
CALIBRATION_BINS = 20
_EPSILON = 1e-7

NAMES: dict[str, tuple[str, ...]] = {
    "binary": (
        "log_loss", "auc", "pr_auc", "accuracy", "brier", "calibration",
        "mean_label", "mean_prediction", "example_count",
    ),
    "multiclass": ("log_loss", "accuracy", "calibration", "mean_prediction", "example_count"),
    "regression": ("rmse", "mae", "bias_ratio", "mean_label", "mean_prediction", "example_count"),
    "seq2seq": ("wer", "per", "exact_match", "bleu", "chrf", "length_ratio", "example_count"),
    "language_model": ("perplexity", "bits_per_unit", "example_count"),
}  # fmt: skip


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator else float("nan")


class Binary:
    """Labels 0 or 1 `(batch,)`, predictions are probabilities of class 1 `(batch, 1)`."""

    SIZE = 8 + 2 * BINS

    @staticmethod
    def add(labels: Array, predictions: Array, weights: Array) -> Array:
        """Statistics `(SIZE,)` of one batch: sums, then weights by bin of negatives and of positives."""
        raw = predictions.reshape(len(labels))
        p = np.clip(raw, _EPSILON, 1 - _EPSILON)
        losses = -(labels * np.log(p) + (1 - labels) * np.log1p(-p))
        sums = [
            weights.sum(),
            (weights * labels).sum(),
            (weights * raw).sum(),
            (weights * losses).sum(),
            (weights * (raw - labels) ** 2).sum(),
            (weights * ((raw > 0.5) == (labels > 0.5))).sum(),
            float(len(labels)),
            0.0,
        ]
        bins = np.minimum((np.nan_to_num(raw) * BINS).astype(np.int64).clip(0), BINS - 1)
        negatives = np.bincount(bins, weights * (1 - labels), BINS)
        positives = np.bincount(bins, weights * labels, BINS)
        return np.concatenate([sums, negatives, positives])

    @staticmethod
    def metrics(total: Array) -> dict[str, float]:
        """Values of `NAMES["binary"]`; `nan` where a value is not defined (no rows, one class only)."""
        weight, label, prediction, loss, square, hit, count, _ = total[:8]
        negatives, positives = total[8 : 8 + BINS][::-1], total[8 + BINS :][::-1]
        true_positives, false_positives = np.cumsum(positives), np.cumsum(negatives)
        area = np.sum(negatives * (true_positives - positives / 2))
        called = true_positives + false_positives
        precision = np.divide(true_positives, called, out=np.zeros(BINS), where=called > 0)
        return {
            "log_loss": _ratio(loss, weight),
            "auc": _ratio(area, positives.sum() * negatives.sum()),
            "pr_auc": _ratio(float(np.sum(positives * precision)), positives.sum()),
            "accuracy": _ratio(hit, weight),
            "brier": _ratio(square, weight),
            "calibration": _ratio(prediction, label),
            "mean_label": _ratio(label, weight),
            "mean_prediction": _ratio(prediction, weight),
            "example_count": float(count),
        }


class Multiclass:
    """Labels are class indices `(batch,)`, predictions class probabilities `(batch, classes)`."""

    SIZE = 4 + 3 * CALIBRATION_BINS

    @staticmethod
    def add(labels: Array, predictions: Array, weights: Array) -> Array:
        """Statistics `(SIZE,)`: sums, then weight, confidence and hits by bin of the confidence."""
        chosen = predictions[np.arange(len(labels)), labels.astype(np.int64)]
        confidence = predictions.max(axis=1)
        hits = (predictions.argmax(axis=1) == labels).astype(np.float64)
        losses = -np.log(np.clip(chosen, _EPSILON, 1.0))
        sums = [weights.sum(), (weights * losses).sum(), (weights * hits).sum(), float(len(labels))]
        bins = (np.nan_to_num(confidence) * CALIBRATION_BINS).astype(np.int64).clip(0, CALIBRATION_BINS - 1)
        parts = [
            np.bincount(bins, weights * x, CALIBRATION_BINS) for x in (np.ones_like(hits), confidence, hits)
        ]
        return np.concatenate([sums, *parts])

    @staticmethod
    def metrics(total: Array) -> dict[str, float]:
        """Values of `NAMES["multiclass"]`; `calibration` is the expected calibration error."""
        weight, loss, hit, count = total[:4]
        _, confidence, hits = total[4:].reshape(3, CALIBRATION_BINS)
        return {
            "log_loss": _ratio(loss, weight),
            "accuracy": _ratio(hit, weight),
            "calibration": _ratio(float(np.abs(confidence - hits).sum()), weight),
            "mean_prediction": _ratio(confidence.sum(), weight),
            "example_count": float(count),
        }


class Regression:
    """Labels `(batch,)` and predictions `(batch, 1)` in the unit of the label."""

    SIZE = 7

    @staticmethod
    def add(labels: Array, predictions: Array, weights: Array) -> Array:
        """Statistics `(SIZE,)`: weighted sums of errors and labels."""
        error = predictions.reshape(len(labels)) - labels
        return np.array(
            [
                weights.sum(),
                (weights * error**2).sum(),
                (weights * np.abs(error)).sum(),
                (weights * error).sum(),
                (weights * labels).sum(),
                (weights * labels**2).sum(),
                float(len(labels)),
            ]
        )

    @staticmethod
    def metrics(total: Array) -> dict[str, float]:
        """Values of `NAMES["regression"]`; `bias_ratio` is the mean error in label standard deviations."""
        weight, square, absolute, error, label, label_square, count = total
        mean = _ratio(label, weight)
        deviation = np.sqrt(max(_ratio(label_square, weight) - mean**2, 0.0)) if weight else float("nan")
        return {
            "rmse": float(np.sqrt(_ratio(square, weight))),
            "mae": _ratio(absolute, weight),
            "bias_ratio": _ratio(_ratio(error, weight), deviation),
            "mean_label": mean,
            "mean_prediction": mean + _ratio(error, weight),
            "example_count": float(count),
        }


Task: TypeAlias = type[Binary] | type[Multiclass] | type[Regression] | type[Seq2Seq] | type[LanguageModel]

TASKS: dict[str, Task] = {
    "binary": Binary,
    "multiclass": Multiclass,
    "regression": Regression,
    "seq2seq": Seq2Seq,
    "language_model": LanguageModel,
}
