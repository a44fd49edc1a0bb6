"""The weights that an exported model holds, and how it computes with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.quantisation.choice import reduced_axes
from trainer.quantisation.in_place import InPlace
from trainer.quantisation.rounding import dequantise, quantise


class StoredWeights(tf.Module):
    """Copies of a model's weights, in 8 bits where asked for, that stand in for it inside a SavedModel.

    Integers are turned into float32 once for each call, outside of the loop of a beam search: the stock
    kernels that multiply 8-bit integers on a CPU are slower than those for float32 (docs/sequences.md).

    Args:
        model: a built Keras model or layer, whose weights are copied as they are now.
        int8: bool. Whether kernels and tables are stored as integers and scales. Defaults to `False`.

    Example:
        >>> layer = keras.layers.Dense(32)
        >>> layer.build((None, 32))
        >>> stored = StoredWeights(layer, int8=True)
        >>> stored.bytes, StoredWeights(layer).bytes
        (1280, 4224)
        >>> inputs = tf.random.stateless_normal([2, 32], [1, 2])
        >>> with stored.in_use():
        ...     outputs = layer(inputs)
        >>> bool(tf.reduce_max(tf.abs(outputs - layer(inputs))) < 0.05)
        True
    """

    def __init__(self, model: Any, int8: bool = False) -> None:
        super().__init__(name="stored_weights")
        variables = tuple(model.trainable_variables)
        # Behind a function: what a module holds itself would be saved with it.
        self._variables: Callable[[], Sequence[keras.Variable]] = lambda: variables
        self.integers: dict[str, tf.Variable] = {}
        self.scales: dict[str, tf.Variable] = {}
        self.floats: dict[str, tf.Variable] = {}
        for index, variable in enumerate(variables):
            axes = reduced_axes(variable.path, variable.shape) if int8 else None
            key, value = f"w{index}", tf.constant(variable.numpy())
            if axes is None:
                self.floats[key] = tf.Variable(value, trainable=False, name=key)
            else:
                integers, scales = quantise(value, axes)
                self.integers[key] = tf.Variable(integers, trainable=False, name=f"{key}_int8")
                self.scales[key] = tf.Variable(scales, trainable=False, name=f"{key}_scales")

    def assign(self, values: Sequence[Any]) -> None:
        """Takes other weights, so that graphs that use these need not be made again.

        Args:
            values: float32 arrays in the order of the model's trainable variables.
        """
        for index, (variable, value) in enumerate(zip(self._variables(), values, strict=True)):
            key = f"w{index}"
            if key in self.floats:
                self.floats[key].assign(value)
            else:
                axes = reduced_axes(variable.path, variable.shape)
                assert axes is not None
                integers, scales = quantise(tf.constant(value), axes)
                self.integers[key].assign(integers)
                self.scales[key].assign(scales)

    def values(self) -> list[tuple[keras.Variable, Any]]:
        """Each variable of the model with the float32 tensor that its copy stands for."""
        return [
            (
                variable,
                tf.identity(self.floats[key])
                if key in self.floats
                else dequantise(self.integers[key], self.scales[key]),
            )
            for key, variable in ((f"w{index}", variable) for index, variable in enumerate(self._variables()))
        ]

    def in_use(self) -> InPlace:
        """A block in which the model computes with these weights; to be entered inside the `tf.function`."""
        return InPlace(self.values())

    @property
    def bytes(self) -> int:
        """Size of all weights."""
        return sum(_bytes(kept) for kept in (*self._stored(), *self.floats.values()))

    @property
    def weights_in_int8(self) -> int:
        """Number of weights stored as integers."""
        return sum(int(np.prod(kept.shape)) for kept in self.integers.values())

    def largest_error(self) -> float:
        """The greatest `|dequantised - w| / max |w|` over all kernels and tables; 0 without integers."""
        errors = [0.0]
        for index, (variable, value) in enumerate(self.values()):
            if f"w{index}" in self.integers:
                weights = variable.numpy()
                largest = float(np.abs(weights).max())
                errors.append(float(np.abs(value.numpy() - weights).max()) / largest if largest else 0.0)
        return max(errors)

    def _stored(self) -> list[tf.Variable]:
        return [*self.integers.values(), *self.scales.values()]


def _bytes(variable: tf.Variable) -> int:
    return int(np.prod(variable.shape)) * variable.dtype.size
