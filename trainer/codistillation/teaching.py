"""How much a replica is taught, and what is taught: predictions of peers and the loss against them."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from trainer.losses import (
    bi_tempered_binary_logistic_loss,
    bi_tempered_logistic_loss,
    temperatures,
    tempered_sigmoid,
    tempered_softmax,
)
from trainer.losses.temperature import Temperature
from trainer.spec import BiTemperedSpec, CodistillationSpec

Temperatures = tuple[Temperature, Temperature]
PLAIN: Temperatures = (1.0, 1.0)
"""The temperatures of the logistic loss."""
_FARTHEST = 10.0
"""Deviations of the label."""


@dataclasses.dataclass(frozen=True)
class Teaching:
    """Weight of the teaching term by step.

    `0` over the burn-in, then up in a line to `weight`, which it has from step `burn_in_steps + ramp_steps`
    on; without a ramp from step `burn_in_steps` on.

    Args:
        weight: float above 0.
        burn_in_steps: int, at least 0.
        ramp_steps: int, at least 0.

    Example:
        >>> teaching = Teaching(weight=2.0, burn_in_steps=10, ramp_steps=4)
        >>> [teaching.weight_at(step) for step in (0, 10, 11, 14, 99)]
        [0.0, 0.0, 0.5, 2.0, 2.0]

    Reference: Anil et al., 2018, arXiv:1804.03235, Algorithm 1.
    """

    weight: float
    burn_in_steps: int
    ramp_steps: int

    @classmethod
    def of(cls, spec: CodistillationSpec, steps: int) -> Teaching:
        """That of a training of so many planned steps."""
        return cls(spec.weight, round(spec.burn_in * steps), round(spec.ramp * steps))

    def weight_at(self, step: int) -> float:
        """The weight of the step after `step` steps."""
        if not self.ramp_steps:
            return self.weight if step >= self.burn_in_steps else 0.0
        return self.weight * (min(max(step - self.burn_in_steps, 0), self.ramp_steps) / self.ramp_steps)

    def weight_of(self, step: Any) -> Any:
        """The same in a graph: float32 scalar of an integer scalar."""
        after = step - tf.cast(self.burn_in_steps, step.dtype)
        if not self.ramp_steps:
            return self.weight * tf.cast(after >= 0, tf.float32)
        ramp = tf.cast(self.ramp_steps, step.dtype)
        risen = tf.minimum(tf.maximum(after, tf.zeros_like(after)), ramp)
        # Whole numbers up to here, so that the weight is exactly 0 and exactly `weight` where it shall be.
        return self.weight * (tf.cast(risen, tf.float32) / tf.cast(ramp, tf.float32))


def temperatures_at(spec: BiTemperedSpec | None, ramp_steps: int, step: Any) -> Temperatures:
    """`t1` and `t2` of a step.

    Args:
        spec: the temperatures in the end; None for those of the logistic loss.
        ramp_steps: int, at least 0. Steps in which they move there from (1, 1).
        step: int scalar, the steps done; None for those in the end.

    Example:
        >>> temperatures_at(None, 0, None), temperatures_at(BiTemperedSpec(0.8, 1.2), 100, None)
        ((1.0, 1.0), (0.8, 1.2))
    """
    if spec is None:
        return PLAIN
    if step is not None and ramp_steps:
        return temperatures(step, spec.t1, spec.t2, ramp_steps)
    return spec.t1, spec.t2


def predictions(task: str, logits: Any, temperature: Temperature = 1.0) -> Any:
    """What a peer says of each example.

    Args:
        task: `binary`, `multiclass` (also of each unit of a sequence) or `regression`.
        logits: float32 `(..., outputs)`.
        temperature: of the softmax. Defaults to `1.0`.

    Returns:
        Probabilities, for a regression the logits; float32 `(..., outputs)`.

    Example:
        >>> predictions("binary", tf.constant([[0.0]])).numpy().tolist()
        [[0.5]]
    """
    if task == "regression":
        return logits
    plain = isinstance(temperature, int | float) and temperature == 1
    if task == "binary":
        return tf.sigmoid(logits) if plain else tempered_sigmoid(logits, temperature)
    return tf.nn.softmax(logits) if plain else tempered_softmax(logits, temperature)


def believed(task: str, said: Any, logits: Any) -> Any:
    """Whether what one peer says of an example counts.

    It must be finite; in a regression within 10 deviations of the label from the own answer, too: a peer so
    far off has diverged, and says finite numbers whose square is not.

    Args:
        task: `binary`, `multiclass` or `regression`.
        said: as `predictions` gives it, float32 `(..., outputs)`.
        logits: own ones, float32 `(..., outputs)`.

    Returns:
        bool `(...)`.

    Example:
        >>> said, own = tf.constant([[10.5], [11.5]]), tf.constant([[1.0], [1.0]])
        >>> believed("regression", said, own).numpy().tolist()
        [True, False]
    """
    if task == "regression":
        return tf.reduce_all(tf.abs(said - logits) <= _FARTHEST, -1)
    return tf.math.is_finite(tf.reduce_sum(said, -1))


def divergence(task: str, targets: Any, logits: Any, temperatures: Temperatures = PLAIN) -> Any:
    """The loss of each example with predictions of peers in place of its label.

    Cross-entropy to soft targets, `-sum_i q_i log p_i`; the bi-tempered loss of soft labels at other
    temperatures; for a regression the squared difference.

    Args:
        task: `binary`, `multiclass` or `regression`.
        targets: as `predictions` gives them, float32 `(..., outputs)`.
        logits: own ones, float32 `(..., outputs)`.
        temperatures: `t1` and `t2`. Defaults to `(1.0, 1.0)`.

    Returns:
        float32 `(...)`.

    Example:
        >>> divergence("regression", tf.constant([[3.0]]), tf.constant([[1.0]])).numpy().tolist()
        [4.0]

    Reference: Anil et al., 2018, arXiv:1804.03235, section 2; Amid et al., 2019,
        arXiv:1906.03361, equation 4.
    """
    if task == "regression":
        return tf.reduce_sum(tf.math.squared_difference(targets, logits), -1)
    plain = all(isinstance(t, int | float) and t == 1 for t in temperatures)
    if task == "binary":
        targets, logits = tf.squeeze(targets, -1), tf.squeeze(logits, -1)
        if plain:
            return tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)
        return bi_tempered_binary_logistic_loss(targets, logits, *temperatures)
    if plain:
        return tf.nn.softmax_cross_entropy_with_logits(labels=targets, logits=logits)
    return bi_tempered_logistic_loss(targets, logits, *temperatures)
