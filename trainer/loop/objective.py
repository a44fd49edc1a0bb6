"""What a training minimises."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.codistillation.teaching import Temperatures, believed, divergence, predictions, temperatures_at
from trainer.data import LabelStatistics, prior_logits
from trainer.errors import TandemError
from trainer.export.head import link
from trainer.losses import (
    bi_tempered_binary_logistic_loss,
    bi_tempered_logistic_loss,
    class_weight_vector,
    for_task,
    log_t,
)
from trainer.spec import BiTemperedSpec, FeatureSpec, TrainSpec


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
        bi_tempered: temperatures, or None for the loss of the task. Defaults to `None`.
        ramp_steps: int. Steps in which the temperatures move from (1, 1) to theirs. Defaults to `0`.
    """

    task: str
    mean_weight: float
    class_weights: Sequence[float] | None = None
    label_mean: float = 0.0
    label_deviation: float = 1.0
    bi_tempered: BiTemperedSpec | None = None
    ramp_steps: int = 0

    @property
    def temperature(self) -> float:
        """That of the head: `t2`, or 1."""
        return self.bi_tempered.t2 if self.bi_tempered else 1.0

    def loss(self, labels: Any, logits: Any, step: Any = None) -> Any:
        """The loss of each example, float32 `(batch,)`.

        Args:
            labels: as `labels` gives them.
            logits: float32 `(batch, outputs)`.
            step: int scalar, the steps done, for temperatures on their way; None for those they end with.
                Defaults to `None`.
        """
        spec = self.bi_tempered
        if spec is None:
            return for_task(self.task)(labels, logits)
        t1, t2 = self._temperatures(step)
        if self.task == "binary":
            return bi_tempered_binary_logistic_loss(
                labels, tf.squeeze(logits, 1), t1, t2, spec.label_smoothing
            )
        return bi_tempered_logistic_loss(labels, logits, t1, t2, spec.label_smoothing)

    def _temperatures(self, step: Any) -> Temperatures:
        return temperatures_at(self.bi_tempered, self.ramp_steps, step)

    def predictions(self, logits: Any, step: Any) -> Any:
        """What a peer with these logits says, see `trainer.codistillation.teaching.predictions`.

        Args:
            logits: float32 `(batch, outputs)`.
            step: int scalar, the steps done.
        """
        return predictions(self.task, logits, self._temperatures(step)[1])

    def believed(self, said: Any, logits: Any) -> Any:
        """Whether what a peer says counts, bool `(batch,)`, see `trainer.codistillation.teaching.believed`.

        Args:
            said: as `predictions` gives it.
            logits: own ones, float32 `(batch, outputs)`.
        """
        return believed(self.task, said, logits)

    def divergence(self, targets: Any, logits: Any, step: Any) -> Any:
        """The loss of each example, float32 `(batch,)`, with what peers say in place of its label.

        Without label smoothing: what peers say is soft already.

        Args:
            targets: as `predictions` gives them.
            logits: float32 `(batch, outputs)`.
            step: int scalar, the steps done.
        """
        return divergence(self.task, targets, logits, self._temperatures(step))

    def link(self, logits: Any) -> Any:
        """Logits whose sigmoid or softmax is the tempered one of `logits`, see `trainer.export.head.link`."""
        return link(self.task, logits, self.temperature)

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
    features: FeatureSpec, plan: TrainSpec, labels: LabelStatistics, steps: int
) -> tuple[Objective, tuple[float, ...]]:
    """The objective of a training of so many steps, and the bias to start from.

    The bias is that of the best constant prediction: `log_t` of the share of each class.
    """
    weights = class_weight_vector(plan.class_weights, features.classes, labels.class_weight_sums)
    effective = labels
    if weights is not None:
        sums = tuple(w * s for w, s in zip(weights, labels.class_weight_sums, strict=True))
        effective = dataclasses.replace(labels, class_weight_sums=sums, weight_sum=sum(sums))
    mean, deviation = (labels.mean, labels.deviation) if features.task == "regression" else (0.0, 1.0)
    mean_weight = effective.weight_sum / effective.rows
    tempered = plan.bi_tempered if plan.loss == "bi_tempered" else None
    ramp = round(tempered.ramp * steps) if tempered else 0
    objective = Objective(features.task, mean_weight, weights, mean, deviation, tempered, ramp)
    bias = prior_logits(features.task, effective)
    return objective, _tempered(features.task, bias, 1.0 if ramp else objective.temperature)


def _tempered(task: str, logits: tuple[float, ...], temperature: float) -> tuple[float, ...]:
    """Logits whose tempered sigmoid or softmax is the plain one of `logits`."""
    if temperature == 1.0:
        return logits
    every = tf.constant([0.0, *logits] if task == "binary" else logits, tf.float64)
    found = log_t(tf.nn.softmax(every), temperature).numpy()
    return (float(found[1] - found[0]),) if task == "binary" else tuple(float(value) for value in found)


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
