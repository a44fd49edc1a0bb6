"""The smallest layers: an affine map, a table of embeddings, normalisation. All weights are float32."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from trainer.models.layers import derive_seed
from trainer.models.sequence.numeric import product


class Part(keras.layers.Layer):
    """A layer whose weights exist from the start, and whose inputs keep their type.

    The dtype policy of Keras at the time it is made says what type the factors of products have: with
    `mixed_bfloat16` they are bfloat16. All else is float32.

    Args:
        name: of the layer, part of the names of its weights.
        seed: int. Initial weights depend on it and on `name` alone.
    """

    def __init__(self, name: str, seed: int) -> None:
        super().__init__(name=name, autocast=False, dtype="float32")
        self.seed = derive_seed(seed, name)
        self.factors = str(keras.config.dtype_policy().compute_dtype)
        self.built = True

    def matrix(self, name: str, rows: int, columns: int, parts: int = 1) -> keras.Variable:
        """A float32 weight `(rows, columns)`, Glorot uniform for each of `parts` equal groups of columns."""
        limit = (6.0 / (rows + columns // parts)) ** 0.5
        start = keras.initializers.RandomUniform(-limit, limit, seed=derive_seed(self.seed, name))
        return self.add_weight(shape=(rows, columns), initializer=start, name=name)

    def vector(self, name: str, size: int, value: float = 0.0) -> keras.Variable:
        """A float32 weight `(size,)` that starts at one value."""
        return self.add_weight(shape=(size,), initializer=keras.initializers.Constant(value), name=name)


class Affine(Part):
    """`x W + b` over the last axis.

    Args:
        name: of the layer.
        inputs: int. Width of `x`.
        units: int. Width of the output.
        seed: int.
        bias: bool. Defaults to `True`.
        exact: bool. Whether factors are float32 whatever the policy. Defaults to `False`.
    """

    def __init__(
        self, name: str, inputs: int, units: int, seed: int, bias: bool = True, exact: bool = False
    ) -> None:
        super().__init__(name, seed)
        if exact:
            self.factors = "float32"
        self.kernel = self.matrix("kernel", inputs, units)
        self.bias: Any = self.vector("bias", units) if bias else None

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        bias = None if self.bias is None else self.bias.value
        return product(inputs, self.kernel.value, self.factors, bias)


class Embedding(Part):
    """A row for each id; values have the deviation 0.5 at first.

    Args:
        name: of the layer.
        size: int. Number of ids.
        width: int.
        seed: int.
        tied: bool. Whether the rows also make logits: then they are of about unit length, and scaled where
            they are read.
    """

    def __init__(self, name: str, size: int, width: int, seed: int, tied: bool) -> None:
        super().__init__(name, seed)
        self.size = size
        deviation = width**-0.5 if tied else 0.5
        self.scale = 0.5 / deviation
        start = keras.initializers.RandomNormal(0.0, deviation, seed=derive_seed(self.seed, "table"))
        self.table = self.add_weight(shape=(size, width), initializer=start, name="table")

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        rows = tf.gather(self.table.value, ids)
        return rows if self.scale == 1.0 else rows * self.scale

    def logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """Products of `(..., width)` with the row of each id: `(..., size)`."""
        return product(hidden, tf.transpose(self.table.value), "float32")


class Norm(Part):
    """Layer normalisation over the last axis, in float32.

    Reference: Ba, Kiros, Hinton, 2016, arXiv:1607.06450, equation 4.
    """

    def __init__(self, name: str, width: int) -> None:
        super().__init__(name, 0)
        self.gamma = self.vector("gamma", width, 1.0)
        self.beta = self.vector("beta", width)

    def call(self, inputs: tf.Tensor) -> Any:
        centred = inputs - tf.reduce_mean(inputs, -1, keepdims=True)
        scale = tf.math.rsqrt(tf.reduce_mean(tf.square(centred), -1, keepdims=True) + 1e-6)
        return centred * scale * self.gamma.value + self.beta.value
