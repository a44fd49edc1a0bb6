"""Temperatures on their way from the logistic loss to those of a training's end.

A model that begins with a bounded loss learns little from what it gets wrong, and at first that is
everything. So the temperatures may start at 1 and move along a line.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import keras
import tensorflow as tf


def temperatures(step: Any, t1: float, t2: float, ramp_steps: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Temperatures on a line from `(1, 1)` at step 0 to `(t1, t2)` at step `ramp_steps`, where they stay.

    Args:
        step: int scalar, a number or a tensor: the steps done.
        t1: float, the temperature of the logarithm at the end.
        t2: float, the temperature of the probabilities at the end.
        ramp_steps: int, at least 1.

    Returns:
        Two float32 scalars.

    Raises:
        ValueError: if `ramp_steps` is below 1.

    Example:
        >>> [round(float(t), 3) for t in temperatures(50, 0.8, 1.2, 100)]
        [0.9, 1.1]
    """
    _check(ramp_steps)
    share = tf.minimum(tf.cast(step, tf.float32) / float(ramp_steps), 1.0)
    return 1.0 + share * (t1 - 1.0), 1.0 + share * (t2 - 1.0)


@dataclasses.dataclass(frozen=True)
class Ramp:
    """Temperatures that follow the steps of an optimizer.

    Args:
        optimizer: its `iterations` are the steps done.
        steps: int, at least 1. Steps of the way.
    """

    optimizer: keras.optimizers.Optimizer
    steps: int

    def apply(self, loss: Callable[[Any, Any], tf.Tensor], t1: float, t2: float) -> tf.Tensor:
        """The loss at the temperatures of now; at the end of the way they are numbers, which is faster."""
        step = tf.convert_to_tensor(self.optimizer.iterations)
        return tf.cond(
            step >= tf.cast(self.steps, step.dtype),
            lambda: loss(t1, t2),
            lambda: loss(*temperatures(step, t1, t2, self.steps)),
        )


class Ramped(Protocol):
    """A loss whose temperatures can be on their way."""

    ramp: Ramp | None


class TemperatureRamp(keras.callbacks.Callback):
    """Moves the temperatures of losses along a line from `(1, 1)` to their own over the first steps.

    The step is the optimizer's, read inside the training step: it is exact with `steps_per_execution`, a
    resumed training goes on where it was, and no step is traced again. The losses keep the ramp after the
    training; evaluation in the middle of it is at the temperatures of then. A saved model has their last.

    Args:
        losses: a `BiTempered` or `BinaryBiTempered`, or several, that the model was compiled with.
        steps: int, at least 1. Optimizer steps of the way.

    Raises:
        ValueError: if `steps` is below 1.

    Example:
        >>> TemperatureRamp([], 0)
        Traceback (most recent call last):
        ...
        ValueError: ramp_steps must be at least 1. Received: ramp_steps=0
    """

    def __init__(self, losses: Ramped | Sequence[Ramped], steps: int) -> None:
        super().__init__()
        _check(steps)
        self.losses = tuple(losses) if isinstance(losses, Sequence) else (losses,)
        self.steps = steps

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        ramp = Ramp(model.optimizer, self.steps)
        if all(loss.ramp == ramp for loss in self.losses):
            return
        for loss in self.losses:
            loss.ramp = ramp
        # What was traced before knows no ramp.
        model.train_function = model.test_function = None


def _check(ramp_steps: int) -> None:
    if ramp_steps < 1:
        raise ValueError(f"ramp_steps must be at least 1. Received: ramp_steps={ramp_steps}")
