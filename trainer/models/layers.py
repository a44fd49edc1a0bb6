"""Id columns to numbers. Tables are read by gathering rows, so a step costs the same at any table size.

Columns that share a width share one table: column `j` owns the rows
`[offset_j, offset_j + size_j)`, `offset_j` being the sum of the sizes before it. Fewer, larger gathers
are faster, and a column's rows stay addressable by name (`placements`).
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.models.dropout import SeededDropout

PACKAGE = "tandem"


@dataclasses.dataclass(frozen=True)
class Placement:
    """Where the rows of one column are.

    Args:
        part: `wide`, `linear` or `deep`.
        column: name of the column.
        variable: the table, `(rows, width)`.
        offset: int. First row of the column.
        size: int. Number of rows; id `i` of the column is row `offset + i`.
        vocabulary: str or None. Name of the vocabulary that made the ids.
    """

    part: str
    column: str
    variable: keras.Variable
    offset: int
    size: int
    vocabulary: str | None = None


def derive_seed(seed: int, name: str) -> int:
    """A seed in `[0, 2**31)` for each name, so that adding a layer leaves the others as they were."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:4], "big") >> 1


def embedding_dim(values: int, cap: int) -> int:
    """Width of an embedding by rule: `min(cap, round(1.6 * values ** 0.56))`, at least 2 where `cap` allows.

    Args:
        values: int, at least 1. Number of ids.
        cap: int, at least 1. Greatest width.

    Example:
        >>> [embedding_dim(n, 32) for n in (1, 3, 17, 10_000)]
        [2, 3, 8, 32]
    """
    return min(cap, max(2, round(1.6 * float(values) ** 0.56)))


def _offsets(sizes: Sequence[int]) -> list[int]:
    return [int(offset) for offset in np.concatenate([[0], np.cumsum(sizes[:-1], dtype=np.int64)])]


