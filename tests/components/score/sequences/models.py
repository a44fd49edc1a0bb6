"""Exported models of sequences with few parts: units become units, and attention looks at the same place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from components.score.sequences.answers import NEVER
from tests.trainer import text_graph
from trainer.export.serving import save
from trainer.export.signatures import make_signatures, parse_raw
from trainer.spec.sequence import SequenceFeatureSpec

FEATURES = text_graph.seq2seq()


class Spelling(tf.Module):
    """Writes the letters of a word with other ones, and a second, worse hypothesis without the last one.

    A third hypothesis is one that the beam did not fill.
    """

    def __init__(self, changes: Mapping[str, str]) -> None:
        super().__init__()
        self._changes = dict(changes)

    def answer(self, raw: Mapping[str, Any], rows: Any) -> dict[str, Any]:
        (sparse,) = raw.values()
        words = tf.squeeze(tf.sparse.to_dense(tf.SparseTensor(sparse.indices, sparse.values, [rows, 1])), 1)
        best = words
        for old, new in self._changes.items():
            best = tf.strings.regex_replace(best, old, new)
        best = tf.strings.strip(tf.strings.regex_replace(best, "(.)", r"\1 "))
        best = tf.strings.upper(best)
        second = tf.strings.regex_replace(best, " ?[A-Z]$", "")
        length = tf.cast(tf.strings.length(words), tf.float32)
        scores = tf.stack([-0.1 * length, -0.2 * length, tf.fill([rows], NEVER)], axis=1)
        return {
            "texts": tf.stack([best, second, tf.fill([rows], "")], axis=1),
            "scores": scores,
            "log_probabilities": 2 * scores,
            "status": tf.where(tf.strings.regex_full_match(words, ".*z.*"), "unknown", "ok"),
        }


def export(directory: Path, changes: Mapping[str, str], attention: bool = False) -> Path:
    """Saves such a model, with the signature `explain` where asked for."""
    module = Spelling(changes)
    signatures = make_signatures(FEATURES.raw, module.answer)
    if attention:
        signatures["explain"] = tf.function(_explain(module)).get_concrete_function(
            tf.TensorSpec([None], tf.string, name="examples")
        )
    save(module, signatures, FEATURES.raw, directory)
    return directory


def _explain(module: Spelling) -> Any:
    def explain(examples: Any) -> dict[str, Any]:
        raw = parse_raw(examples, FEATURES.raw)
        rows = tf.shape(examples, out_type=tf.int64)[0]
        (sparse,) = raw.values()
        words = tf.squeeze(tf.sparse.to_dense(tf.SparseTensor(sparse.indices, sparse.values, [rows, 1])), 1)
        source = tf.strings.unicode_split(words, "UTF-8").to_tensor()
        units = tf.strings.split(module.answer(raw, rows)["texts"][:, 0]).to_tensor()
        weights = tf.eye(tf.shape(units)[1], tf.shape(source)[1], batch_shape=[tf.shape(units)[0]])
        return {"source_units": source, "units": units, "attention": weights}

    return explain


def row(weight: float | None = None, **columns: str) -> bytes:
    """A raw row; an empty value is missing."""
    made = tf.train.Example()
    for name, value in columns.items():
        if value:
            made.features.feature[name].bytes_list.value.append(value.encode())
    if weight is not None:
        made.features.feature["w"].float_list.value.append(weight)
    return made.SerializeToString()


def language_model_prior(directory: Path, texts: list[str]) -> tuple[SequenceFeatureSpec, Path]:
    """A unigram model of characters, fitted on texts of `a`, `b`, `c` and spaces."""
    import numpy as np

    from trainer.export.sequence.prior import export_sequence_prior, fit_prior
    from trainer.spec.sequence import FIRST_UNIT

    features = text_graph.language_model()
    ids = [
        np.array([FIRST_UNIT + features.target.units.index(unit) for unit in text], np.int32)
        for text in texts
    ]
    prior = fit_prior(features, [(None, one) for one in ids])
    graph = text_graph.write(directory / "graph", features)
    export_sequence_prior(directory / "model", features, prior, graph)
    return features, directory / "model"
