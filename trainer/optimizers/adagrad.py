"""AdaGrad with row updates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from trainer.optimizers.rows import Rate, RowOptimizer, state_type


@keras.saving.register_keras_serializable(package="tandem")
class AdaGrad(RowOptimizer):
    """Adaptive subgradient method, diagonal form.

    `a <- a + g**2`, `w <- w - learning_rate * g / (sqrt(a) + epsilon)`. Rows of a table that are not in the
    batch keep `w` and `a`. TensorFlow's fused kernel takes longer than gathering and scattering
    the rows (`benchmarks/sparse_updates.py`), so it is not used.

    Args:
        learning_rate: float above 0 or a schedule. Defaults to `0.02`.
        initial_accumulator: float, at least 0. Start of `a`. Defaults to `0.1`.
        epsilon: float above 0. Keeps `0 / 0` from an accumulator of 0. Defaults to `1e-7`.
        name: str or None. Defaults to `"adagrad"`.
        **options: `weight_decay`, `no_decay`, `clipnorm` and others, see `RowOptimizer`.

    Raises:
        ValueError: if a number is out of range, or an option touches every row of a table.

    Reference: Duchi, Hazan, Singer, 2011, JMLR 12, figure 1.
    """

    slot_names = ("accumulator",)

    def __init__(
        self,
        learning_rate: Rate = 0.02,
        initial_accumulator: float = 0.1,
        epsilon: float = 1e-7,
        name: str | None = "adagrad",
        **options: Any,
    ) -> None:
        if initial_accumulator < 0:
            raise ValueError(
                f"initial_accumulator must be at least 0. Received: initial_accumulator={initial_accumulator}"
            )
        if not epsilon > 0:
            raise ValueError(f"epsilon must be above 0. Received: epsilon={epsilon}")
        super().__init__(learning_rate, name=name, **options)
        self.initial_accumulator = float(initial_accumulator)
        self.epsilon = float(epsilon)

    def slot_start(self, name: str, variable: keras.Variable) -> tf.Tensor:  # noqa: ARG002
        return tf.fill(variable.shape, tf.constant(self.initial_accumulator, state_type(variable)))

    def formula(
        self, gradient: tf.Tensor, learning_rate: tf.Tensor, variable: tf.Tensor, *slots: tf.Tensor
    ) -> Sequence[tf.Tensor]:
        accumulator = slots[0] + tf.square(gradient)
        return variable - learning_rate * gradient / (tf.sqrt(accumulator) + self.epsilon), accumulator

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {**config, "initial_accumulator": self.initial_accumulator, "epsilon": self.epsilon}
