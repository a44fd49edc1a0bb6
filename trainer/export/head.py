"""From logits to what a client reads."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from trainer.losses import tempered_log_odds, tempered_log_softmax
from trainer.spec import FeatureSpec


@dataclasses.dataclass(frozen=True)
class HeadParameters:
    """Numbers fitted after or beside the weights: `z' = scale link(z) + shift`, then label units.

    Args:
        scale: float. Calibration scale; for multiclass the inverse temperature. Defaults to `1.0`.
        shift: float. Calibration shift. Defaults to `0.0`.
        label_mean: float. Regression: mean of the train labels. Defaults to `0.0`.
        label_deviation: float. Regression: standard deviation of the train labels. Defaults to `1.0`.
        temperature: float above 0. That of the exponential in probabilities, see `link`. Defaults to `1.0`.
    """

    scale: float = 1.0
    shift: float = 0.0
    label_mean: float = 0.0
    label_deviation: float = 1.0
    temperature: float = 1.0


def link(task: str, logits: Any, temperature: float) -> Any:
    """Logits whose sigmoid or softmax is the tempered one of `logits`.

    What a model outputs under the bi-tempered loss is no log-odds: the probability is the tempered sigmoid or
    softmax. Its log-odds (binary) or logarithm (multiclass) are, so that a calibration, and whoever reads
    `logits` from a server, can go on as for any other model.

    Args:
        task: `binary`, `multiclass` or `regression`, which is left as it is.
        logits: float `(batch, outputs)`.
        temperature: float above 0; at 1 nothing changes.

    Returns:
        Float `(batch, outputs)`.
    """
    if temperature == 1.0 or task == "regression":
        return tf.convert_to_tensor(logits)
    if task == "binary":
        return tempered_log_odds(logits, temperature)
    return tempered_log_softmax(logits, temperature)


class Head(tf.Module):
    """Calibrates logits and turns them into outputs by name.

    The parameters are variables, so that they are part of a digest of the weights.

    Args:
        spec: gives the task and the classes.
        parameters: of the calibration and the label.

    Call with logits float32 `(batch, num_classes)`. Returns: binary `probabilities` (of the positive class)
    and `logits`, float32 `(batch, 1)`; multiclass `probabilities` and `logits`, float32 `(batch, classes)`,
    and `classes`, the most probable one, string `(batch,)`; regression `predictions` float32 `(batch, 1)`.
    """

    def __init__(self, spec: FeatureSpec, parameters: HeadParameters) -> None:
        super().__init__(name="head")
        self._task = spec.task
        self._classes = tuple(spec.classes)
        self._temperature = parameters.temperature
        self.scale = tf.Variable(parameters.scale, trainable=False, dtype=tf.float32)
        self.shift = tf.Variable(parameters.shift, trainable=False, dtype=tf.float32)
        self.label_mean = tf.Variable(parameters.label_mean, trainable=False, dtype=tf.float32)
        self.label_deviation = tf.Variable(parameters.label_deviation, trainable=False, dtype=tf.float32)

    def __call__(self, logits: Any) -> dict[str, Any]:
        logits = link(self._task, tf.cast(logits, tf.float32), self._temperature) * self.scale + self.shift
        if self._task == "regression":
            return {"predictions": logits * self.label_deviation + self.label_mean}
        if self._task == "binary":
            return {"probabilities": tf.sigmoid(logits), "logits": logits}
        best = tf.gather(tf.constant(self._classes), tf.argmax(logits, axis=1))
        return {"probabilities": tf.nn.softmax(logits), "logits": logits, "classes": best}
