"""Sparse inputs become dense matrices with a few operations, however many columns there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf


def first_values(inputs: Mapping[str, Any], names: Sequence[str], dtype: tf.DType, default: Any) -> Any:
    """The first value of each row of sparse columns, side by side.

    A row with several values keeps the first one; a row without values gets `default`.

    Args:
        inputs: SparseTensors `(batch, values)` by column name.
        names: the columns to read, at least one.
        dtype: type of the result: `tf.string`, `tf.float32` or `tf.int64`.
        default: value of a missing entry.

    Returns:
        Tensor `(batch, len(names))` of `dtype`.

    Raises:
        ValueError: if a column is absent, is not a SparseTensor, or mixes up text and numbers.
    """
    columns = [_column(inputs, name) for name in names]
    width = len(columns)
    indices = tf.concat([column.indices for column in columns], axis=0)
    values = tf.concat(
        [_values(column, name, dtype) for column, name in zip(columns, names, strict=True)], axis=0
    )
    counts = tf.stack([tf.size(column.values, out_type=tf.int64) for column in columns])
    owner = tf.repeat(tf.range(width, dtype=tf.int64), counts)
    # Second and later values of a row are written to a spare last column, which is then cut off.
    target = tf.where(tf.equal(indices[:, 1], 0), owner, tf.constant(width, tf.int64))
    dense = tf.raw_ops.SparseToDense(
        sparse_indices=tf.stack([indices[:, 0], target], axis=1),
        output_shape=tf.stack([columns[0].dense_shape[0], tf.constant(width + 1, tf.int64)]),
        sparse_values=values,
        default_value=tf.constant(default, dtype),
        validate_indices=False,
    )
    return tf.ensure_shape(dense[:, :width], (None, width))


def _column(inputs: Mapping[str, Any], name: str) -> Any:
    if name not in inputs:
        raise ValueError(
            f"Expected a column {name!r} in the examples. Received: columns={sorted(inputs)}. "
            "Make the schema from data that has this column, or remove the feature."
        )
    column = inputs[name]
    if not isinstance(column, tf.SparseTensor):
        raise ValueError(
            f"Expected a sparse tensor for column {name!r}: the schema must not fix its shape. "
            f"Received: {type(column).__name__}"
        )
    return column


def _values(column: Any, name: str, dtype: tf.DType) -> Any:
    values = column.values
    if (values.dtype == tf.string) != (dtype == tf.string):
        raise ValueError(
            f"Expected {dtype.name} values in column {name!r}. Received: dtype={values.dtype.name}. "
            "Change the kind of the feature, or ingest the column again."
        )
    return tf.cast(values, dtype)
