"""LSTM layers over whole sequences and step by step."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from trainer.models.layers import derive_seed
from trainer.models.sequence.numeric import product, turned
from trainer.models.sequence.parts import Part
from trainer.models.sequence.recurrence import State, cell, recurrence


class Lstm(Part):
    """A layer from `(steps, batch, inputs)` to `(steps, batch, units)`, state 0 before the first step.

    Args:
        name: of the layer.
        inputs: int. Width of the input.
        units: int.
        seed: int.
    """

    def __init__(self, name: str, inputs: int, units: int, seed: int) -> None:
        super().__init__(name, seed)
        self.units = units
        self.kernel = self.matrix("kernel", inputs, 4 * units, parts=4)
        gates = [
            keras.initializers.Orthogonal(seed=derive_seed(self.seed, f"recurrent_{gate}"))((units, units))
            for gate in range(4)
        ]
        self.recurrent = self.add_weight(shape=(units, 4 * units), initializer="zeros", name="recurrent")
        self.recurrent.assign(tf.concat(gates, 1))
        # A memory that is kept at first lets gradients reach the beginning of a sequence.
        self.bias = self.vector("bias", 4 * units)
        self.bias.assign(tf.repeat([0.0, 1.0, 0.0, 0.0], units))

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        weights = (self.kernel.value, self.recurrent.value, self.bias.value)
        return recurrence(inputs, *weights, precision=self.factors, training=training)

    def step(self, inputs: tf.Tensor, state: State, share: Any = 0.0) -> State:
        """One step.

        Args:
            inputs: float32 `(..., n)`; if it is narrower than the input, `share` is of the rest.
            state: output and memory, both float32 `(..., units)`.
            share: float32 `(..., 4 units)`, added to the sums of the gates. Defaults to `0.0`.
        """
        kernel = self.kernel.value[: inputs.shape[-1]]
        return self.after(product(inputs, kernel, self.factors) + share, state)

    def after(self, share: tf.Tensor, state: State) -> State:
        """One step, from the product of input and kernel, float32 `(..., 4 units)`."""
        gates = share + self.bias.value
        output, memory, _ = cell(gates + product(state[0], self.recurrent.value, self.factors), state[1])
        return output, memory


class Bidirectional(Part):
    """Two layers, one over the sequence and one over its reverse; outputs side by side.

    Right padding stays outside of what real positions see: the reverse begins at the last unit of each
    sequence.

    Args:
        name: of the layer.
        inputs: int.
        units: int, of each direction.
        seed: int.
    """

    def __init__(self, name: str, inputs: int, units: int, seed: int) -> None:
        super().__init__(name, seed)
        self.ahead = Lstm(f"{name}_ahead", inputs, units, self.seed)
        self.back = Lstm(f"{name}_back", inputs, units, self.seed)

    def call(self, inputs: tf.Tensor, lengths: tf.Tensor, training: bool = False) -> tf.Tensor:
        back = self.back(turned(inputs, lengths, training), training=training)
        return tf.concat([self.ahead(inputs, training=training), turned(back, lengths, training)], -1)
