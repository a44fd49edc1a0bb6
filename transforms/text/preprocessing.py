"""The preprocessing function of the transform graph of a sequence task: raw texts to ids and lengths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from transforms.tabular import inputs
from transforms.text import vocabulary, wordpiece
from transforms.text.divide import clean, divide
from transforms.text.layout import Layout, Text, parse


def preprocessing_fn(columns: Mapping[str, Any], custom_config: Mapping[str, Any]) -> dict[str, Any]:
    """Builds the transform graph that a plan describes.

    Ids 0 to 3 are padding, begin, end and unknown; learned units follow, the most frequent first, equal ones
    in the order of their bytes. No id of begin or end is put into a sequence, and none is cut off. Outputs of
    a side depend on its column alone, so the graph serves examples without a target.

    Args:
        columns: SparseTensors of strings `(batch, values)` by column name; of several values in a row the
            first is used, a row without any is the empty text. Bytes that are not UTF-8 become U+FFFD.
        custom_config: mapping whose `plan` is the plan as JSON text.

    Returns:
        `source_ids` and `target_ids`, sparse int64 `(batch, longest)`; `source_length` and `target_length`,
        int64 `(batch, 1)`; `weight` float32 `(batch,)`. What has no column is absent.

    Raises:
        ValueError: if the plan is incomplete or contradicts itself or the columns.
    """
    layout = parse(custom_config["plan"])
    units = {
        side: divide(clean(inputs.first_values(columns, [text.column], tf.string, "")[:, 0]), text.units)
        for side, text in layout.texts.items()
        if text.column in columns or side == "source" or layout.source is None
    }
    outputs: dict[str, Any] = {}
    for side, ids in _ids(units, layout).items():
        outputs[f"{side}_ids"] = ids.to_sparse()
        outputs[f"{side}_length"] = ids.row_lengths()[:, tf.newaxis]
    if layout.weight is not None and layout.weight in columns:
        outputs["weight"] = inputs.first_values(columns, [layout.weight], tf.float32, float("nan"))[:, 0]
    return outputs


def _ids(units: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    learned: dict[str, Any] = {}
    for file in {layout.texts[side].file: None for side in units}:
        sides = [side for side in units if layout.texts[side].file == file]
        values = tf.concat([units[side].flat_values for side in sides], axis=0)
        learned[file] = vocabulary.analysed(values, layout.texts[sides[0]])
    return {
        side: _of_column(found, layout.texts[side], learned[layout.texts[side].file])
        for side, found in units.items()
    }


def _of_column(units: Any, text: Text, path: Any) -> Any:
    if text.units != "subwords":
        ids = vocabulary.look_up(units.flat_values, path, vocabulary.UNKNOWN_ID)
        return units.with_flat_values(ids)
    pieces = wordpiece.longest_match(
        units.flat_values,
        lambda keys: vocabulary.look_up(keys, path, -1),
        vocabulary.UNKNOWN_ID,
    )
    return units.with_flat_values(pieces).merge_dims(1, 2)
