"""FTRL-Proximal with row updates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from trainer.optimizers.rows import Rate, RowOptimizer, state_type


@keras.saving.register_keras_serializable(package="tandem")
class FTRL(RowOptimizer):
    """Follow the regularised leader, proximal form, with per-coordinate rates, L1 and L2.

    With `n` the accumulator, `z` the linear slot and `p = -learning_rate_power`:
    `n' = n + g**2`, `z' = z + g - w * (n'**p - n**p) / alpha`, and
    `w' = 0` where `|z'| <= l1`, otherwise `(sign(z') * l1 - z') / (n'**p / alpha + 2 * l2)`.
    Rows of a table that are not in the batch keep all three.

    `alpha` is the learning rate of step 0 and stays. A schedule multiplies the gradient by
    `learning_rate(step) / alpha` instead: a falling `alpha` would raise the denominator and so pull every
    weight that is met again towards 0. `z` starts where the current weights are the leader, so weights
    other than 0 are not forgotten in the first step. In the same way rows taken over from another model keep
    their `z` only as far as it agrees with their weights (`settle`): the weights follow from `z` and `n` at
    every step, so any other `z` would replace them, and so would a change of the rate, of L1 or of L2.

    Args:
        learning_rate: float above 0 or a schedule. Defaults to `0.05`.
        l1: float, at least 0. Weight of `|w|`. Defaults to `0.001`.
        l2: float, at least 0. Weight of `w**2`. Defaults to `0.001`.
        learning_rate_power: float, at most 0. Defaults to `-0.5`.
        initial_accumulator: float, at least 0. Start of `n`. Defaults to `0.1`.
        name: str or None. Defaults to `"ftrl"`.
        **options: `clipnorm` and others, see `RowOptimizer`.

    Raises:
        ValueError: if a number is out of range, or an option touches every row of a table.

    Reference: McMahan et al., 2013, "Ad Click Prediction: a View from the Trenches", algorithm 1, with
    `beta = 0`, `lambda_1 = l1`, `lambda_2 = 2 * l2`.
    """

    slot_names = ("accumulator", "linear")

    def __init__(
        self,
        learning_rate: Rate = 0.05,
        l1: float = 0.001,
        l2: float = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator: float = 0.1,
        name: str | None = "ftrl",
        **options: Any,
    ) -> None:
        for key, value in (("l1", l1), ("l2", l2), ("initial_accumulator", initial_accumulator)):
            if value < 0:
                raise ValueError(f"{key} must be at least 0. Received: {key}={value}")
        if learning_rate_power > 0:
            raise ValueError(
                f"learning_rate_power must be at most 0. Received: learning_rate_power={learning_rate_power}"
            )
        if options.get("weight_decay"):
            raise ValueError(
                "FTRL makes its weights anew from its slots at every step, which undoes weight_decay. "
                f"Received: weight_decay={options['weight_decay']}. Use l2."
            )
        super().__init__(learning_rate, name=name, **options)
        if isinstance(learning_rate, keras.optimizers.schedules.LearningRateSchedule):
            self.alpha = float(learning_rate(0))
        else:
            self.alpha = float(learning_rate)
        if not self.alpha > 0:
            raise ValueError(
                f"the learning rate of step 0 must be above 0. Received: learning_rate={self.alpha}"
            )
        self.l1, self.l2 = float(l1), float(l2)
        self.learning_rate_power = float(learning_rate_power)
        self.initial_accumulator = float(initial_accumulator)

    def _strength(self, accumulator: tf.Tensor) -> tf.Tensor:
        """`n**p / alpha`."""
        if self.learning_rate_power == -0.5:
            return tf.sqrt(accumulator) / self.alpha
        return tf.pow(accumulator, -self.learning_rate_power) / self.alpha

    def slot_start(self, name: str, variable: keras.Variable) -> tf.Tensor:
        kind = state_type(variable)
        # Keras may create slots while it traces a step, where the weights are to be read outside of it.
        with tf.init_scope():
            accumulator = tf.fill(variable.shape, tf.constant(self.initial_accumulator, kind))
            if name == "accumulator":
                return accumulator
            return self._linear(tf.cast(tf.convert_to_tensor(variable), kind), accumulator)

    def _linear(self, weights: tf.Tensor, accumulator: tf.Tensor) -> tf.Tensor:
        """The `z` of which weights other than 0 are the leader; 0 where they are 0."""
        return -tf.sign(weights) * self.l1 - weights * (self._strength(accumulator) + 2 * self.l2)

    def settle(self) -> None:
        """Makes `z` say what the weights are, for weights and slots that come from elsewhere.

        A weight other than 0 is the leader of one `z` only, given `n`. A weight of 0 is the leader of every
        `z` in `[-l1, l1]`, so `z` keeps what it gathered there, clipped to that range.
        """
        for variable, slots in zip(self._trainable_variables, self._slots, strict=True):
            gathered = tf.convert_to_tensor(slots["linear"])
            weights = tf.cast(tf.convert_to_tensor(variable), gathered.dtype)
            told = self._linear(weights, tf.convert_to_tensor(slots["accumulator"]))
            slots["linear"].assign(
                tf.where(weights == 0, tf.clip_by_value(gathered, -self.l1, self.l1), told)
            )

    def formula(
        self, gradient: tf.Tensor, learning_rate: tf.Tensor, variable: tf.Tensor, *slots: tf.Tensor
    ) -> Sequence[tf.Tensor]:
        scaled = gradient * (learning_rate / self.alpha)
        accumulator = slots[0] + tf.square(scaled)
        strength = self._strength(accumulator)
        linear = slots[1] + scaled - (strength - self._strength(slots[0])) * variable
        leader = tf.math.divide_no_nan(tf.sign(linear) * self.l1 - linear, strength + 2 * self.l2)
        return tf.where(tf.abs(linear) > self.l1, leader, tf.zeros_like(leader)), accumulator, linear

    def update_distinct(
        self,
        indices: tf.Tensor,
        gradient: tf.Tensor,
        learning_rate: tf.Tensor,
        variable: tf.Variable,
        *slots: tf.Variable,
    ) -> None:
        """TensorFlow's kernel, whose L2 counts double as ours does, for rows of one number.

        On wider rows it takes longer than gathering and scattering. Without L2 it divides 0
        by 0 where an accumulator is 0.
        """
        if variable.shape[1:] != [1] or not self.l2 or variable.dtype != slots[0].dtype:
            super().update_distinct(indices, gradient, learning_rate, variable, *slots)
            return
        accumulator, linear = slots
        tf.raw_ops.ResourceSparseApplyFtrlV2(
            var=variable.handle,
            accum=accumulator.handle,
            linear=linear.handle,
            grad=gradient * (learning_rate / self.alpha),
            indices=indices,
            lr=self.alpha,
            l1=self.l1,
            l2=self.l2,
            l2_shrinkage=0.0,
            lr_power=self.learning_rate_power,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "l1": self.l1,
            "l2": self.l2,
            "learning_rate_power": self.learning_rate_power,
            "initial_accumulator": self.initial_accumulator,
        }