@keras.saving.register_keras_serializable(package=PACKAGE)
class WideLinear(keras.layers.Layer):
    """Linear model over one-hot ids: `y = sum_j w[offset_j + id_j]`, without a bias.

    Args:
        columns: `[name, size]` of each column, in the order of the ids.
        units: int, at least 1. Number of outputs.

    Input `(batch, columns)` integers, output `(batch, units)` float32. Weights start at 0, as FTRL with L1
    expects: a row never seen stays exactly 0.
    """

    def __init__(self, columns: Sequence[Sequence[Any]], units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not columns:
            raise ValueError(f"WideLinear needs at least one column. Received: columns={columns}")
        self.columns = [(str(name), int(size)) for name, size in columns]
        self.units = int(units)

    def build(self, input_shape: Any) -> None:
        if input_shape[-1] != len(self.columns):
            raise ValueError(
                f"{self.name} expects {len(self.columns)} ids in a row. Received: input_shape={input_shape}"
            )
        sizes = [size for _, size in self.columns]
        self.row_offsets = _offsets(sizes)
        self.table = self.add_weight(
            shape=(sum(sizes), self.units), initializer="zeros", name="table", autocast=False
        )
        self.built = True

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        rows = tf.gather(self.table.value, ids + tf.constant(self.row_offsets, ids.dtype))
        return tf.reduce_sum(rows, axis=1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (input_shape[0], self.units)

    def placements(self) -> list[Placement]:
        """Rows of each column; the layer must be built."""
        return [
            Placement(self.name, name, self.table, offset, size)
            for (name, size), offset in zip(self.columns, self.row_offsets, strict=True)
        ]

    def get_config(self) -> dict[str, Any]:
        columns = [list(column) for column in self.columns]
        return {**super().get_config(), "columns": columns, "units": self.units}


@keras.saving.register_keras_serializable(package=PACKAGE)
class EmbeddingTables(keras.layers.Layer):
    """Embeddings of several id columns, one table for each width.

    Args:
        columns: `[name, size, dim]` of each column, in the order of the ids.
        seed: int. Seed of the initial rows (uniform in `[-0.05, 0.05)`) and of the dropout.
        dropout: float in `[0, 1)`. Share of whole embeddings set to 0 in training; the others are scaled
            by `1 / (1 - dropout)`. Defaults to `0.0`.
        l2: float, at least 0. Adds `l2 * sum(squares of the rows read) / batch` to the losses in training, so
            that only rows of the batch are penalised. Defaults to `0.0`.

    Input `(batch, columns)` integers, output `(batch, sum of dims)` float32, columns of equal width side by
    side, widths in ascending order.
    """

    def __init__(
        self,
        columns: Sequence[Sequence[Any]],
        seed: int,
        dropout: float = 0.0,
        l2: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not columns:
            raise ValueError(f"EmbeddingTables needs at least one column. Received: columns={columns}")
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1). Received: dropout={dropout}")
        if l2 < 0.0:
            raise ValueError(f"l2 must be at least 0. Received: l2={l2}")
        self.columns = [(str(name), int(size), int(dim)) for name, size, dim in columns]
        self.seed = int(seed)
        self.dropout = float(dropout)
        self.l2 = float(l2)
        self.widths = sorted({dim for _, _, dim in self.columns})
        self.members = [[i for i, c in enumerate(self.columns) if c[2] == width] for width in self.widths]
        # Plain attributes: TensorFlow's checkpoints do not look into lists of a Keras layer.
        for width in self.widths if self.dropout else ():
            name = f"drop_{width}"
            setattr(
                self,
                name,
                SeededDropout(self.dropout, derive_seed(self.seed, name), shared_axes=(2,), name=name),
            )

    def build(self, input_shape: Any) -> None:
        if input_shape[-1] != len(self.columns):
            raise ValueError(
                f"{self.name} expects {len(self.columns)} ids in a row. Received: input_shape={input_shape}"
            )
        self.row_offsets = []
        for width, member in zip(self.widths, self.members, strict=True):
            sizes = [self.columns[i][1] for i in member]
            self.row_offsets.append(_offsets(sizes))
            name = f"table_{width}"
            initializer = keras.initializers.RandomUniform(-0.05, 0.05, seed=derive_seed(self.seed, name))
            table = self.add_weight(
                shape=(sum(sizes), width), initializer=initializer, name=name, autocast=False
            )
            setattr(self, name, table)
        self.built = True

    def call(self, ids: tf.Tensor, training: bool = False) -> tf.Tensor:
        parts, squares = [], []
        for index, (width, member) in enumerate(zip(self.widths, self.members, strict=True)):
            local = ids if len(member) == len(self.columns) else tf.gather(ids, member, axis=1)
            offsets = tf.constant(self.row_offsets[index], ids.dtype)
            rows = tf.gather(getattr(self, f"table_{width}").value, local + offsets)
            squares.append(tf.reduce_sum(tf.square(rows)))
            if self.dropout:
                rows = getattr(self, f"drop_{width}")(rows, training=training)
            parts.append(tf.reshape(rows, (-1, len(member) * width)))
        if self.l2 and training:
            self.add_loss(self.l2 * tf.add_n(squares) / tf.cast(tf.maximum(tf.shape(ids)[0], 1), tf.float32))
        return tf.concat(parts, axis=1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (input_shape[0], sum(dim for _, _, dim in self.columns))

    def outputs(self) -> list[tuple[str, int]]:
        """Column and component of each output, in order."""
        return [
            (self.columns[i][0], component)
            for width, member in zip(self.widths, self.members, strict=True)
            for i in member
            for component in range(width)
        ]

    def placements(self) -> list[Placement]:
        """Rows of each column, in the order of the columns; the layer must be built."""
        found = {
            i: Placement(
                "deep", self.columns[i][0], getattr(self, f"table_{width}"), offset, self.columns[i][1]
            )
            for width, member, offsets in zip(self.widths, self.members, self.row_offsets, strict=True)
            for i, offset in zip(member, offsets, strict=True)
        }
        return [found[i] for i in range(len(self.columns))]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "columns": [list(column) for column in self.columns],
            "seed": self.seed,
            "dropout": self.dropout,
            "l2": self.l2,
        }


@keras.saving.register_keras_serializable(package=PACKAGE)
class Bias(keras.layers.Layer):
    """Adds a trained constant to each logit.

    Args:
        initial: start value of each unit, or None for 0. Defaults to `None`.

    Input and output `(batch, units)`.
    """

    def __init__(self, initial: Sequence[float] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial = None if initial is None else [float(value) for value in initial]

    def build(self, input_shape: Any) -> None:
        units = input_shape[-1]
        values = self.initial if self.initial is not None else [0.0] * units
        if len(values) != units:
            raise ValueError(f"initial must have {units} values. Received: initial={values}")
        self.bias = self.add_weight(
            shape=(units,), initializer=lambda shape, dtype: tf.constant(values, dtype, shape), name="bias"
        )
        self.built = True

    def call(self, logits: tf.Tensor) -> tf.Tensor:
        return logits + self.bias.value

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "initial": self.initial}


@keras.saving.register_keras_serializable(package=PACKAGE)
class Mix(keras.layers.Layer):
    """Mixes two logits that are trained apart.

    Args:
        weight: float in `(0, 1)`. Share of the second one.

    Input: two tensors `(batch, units)`. Output: side by side `(batch, 2 units)` in training, where each has a
    loss of its own, and `(1 - weight) * first + weight * second`, `(batch, units)`, otherwise.
    """

    def __init__(self, weight: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.weight = float(weight)

    def call(self, logits: Sequence[tf.Tensor], training: bool = False) -> tf.Tensor:
        first, second = logits
        if training:
            return tf.concat([first, second], axis=-1)
        return (1.0 - self.weight) * first + self.weight * second

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return tuple(input_shape[0])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weight": self.weight}
