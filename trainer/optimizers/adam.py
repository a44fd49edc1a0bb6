"""Adam with corrected averages and decoupled weight decay, for dense gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from trainer.optimizers.rows import Rate, RowOptimizer, state_type, under_xla


@keras.saving.register_keras_serializable(package="tandem")
class Adam(RowOptimizer):
    """Steps along the average gradient, over the root of the average square.

    `m <- beta_1 m + (1 - beta_1) g`, `v <- beta_2 v + (1 - beta_2) g**2` and
    `w <- w - rate_t m / (sqrt(v) + epsilon)` with
    `rate_t = learning_rate sqrt(1 - beta_2**t) / (1 - beta_1**t)`, so that neither average is near its start
    of 0 for long. Weight decay is apart from the gradient, see `RowOptimizer`.

    Both averages change at every step in every row, so row updates are refused: give it dense gradients.
    Outside XLA the update is one fused pass of TensorFlow.

    Args:
        learning_rate: float above 0 or a schedule. Defaults to `0.001`.
        beta_1: float in `[0, 1)`. Defaults to `0.9`.
        beta_2: float in `[0, 1)`. Defaults to `0.98`.
        epsilon: float above 0. Defaults to `1e-08`.
        name: str or None. Defaults to `"adam"`.
        **options: `weight_decay`, `no_decay`, `global_clipnorm` and others, see `RowOptimizer`.

    Raises:
        ValueError: if a number is out of range, or a gradient is one of rows.

    Example:
        >>> weights = keras.Variable([1.0, 2.0])
        >>> Adam(0.5).apply([tf.constant([0.1, -8.0])], [weights])
        >>> weights.numpy().round(4).tolist()
        [0.5, 2.5]

    Reference: Kingma and Ba, 2015, arXiv:1412.6980, algorithm 1 with the order of section 2.
    """

    slot_names: tuple[str, ...] = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.98,
        epsilon: float = 1e-8,
        name: str | None = "adam",
        **options: Any,
    ) -> None:
        for key, value in (("beta_1", beta_1), ("beta_2", beta_2)):
            if not 0 <= value < 1:
                raise ValueError(f"{key} must be in [0, 1). Received: {key}={value}")
        if not epsilon > 0:
            raise ValueError(f"epsilon must be above 0. Received: epsilon={epsilon}")
        super().__init__(learning_rate, name=name, **options)
        self.beta_1, self.beta_2, self.epsilon = float(beta_1), float(beta_2), float(epsilon)

    def slot_start(self, name: str, variable: keras.Variable) -> tf.Tensor:  # noqa: ARG002
        return tf.zeros(variable.shape, state_type(variable))

    def update_step(
        self,
        gradient: tf.Tensor | tf.IndexedSlices,
        variable: tf.Variable,
        learning_rate: tf.Tensor | keras.Variable,
    ) -> None:
        if isinstance(gradient, tf.IndexedSlices):
            path = self._paths[self._get_variable_index(variable)]
            raise ValueError(
                "Adam lowers the averages of every row at every step. Received: row updates of "
                f"{path}. Give it tf.convert_to_tensor(gradient)."
            )
        super().update_step(gradient, variable, learning_rate)

    def _powers(self, kind: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
        """`beta_1**t` and `beta_2**t` of the step that is taken."""
        steps = tf.cast(self.iterations, kind) + 1
        return tf.pow(tf.cast(self.beta_1, kind), steps), tf.pow(tf.cast(self.beta_2, kind), steps)

    def update_dense(
        self, gradient: tf.Tensor, learning_rate: tf.Tensor, variable: tf.Variable, *slots: tf.Variable
    ) -> None:
        if variable.dtype != gradient.dtype or under_xla():
            super().update_dense(gradient, learning_rate, variable, *slots)
            return
        if self.weight_decay and self._use_weight_decay(variable):
            # The step does not depend on the weights, so they may shrink before it.
            variable.assign(variable * (1 - learning_rate * tf.cast(self.weight_decay, gradient.dtype)))
        first, second = self._powers(gradient.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=slots[0].handle,
            v=slots[1].handle,
            beta1_power=first,
            beta2_power=second,
            lr=learning_rate,
            beta1=tf.constant(self.beta_1, gradient.dtype),
            beta2=tf.constant(self.beta_2, gradient.dtype),
            epsilon=tf.constant(self.epsilon, gradient.dtype),
            grad=gradient,
        )

    def formula(
        self, gradient: tf.Tensor, learning_rate: tf.Tensor, variable: tf.Tensor, *slots: tf.Tensor
    ) -> Sequence[tf.Tensor]:
        momentum = slots[0] + (1 - self.beta_1) * (gradient - slots[0])
        velocity = slots[1] + (1 - self.beta_2) * (tf.square(gradient) - slots[1])
        first, second = self._powers(gradient.dtype)
        rate = learning_rate * tf.sqrt(1 - second) / (1 - first)
        return [variable - rate * momentum / (tf.sqrt(velocity) + self.epsilon), momentum, velocity]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
