"""What the labels of a split look like: the source of initial bias, class weights and the prior model."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.spec import FeatureSpec


@dataclasses.dataclass(frozen=True)
class LabelStatistics:
    """Weighted statistics of the labels of a split.

    Args:
        rows: int. Number of examples.
        weight_sum: float. Sum of their weights.
        mean: float. Weighted mean of the label (for binary the share of positives); `0` for multiclass.
        variance: float. Weighted variance of the label around `mean`; `0` for multiclass.
        class_weight_sums: for each class the sum of weights, in the order of the classes; empty for
            regression.
    """

    rows: int
    weight_sum: float
    mean: float
    variance: float
    class_weight_sums: tuple[float, ...]

    @property
    def deviation(self) -> float:
        """Standard deviation of the label, `1.0` if all labels are equal so that it can divide."""
        spread = math.sqrt(self.variance)
        return spread if spread > 1e-9 * max(1.0, abs(self.mean)) else 1.0

    def shares(self) -> tuple[float, ...]:
        """Share of each class, with half a row added to each so that no share is zero."""
        scale = self.rows / self.weight_sum
        counts = [total * scale + 0.5 for total in self.class_weight_sums]
        return tuple(count / sum(counts) for count in counts)

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary; the inverse of `from_json`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> LabelStatistics:
        """Statistics from the dictionary that `to_json` made."""
        return cls(**{**value, "class_weight_sums": tuple(value["class_weight_sums"])})


class LabelAccumulator:
    """Adds up label statistics over batches in float64, by the pairwise update of Chan et al. (1983)."""

    def __init__(self, spec: FeatureSpec) -> None:
        self._regression = spec.task == "regression"
        self._multiclass = spec.task == "multiclass"
        self._classes = 0 if self._regression else max(2, spec.num_classes)
        self._rows = 0
        self._weight_sum = 0.0
        self._mean = 0.0
        self._squares = 0.0
        self._class_weight_sums = np.zeros(self._classes)

    def add(self, label: NDArray[Any], weight: NDArray[Any]) -> None:
        """Adds a batch: `label (batch,)` and `weight (batch,)`."""
        weights = weight.astype(np.float64)
        total = float(weights.sum())
        self._rows += len(label)
        if self._classes:
            self._class_weight_sums += np.bincount(label.astype(np.int64), weights, minlength=self._classes)
        if total > 0 and not self._multiclass:
            values = label.astype(np.float64)
            mean = float(np.dot(weights, values)) / total
            squares = float(np.dot(weights, (values - mean) ** 2))
            together = self._weight_sum + total
            shift = mean - self._mean
            self._squares += squares + shift**2 * self._weight_sum * total / together
            self._mean += shift * total / together
        self._weight_sum += total

    def result(self) -> LabelStatistics:
        """The statistics so far."""
        return LabelStatistics(
            rows=self._rows,
            weight_sum=self._weight_sum,
            mean=self._mean,
            variance=self._squares / self._weight_sum if self._weight_sum else 0.0,
            class_weight_sums=tuple(float(total) for total in self._class_weight_sums),
        )


def prior_logits(task: str, labels: LabelStatistics) -> tuple[float, ...]:
    """The logits of the best constant prediction, one for each output.

    Binary: log-odds of the share of positives; multiclass: log of the shares, so that their softmax is the
    shares; regression: `0`, the mean in standardised units. Each class counts half a row more than it has.
    """
    if task == "regression":
        return (0.0,)
    shares = labels.shares()
    if task == "binary":
        return (math.log(shares[1] / shares[0]),)
    return tuple(math.log(share) for share in shares)
