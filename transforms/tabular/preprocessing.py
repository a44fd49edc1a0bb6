"""The preprocessing function of the transform graph: raw columns to ids, dense inputs, label and weight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from transforms.tabular import crosses, dates, hashing, inputs, numeric, vocabulary
from transforms.tabular.layout import Layout, parse


def preprocessing_fn(columns: Mapping[str, Any], custom_config: Mapping[str, Any]) -> dict[str, Any]:
    """Builds the transform graph that a plan describes.

    Ids of a column are local, in `[0, size)`. Label and weight pass through; no other output depends on
    them, so the graph serves examples without them.

    Args:
        columns: SparseTensors `(batch, values)` by column name: text as string, numbers as float32, times
            as int64 UTC epoch seconds. A row without a value is missing, and so are empty text, a number
            that is not finite and the time -2**63. Of several values in a row the first is used.
        custom_config: mapping whose `plan` is the plan as JSON text.

    Returns:
        `wide_ids` int64 `(batch, wide columns)`; `deep_ids` int64 `(batch, deep columns)`; `dense` float32
        `(batch, dense inputs)`; `label` `(batch,)`, int64 for a multiclass task and float32 otherwise;
        `weight` float32 `(batch,)`. An output without columns is absent.

    Raises:
        ValueError: if the plan is incomplete or contradicts itself or the columns.
    """
    layout = parse(custom_config["plan"])
    numbers = None
    if layout.numeric:
        names = [column.name for column in layout.numeric]
        numbers = numeric.finite(inputs.first_values(columns, names, tf.float32, float("nan")))
    outputs = {}
    if layout.wide or layout.deep:
        ids = _ids(columns, numbers, layout)
        if layout.wide:
            outputs["wide_ids"] = tf.gather(ids, layout.wide, axis=1)
        if layout.deep:
            outputs["deep_ids"] = tf.gather(ids, [slot for slot, _ in layout.deep], axis=1)
    dense = []
    if any(column.dense for column in layout.numeric):
        dense.append(numeric.scaled(numbers, layout.numeric))
    if any(column.indicator for column in layout.numeric):
        dense.append(numeric.indicators(numbers, layout.numeric))
    if dense:
        outputs["dense"] = tf.concat(dense, axis=1)
    return outputs | _targets(columns, layout)


def _ids(columns: Mapping[str, Any], numbers: Any, layout: Layout) -> Any:
    ids: list[Any] = []
    tokens: list[Any] = []
    text_names = [*(v.name for v in layout.vocabularies), *(h.name for h in layout.hashed)]
    if text_names:
        text = inputs.first_values(columns, text_names, tf.string, "")
        values = hashing.tokens(text)
        keys = hashing.salted(values, hashing.salts(text_names))
        learned = len(layout.vocabularies)
        if layout.vocabularies:
            ids.append(vocabulary.vocabulary_ids(text[:, :learned], keys[:, :learned], layout.vocabularies))
        if layout.hashed:
            sizes = tf.constant([column.buckets for column in layout.hashed], tf.int64)
            hashed = hashing.buckets(keys[:, learned:], sizes)
            ids.append(tf.where(tf.equal(text[:, learned:], ""), sizes, hashed))
        tokens.append(values)
    if layout.parts:
        seconds = inputs.first_values(columns, layout.times, tf.int64, dates.MISSING)
        owners = [layout.times.index(column) for column, _ in layout.parts]
        ids.append(dates.part_ids(tf.gather(seconds, owners, axis=1), tuple(p for _, p in layout.parts)))
        tokens.append(tf.cast(ids[-1], tf.uint64))
    if layout.bucketed:
        ids.append(numeric.bucket_ids(numbers, [(i, layout.numeric[i].buckets) for i in layout.bucketed]))
        tokens.append(tf.cast(ids[-1], tf.uint64))
    if layout.crosses:
        ids.append(crosses.cross_ids(tf.concat(tokens, axis=1), layout.crosses))
    return tf.concat(ids, axis=1)


def _targets(columns: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    outputs = {}
    if layout.label in columns:
        if layout.task == "multiclass":
            label = inputs.first_values(columns, [layout.label], tf.int64, -1)
        else:
            label = inputs.first_values(columns, [layout.label], tf.float32, float("nan"))
        outputs["label"] = label[:, 0]
    if layout.weight is not None and layout.weight in columns:
        outputs["weight"] = inputs.first_values(columns, [layout.weight], tf.float32, float("nan"))[:, 0]
    return outputs
