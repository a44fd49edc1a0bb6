"""From the transform graph's columns to ids as a model reads them, and what was remarkable in each text."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import tensorflow as tf

from trainer.spec import UnitsSpec
from trainer.spec.sequence import UNKNOWN

OK, EMPTY, UNKNOWN_UNITS, TRUNCATED = "ok", "empty", "unknown", "truncated"


@dataclasses.dataclass(frozen=True)
class Ids:
    """Texts as ids.

    Args:
        ids: int32 `(rows, units)`, without begin and end, padded with 0, at least one position wide.
        lengths: int32 `(rows,)`. Units of each text, after the cut.
        status: string `(rows,)`: `truncated` where units beyond `max_length` were cut off, else `empty`
            without a unit, else `unknown` where a unit is not in the vocabulary, else `ok`.
    """

    ids: Any
    lengths: Any
    status: Any


def read(columns: Mapping[str, Any], side: Literal["source", "target"], units: UnitsSpec) -> Ids:
    """Texts of one side, cut to the length that the model was trained for.

    Args:
        columns: outputs of the transform graph; `SIDE_ids` is a sparse int64 tensor.
        side: `source` or `target`.
        units: gives the greatest length.
    """
    sparse = columns[f"{side}_ids"]
    rows, places = sparse.indices[:, 0], sparse.indices[:, 1]
    count = sparse.dense_shape[0]
    whole = tf.math.unsorted_segment_sum(tf.ones_like(rows), rows, count)
    lengths = tf.minimum(whole, units.max_length)
    width = tf.maximum(tf.reduce_max(tf.concat([lengths, [0]], 0)), 1)
    kept = places < width
    ids = tf.scatter_nd(
        tf.boolean_mask(sparse.indices, kept),
        tf.boolean_mask(tf.cast(sparse.values, tf.int32), kept),
        tf.stack([count, width]),
    )
    status = tf.where(tf.reduce_any(ids == UNKNOWN, axis=1), UNKNOWN_UNITS, OK)
    status = tf.where(whole == 0, EMPTY, status)
    status = tf.where(whole > units.max_length, TRUNCATED, status)
    return Ids(ids, tf.cast(lengths, tf.int32), status)
