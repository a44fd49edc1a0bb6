"""Learning rates over the planned steps: warm-up, and how they end."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import keras
import tensorflow as tf

from trainer.optimizers.rows import Rate

Decay: TypeAlias = Literal["none", "linear", "cosine", "cool_down", "rsqrt"]
COOL_DOWN = 0.1
"""Share of the planned steps in which `cool_down` falls to 0."""


@keras.saving.register_keras_serializable(package="tandem")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """`rate(step) * min(1, ((step + 1) / steps) ** power)`: the first step is not lost.

    Args:
        learning_rate: float above 0, or the schedule that is warmed up.
        steps: int, at least 1. Steps of the warm-up; the paper of SM3 takes 5% of all.
        power: float above 0. Defaults to `2.0`.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> [round(float(WarmUp(1.0, 2)(step)), 2) for step in range(4)]
        [0.25, 1.0, 1.0, 1.0]

    Reference: Anil, Gupta, Koren, Singer, 2019, arXiv:1901.11150, section 5.
    """

    def __init__(self, learning_rate: Rate, steps: int, power: float = 2.0) -> None:
        if steps < 1:
            raise ValueError(f"steps must be at least 1. Received: steps={steps}")
        if not power > 0:
            raise ValueError(f"power must be above 0. Received: power={power}")
        super().__init__()
        self.learning_rate, self.steps, self.power = learning_rate, int(steps), float(power)

    def __call__(self, step: Any) -> tf.Tensor:
        rate = self.learning_rate(step) if callable(self.learning_rate) else self.learning_rate
        share = (tf.cast(step, tf.float32) + 1.0) / self.steps
        return tf.cast(rate, tf.float32) * tf.minimum(1.0, share) ** self.power

    def get_config(self) -> dict[str, Any]:
        rate = self.learning_rate
        told = keras.optimizers.schedules.serialize(rate) if callable(rate) else rate
        return {"learning_rate": told, "steps": self.steps, "power": self.power}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> WarmUp:
        rate = config["learning_rate"]
        if isinstance(rate, dict):
            rate = keras.optimizers.schedules.deserialize(rate)
        return cls(**{**config, "learning_rate": rate})


@keras.saving.register_keras_serializable(package="tandem")
class CoolDown(keras.optimizers.schedules.LearningRateSchedule):
    """Constant, then along a line to 0 at step `steps`.

    Args:
        learning_rate: float above 0.
        steps: int, at least 1. Planned steps.
        share: float in `(0, 1]`. Share of them in which the rate falls. Defaults to `0.1`.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> [round(float(CoolDown(1.0, 10, 0.2)(step)), 2) for step in (0, 8, 9, 10)]
        [1.0, 1.0, 0.5, 0.0]

    Reference: Anil, Gupta, Koren, Singer, 2019, arXiv:1901.11150, section 5.
    """

    def __init__(self, learning_rate: float, steps: int, share: float = COOL_DOWN) -> None:
        if steps < 1:
            raise ValueError(f"steps must be at least 1. Received: steps={steps}")
        if not 0 < share <= 1:
            raise ValueError(f"share must be in (0, 1]. Received: share={share}")
        super().__init__()
        self.learning_rate, self.steps, self.share = float(learning_rate), int(steps), float(share)

    def __call__(self, step: Any) -> tf.Tensor:
        left = (self.steps - tf.cast(step, tf.float32)) / (self.steps * self.share)
        return self.learning_rate * tf.clip_by_value(left, 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {"learning_rate": self.learning_rate, "steps": self.steps, "share": self.share}


@keras.saving.register_keras_serializable(package="tandem")
class InverseRoot(keras.optimizers.schedules.LearningRateSchedule):
    """Constant for the first steps, then falling with the inverse square root of the step.

    `rate * min(1, sqrt(steps / (step + 1)))`: after four times `steps`, half of the rate is left.

    Args:
        learning_rate: float above 0.
        steps: int, at least 1.

    Raises:
        ValueError: if `steps` is below 1.

    Example:
        >>> [float(InverseRoot(1.0, 4)(step)) for step in (0, 3, 15)]
        [1.0, 1.0, 0.5]

    Reference: Vaswani et al., 2017, arXiv:1706.03762, equation 3.
    """

    def __init__(self, learning_rate: float, steps: int) -> None:
        if steps < 1:
            raise ValueError(f"steps must be at least 1. Received: steps={steps}")
        super().__init__()
        self.learning_rate, self.steps = float(learning_rate), int(steps)

    def __call__(self, step: Any) -> tf.Tensor:
        after = (tf.cast(step, tf.float32) + 1.0) / self.steps
        return self.learning_rate * tf.math.rsqrt(tf.maximum(after, 1.0))

    def get_config(self) -> dict[str, Any]:
        return {"learning_rate": self.learning_rate, "steps": self.steps}


def schedule(rate: float, decay: Decay, steps: int, warm_up: float = 0.0, power: float = 2.0) -> Rate:
    """Learning rate over the planned steps.

    Args:
        rate: float above 0. The highest rate.
        decay: `none`; `linear` or `cosine`, down to 0 at step `steps` along a line or half a cosine wave;
            `cool_down`, constant and then along a line to 0 in the last tenth; `rsqrt`, with the inverse
            square root of the step after the warm-up.
        steps: int. Planned steps; at least 1 unless `decay` is `none` and `warm_up` is 0.
        warm_up: float in `[0, 1)`. Share of the steps that rise to the rate, see `WarmUp`. Defaults to `0.0`.
        power: float above 0. Of the warm-up. Defaults to `2.0`.

    Raises:
        ValueError: if `decay` is unknown, or needs `steps`.
    """
    if (decay != "none" or warm_up) and steps < 1:
        raise ValueError(
            "decay and warm_up need the number of planned steps. "
            f"Received: decay={decay!r}, warm_up={warm_up}, steps={steps}"
        )
    schedules = keras.optimizers.schedules
    if decay == "none":
        found: Rate = rate
    elif decay == "linear":
        found = schedules.PolynomialDecay(rate, steps, end_learning_rate=0.0, power=1.0)
    elif decay == "cosine":
        found = schedules.CosineDecay(rate, steps, alpha=0.0)
    elif decay == "cool_down":
        found = CoolDown(rate, steps)
    elif decay == "rsqrt":
        found = InverseRoot(rate, max(1, round(warm_up * steps)))
    else:
        raise ValueError(f"decay must be none, linear, cosine, cool_down or rsqrt. Received: decay={decay!r}")
    return WarmUp(found, max(1, round(warm_up * steps)), power) if warm_up else found
