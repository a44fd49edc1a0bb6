"""Exponential average of the dense weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf


class WeightAverage:
    """Keeps `a <- d a + (1 - d) w` of each weight, with `d = min(decay, (1 + t) / (10 + t))` at step `t`.

    The lower decay of the first steps lets the average forget the initial weights. Tables are left out: to
    average them every row would have to be touched at every step.

    Args:
        variables: the weights to average; none if `decay` is 0.
        decay: float in `[0, 1)`; `0` keeps no average.

    Reference: Polyak and Juditsky, 1992; warm-up as in `tf.train.ExponentialMovingAverage(num_updates)`.
    """

    def __init__(self, variables: Sequence[keras.Variable], decay: float) -> None:
        self._decay = decay
        self._followed = list(variables) if decay else []
        self._averages = [
            self._variable(keras.ops.copy(v.value), f"average_{index}")
            for index, v in enumerate(self._followed)
        ]
        self._count = self._variable(0.0, "count") if self._followed else None

    @staticmethod
    def _variable(value: Any, name: str) -> keras.Variable:
        return keras.Variable(
            value, trainable=False, dtype="float32", aggregation="only_first_replica", name=name
        )

    @property
    def variables(self) -> list[keras.Variable]:
        """State for a checkpoint."""
        return [*self._averages, self._count] if self._count is not None else []

    def update(self) -> None:
        """Takes in the weights after a step; part of the train step's graph."""
        if self._count is None:
            return
        count = tf.identity(self._count.value) + 1.0
        self._count.assign(count)
        keep = tf.minimum(self._decay, (1.0 + count) / (10.0 + count))
        for average, weight in zip(self._averages, self._followed, strict=True):
            average.assign(tf.identity(average.value) * keep + tf.identity(weight.value) * (1.0 - keep))

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """The averages stand in for the weights inside the `with` block."""
        kept = [weight.numpy() for weight in self._followed]
        for average, weight in zip(self._averages, self._followed, strict=True):
            weight.assign(average.numpy())
        try:
            yield
        finally:
            for value, weight in zip(kept, self._followed, strict=True):
                weight.assign(value)
