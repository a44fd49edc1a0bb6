"""Bins of predictions for the calibration plot and its histogram, in bounded memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FINE = 2000
_EQUAL_WEIGHT = 20
_EQUAL_WIDTH = 40

Array = NDArray[np.float64]


class Reliability:
    """Predicted against observed in bins of about equal weight, and rows in bins of equal width.

    For classes the confidence of the best class stands against its hits; for numbers the predicted
    against the actual value. The fine grid is `[0, 1]` for probabilities; for numbers it is laid over the
    predictions of the first batch, with everything outside in the outermost cells.

    Args:
        task: `binary`, `multiclass` or `regression`.
    """

    def __init__(self, task: str) -> None:
        self._task = task
        self._low, self._high = 0.0, 1.0
        self._sums = np.zeros((4, _FINE))
        self._started = task != "regression"

    def add(self, labels: Array, predictions: Array, weights: Array) -> None:
        """Adds rows: labels `(batch,)`, predictions `(batch, classes or 1)`, weights `(batch,)`."""
        if self._task == "multiclass":
            values, observed = (
                predictions.max(axis=1),
                (predictions.argmax(axis=1) == labels).astype(np.float64),
            )
        else:
            values, observed = predictions[:, 0], labels
        if not self._started:
            finite = values[np.isfinite(values)]
            if not len(finite):
                return
            self._low, self._high = float(finite.min()), float(finite.max())
            self._high = max(self._high, self._low + 1e-6)
            self._started = True
        scaled = np.nan_to_num((values - self._low) / (self._high - self._low) * _FINE)
        cells = scaled.astype(np.int64).clip(0, _FINE - 1)
        for row, amount in enumerate((np.ones_like(values), weights, weights * values, weights * observed)):
            self._sums[row] += np.bincount(cells, amount, _FINE)

    def bins(self) -> dict[str, list[dict[str, Any]]]:
        """Both kinds of bins.

        Returns:
            `equal_weight`: at most 20 entries `{lower, upper, count, mean_prediction, mean_label}`, empty
            bins left out; `equal_width`: 40 entries `{lower, upper, count}` over the whole grid, so that
            those of probabilities are the same for every model.
        """
        return {"equal_weight": self._equal_weight(), "equal_width": self._equal_width()}

    def _equal_width(self) -> list[dict[str, Any]]:
        counts = self._sums[0].reshape(_EQUAL_WIDTH, -1).sum(axis=1)
        edges = np.linspace(self._low, self._high, _EQUAL_WIDTH + 1)
        return [
            {"lower": float(lower), "upper": float(upper), "count": int(count)}
            for lower, upper, count in zip(edges[:-1], edges[1:], counts, strict=True)
        ]

    def _equal_weight(self) -> list[dict[str, Any]]:
        counts, weight, predicted, observed = self._sums
        total = weight.sum()
        if not total:
            return []
        middle = (np.cumsum(weight) - weight / 2) / total
        group = np.minimum(middle * _EQUAL_WEIGHT, _EQUAL_WEIGHT - 1).astype(np.int64)
        width = (self._high - self._low) / _FINE
        result = []
        for index in range(_EQUAL_WEIGHT):
            cells = np.flatnonzero((group == index) & (weight > 0))
            if len(cells):
                mass = weight[cells].sum()
                result.append(
                    {
                        "lower": self._low + cells[0] * width,
                        "upper": self._low + (cells[-1] + 1) * width,
                        "count": int(counts[cells].sum()),
                        "mean_prediction": float(predicted[cells].sum() / mass),
                        "mean_label": float(observed[cells].sum() / mass),
                    }
                )
        return result
