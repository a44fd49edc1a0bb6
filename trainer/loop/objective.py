"""What a training minimises."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.data import LabelStatistics, prior_logits
from trainer.errors import TandemError
from trainer.losses import class_weight_vector
from trainer.spec import FeatureSpec, TrainSpec


@dataclasses.dataclass(frozen=True)
class Objective:
    """What is minimised: `sum(weight class_weight loss) / (batch mean_weight) + penalty`.

    Args:
        task: `binary`, `multiclass` or `regression`.
        mean_weight: float above 0. Mean of `weight class_weight` over the training split, so that a batch
            weighs 1 on average.
        class_weights: one for each class, or None. Defaults to `None`.
        label_mean: float. Subtracted from the label of a regression. Defaults to `0.0`.
        label_deviation: float above 0. Divides it then. Defaults to `1.0`.
    """

    task: str
    mean_weight: float
    class_weights: Sequence[float] | None = None
    label_mean: float = 0.0
    label_deviation: float = 1.0

    def labels(self, batch: dict[str, Any]) -> Any:
        """Labels as the loss takes them, `(batch,)`."""
        if self.task != "regression":
            return batch["label"]
        return (batch["label"] - self.label_mean) / self.label_deviation

    def weights(self, batch: dict[str, Any]) -> Any:
        """Weight of each example, class weights included, float32 `(batch,)`."""
        if self.class_weights is None:
            return batch["weight"]
        table = tf.constant(self.class_weights, tf.float32)
        return batch["weight"] * tf.gather(table, tf.cast(batch["label"], tf.int32))


def objective_for(
    features: FeatureSpec, plan: TrainSpec, labels: LabelStatistics
) -> tuple[Objective, tuple[float, ...]]:
    """The objective of a training, and the bias to start from: that of the best constant prediction."""
    weights = class_weight_vector(plan.class_weights, features.classes, labels.class_weight_sums)
    effective = labels
    if weights is not None:
        sums = tuple(w * s for w, s in zip(weights, labels.class_weight_sums, strict=True))
        effective = dataclasses.replace(labels, class_weight_sums=sums, weight_sum=sum(sums))
    mean, deviation = (labels.mean, labels.deviation) if features.task == "regression" else (0.0, 1.0)
    mean_weight = effective.weight_sum / effective.rows
    objective = Objective(features.task, mean_weight, weights, mean, deviation)
    return objective, prior_logits(features.task, effective)


def check_validation(objective: Objective, plan: TrainSpec, labels: LabelStatistics) -> None:
    """Refuses a validation split that class weights silence.

    Raises:
        TandemError: `TRAIN-303` if no row of it weighs anything.
    """
    weights = objective.class_weights
    if weights is None or np.dot(weights, labels.class_weight_sums) > 0:
        return
    raise TandemError(
        "TRAIN-303",
        "train.class_weights must be positive for a class with validation rows. "
        f"Received: train.class_weights={plan.class_weights}, which makes the weights {weights} for classes "
        f"whose rows weigh {labels.class_weight_sums}",
        "Give every class rows in both splits (data.split), or leave train.class_weights out.",
        exit_status=2,
    )
