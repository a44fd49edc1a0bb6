"""A small transform graph of texts in tokens or characters, as the transform step would save it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from trainer.spec.sequence import FIRST_UNIT, UNKNOWN, SequenceFeatureSpec, UnitKind, UnitsSpec


def units(column: str, kind: UnitKind, known: str, max_length: int = 6) -> UnitsSpec:
    """Units written as one text: by spaces for `tokens`, one by one otherwise."""
    return UnitsSpec(column, kind, tuple(known.split() if kind == "tokens" else known), max_length)


def seq2seq() -> SequenceFeatureSpec:
    """Characters of `word` to tokens of `phones`."""
    source, target = units("word", "characters", "abcehst"), units("phones", "tokens", "A B K S T H")
    return SequenceFeatureSpec("seq2seq", target, source, raw={"word": "string"})


def language_model() -> SequenceFeatureSpec:
    """Characters of `text`."""
    return SequenceFeatureSpec("language_model", units("text", "characters", "ab c"), raw={"text": "string"})


class _Graph(tf.Module):
    def __init__(self, features: SequenceFeatureSpec) -> None:
        super().__init__()
        sides = {"source": features.source, "target": features.target}
        self._sides = {name: found for name, found in sides.items() if found is not None}
        self.tables = {
            name: tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(
                    tf.constant(found.units), tf.range(FIRST_UNIT, found.size, dtype=tf.int64)
                ),
                UNKNOWN,
            )
            for name, found in self._sides.items()
        }
        shapes = {
            found.column: tf.SparseTensorSpec([None, None], tf.string) for found in self._sides.values()
        }
        self.transform_fn = tf.function(self._transform, input_signature=[shapes])

    def _transform(self, inputs: dict[str, tf.SparseTensor]) -> dict[str, Any]:
        outputs: dict[str, Any] = {}
        for name, found in self._sides.items():
            sparse = inputs[found.column]
            column = tf.SparseTensor(sparse.indices, sparse.values, [sparse.dense_shape[0], 1])
            texts = tf.squeeze(tf.sparse.to_dense(column, ""), 1)
            tokens = found.kind == "tokens"
            parts = tf.strings.split(texts) if tokens else tf.strings.unicode_split(texts, "UTF-8")
            ids = tf.ragged.map_flat_values(self.tables[name].lookup, parts)
            outputs[f"{name}_ids"] = ids.to_sparse()
            outputs[f"{name}_length"] = ids.row_lengths()[:, None]
        return outputs


def write(directory: Path, features: SequenceFeatureSpec) -> Path:
    """Saves the graph and returns `directory`."""
    tf.saved_model.save(_Graph(features), str(directory / "transform_fn"))
    return directory
